//! The rows of a table: the last of each key, in the order of the keys.
use std::hint::black_box;

use crate::arrays::ByteColumn;

/// Bits that one pass of the sort looks at.
const DIGIT_BITS: u32 = 11;
/// So many runs of ascending heads, as logs of growing ids or of several writers have, are merged sooner than sorted.
const RUNS_MAX: usize = 64;
/// So many rows are looked up before the first of them is given: their memory is fetched side by side.
const AHEAD: usize = 32;

/// A key and its row; the row is None where the key is deleted.
pub type Pair<'a> = (&'a [u8], Option<&'a [u8]>);
type Columns<'a> = [(ByteColumn<'a>, ByteColumn<'a>)];

/// The last row of every key, sorted by key.
pub struct LastRows<'a> {
    columns: &'a Columns<'a>,
    places: Places,
    order: Vec<u64>,
    /// Whether rows that follow each other are anywhere in memory.
    scattered: bool,
}

impl<'a> LastRows<'a> {
    /// Sorts the keys; rows without a key are left out.
    pub fn new(columns: &'a Columns<'a>) -> Self {
        let places = Places::of(columns);
        let shared = shared_bytes(columns);
        let (heads, runs) = heads(columns, shared);
        let varying = Varying::new(&heads, places.bits);
        let mut order = entries(columns, heads, &places, &varying);
        // Heads that are in order stay so when bits are left out of them.
        match runs {
            ..=1 => (),
            ..=RUNS_MAX => order.sort(), // finds the runs; places make equal heads differ in the order of their rows
            _ => order = sorted_by_head(order, places.bits, varying.count),
        }
        let mut rows = LastRows { columns, places, order, scattered: runs > RUNS_MAX };
        rows.settle_equal_heads();
        rows
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Gives the rows in order.
    pub fn each<E>(&self, mut row: impl FnMut(Pair<'a>) -> Result<(), E>) -> Result<(), E> {
        if !self.scattered {
            return self.order.iter().try_for_each(|entry| row(self.pair(*entry)));
        }
        let mut pairs: Vec<Pair<'a>> = Vec::with_capacity(AHEAD);
        for entries in self.order.chunks(AHEAD) {
            pairs.clear();
            pairs.extend(entries.iter().map(|entry| self.pair(*entry)));
            black_box(pairs.iter().fold(0, |seen, (key, row)| seen ^ first_byte(key) ^ first_byte(row.unwrap_or(&[]))));
            for pair in &pairs {
                row(*pair)?;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn pair(&self, entry: u64) -> Pair<'a> {
        let (column, row) = self.places.split(entry);
        let (keys, rows) = &self.columns[column];
        (keys.get(row).unwrap_or_default(), rows.get(row))
    }

    fn key(&self, entry: u64) -> &'a [u8] {
        let (column, row) = self.places.split(entry);
        self.columns[column].0.get(row).unwrap_or_default()
    }

    /// Sorts what has the same head by its whole keys, and keeps the last row of each key.
    fn settle_equal_heads(&mut self) {
        let mut order = std::mem::take(&mut self.order);
        let head = |entry: u64| self.places.head(entry);
        let mut kept = 0;
        let mut at = 0;
        while at < order.len() {
            let first = head(order[at]);
            let same = 1 + order[at + 1..].iter().take_while(|entry| head(**entry) == first).count();
            if same == 1 {
                order[kept] = order[at];
                kept += 1;
                at += 1;
                continue;
            }
            let run = &mut order[at..at + same];
            // Entries of one head are in the order of their rows, which the sort keeps for equal keys.
            run.sort_by(|a, b| self.key(*a).cmp(self.key(*b)));
            for next in at..at + same {
                let is_last = next + 1 == at + same || self.key(order[next]) != self.key(order[next + 1]);
                if is_last {
                    order[kept] = order[next];
                    kept += 1;
                }
            }
            at += same;
        }
        order.truncate(kept);
        self.order = order;
    }
}

#[inline(always)]
fn first_byte(bytes: &[u8]) -> u8 {
    bytes.first().copied().unwrap_or_default()
}

/// Where a row is, as the low bits of a number: its column, and its place there.
///
/// An entry of the order has above them what decides nearly every order: of eight bytes of the key, behind what all
/// keys share, the bits in which keys differ, as many as there is room for.
struct Places {
    row_bits: u32,
    bits: u32,
}

impl Places {
    fn of(columns: &Columns<'_>) -> Self {
        let bits_of = |count: usize| usize::BITS - count.saturating_sub(1).leading_zeros();
        let row_bits = bits_of(columns.iter().map(|(keys, _)| keys.len()).max().unwrap_or(0));
        Places { row_bits, bits: row_bits + bits_of(columns.len()) }
    }

    #[inline(always)]
    fn place(&self, column: usize, row: usize) -> u64 {
        (column as u64) << self.row_bits | row as u64
    }

    #[inline(always)]
    fn split(&self, entry: u64) -> (usize, usize) {
        let place = entry & ((1 << self.bits) - 1);
        ((place >> self.row_bits) as usize, (place & ((1 << self.row_bits) - 1)) as usize)
    }

    #[inline(always)]
    fn head(&self, entry: u64) -> u64 {
        entry >> self.bits
    }
}

/// The heads of all keys, and in how many runs they ascend.
fn heads(columns: &Columns<'_>, shared: usize) -> (Vec<u64>, usize) {
    let mut heads = Vec::with_capacity(columns.iter().map(|(keys, _)| keys.len()).sum());
    let (mut last, mut runs) = (0, 1);
    for (keys, _) in columns {
        for key in (0..keys.len()).filter_map(|row| keys.get(row)) {
            let head = head(&key[shared..]);
            runs += usize::from(head < last);
            last = head;
            heads.push(head);
        }
    }
    (heads, runs)
}

/// Makes entries of the heads, in the same order.
fn entries(columns: &Columns<'_>, mut heads: Vec<u64>, places: &Places, varying: &Varying) -> Vec<u64> {
    let mut at = heads.iter_mut();
    for (column, (keys, _)) in columns.iter().enumerate() {
        let rows = (0..keys.len()).filter(|row| keys.is_there(*row));
        for (row, head) in rows.zip(&mut at) {
            *head = varying.squeeze(*head) << places.bits | places.place(column, row);
        }
    }
    heads
}

/// Sorts by the heads, digit by digit from the lowest; what is equal stays in its order.
fn sorted_by_head(mut order: Vec<u64>, place_bits: u32, head_bits: u32) -> Vec<u64> {
    let mut other = vec![0; order.len()];
    let mut places = vec![0usize; 1 << DIGIT_BITS];
    for shift in (place_bits..place_bits + head_bits).step_by(DIGIT_BITS as usize) {
        let digit = |entry: u64| (entry >> shift) as usize & ((1 << DIGIT_BITS) - 1);
        places.fill(0);
        for entry in &order {
            places[digit(*entry)] += 1;
        }
        let mut next = 0;
        for place in &mut places {
            (*place, next) = (next, next + *place);
        }
        for entry in &order {
            let place = &mut places[digit(*entry)];
            other[*place] = *entry;
            *place += 1;
        }
        std::mem::swap(&mut order, &mut other);
    }
    order
}

/// The bits in which heads differ, side by side: fewer of them, in the same order.
struct Varying {
    /// Bits of the head, how far to the right they belong.
    runs: Vec<(u64, u32)>,
    count: u32,
}

impl Varying {
    /// Takes the highest bits, where there is no room for all beside so many others.
    fn new(heads: &[u64], others: u32) -> Self {
        let first = heads.first().copied().unwrap_or(0);
        let mut bits = heads.iter().fold(0, |bits, head| bits | (head ^ first));
        while bits.count_ones() + others > u64::BITS {
            bits &= bits - 1;
        }
        let mut varying = Varying { runs: Vec::new(), count: 0 };
        while bits != 0 {
            let low = bits.trailing_zeros();
            let length = (bits >> low).trailing_ones();
            let run = (u64::MAX >> (u64::BITS - length)) << low;
            varying.runs.push((run, low - varying.count));
            varying.count += length;
            bits &= !run;
        }
        varying
    }

    #[inline(always)]
    fn squeeze(&self, number: u64) -> u64 {
        self.runs.iter().fold(0, |squeezed, (bits, right)| squeezed | (number & bits) >> right)
    }
}

/// How many bytes all keys begin with alike.
fn shared_bytes(columns: &Columns<'_>) -> usize {
    let keys = || columns.iter().flat_map(|(keys, _)| (0..keys.len()).filter_map(|row| keys.get(row)));
    let Some(first) = keys().next() else { return 0 };
    let mut shared = first.len();
    for key in keys() {
        let most = shared.min(key.len());
        shared = (0..most).find(|at| key[*at] != first[*at]).unwrap_or(most);
        if shared == 0 {
            break;
        }
    }
    shared
}

/// The first eight bytes of a key as a number that sorts as they do.
#[inline(always)]
fn head(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let number = key.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            number.checked_shl(u64::BITS - 8 * key.len() as u32).unwrap_or(0) // zeros where there are no bytes
        }
    }
}
