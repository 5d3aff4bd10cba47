//! The rows of a table: the last of each key, in the order of the keys.
use crate::arrays::ByteColumn;

/// Bits that one pass of the sort looks at.
const DIGIT_BITS: u32 = 11;

/// A key and its row; the row is None where the key is deleted.
pub type Pair<'a> = (&'a [u8], Option<&'a [u8]>);
type Columns<'a> = [(ByteColumn<'a>, ByteColumn<'a>)];

/// Where a row is, and what decides nearly every order: of eight bytes of its key, behind what all keys share, the bits
/// in which keys differ.
#[derive(Clone, Copy, Default)]
struct Entry {
    head: u64,
    column: u32,
    row: u32,
}

/// The last row of every key, sorted by key.
pub struct LastRows<'a> {
    columns: &'a Columns<'a>,
    order: Vec<Entry>,
}

impl<'a> LastRows<'a> {
    /// Sorts the keys; rows without a key are left out.
    pub fn new(columns: &'a Columns<'a>) -> Self {
        let shared = shared_bytes(columns);
        let mut order = sorted_by_head(entries(columns, shared));
        let key = |entry: &Entry| key_of(columns, entry);
        for run in order.chunk_by_mut(|a, b| a.head == b.head).filter(|run| run.len() > 1) {
            run.sort_by(|a, b| key(a).cmp(key(b)));
        }
        // Among equal keys the last one stays, as the sorts keep their order.
        order.dedup_by(|next, kept| {
            let same = next.head == kept.head && key(next) == key(kept);
            if same {
                *kept = *next;
            }
            same
        });
        LastRows { columns, order }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// The rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Pair<'a>> + '_ {
        self.order
            .iter()
            .map(|entry| (key_of(self.columns, entry), self.columns[entry.column as usize].1.get(entry.row as usize)))
    }
}

fn key_of<'a>(columns: &Columns<'a>, entry: &Entry) -> &'a [u8] {
    columns[entry.column as usize].0.get(entry.row as usize).unwrap_or_default()
}

fn entries(columns: &Columns<'_>, shared: usize) -> Vec<Entry> {
    let mut order = Vec::with_capacity(columns.iter().map(|(keys, _)| keys.len()).sum());
    for (column, (keys, _)) in columns.iter().enumerate() {
        for row in 0..keys.len() {
            if let Some(key) = keys.get(row) {
                order.push(Entry { head: head(&key[shared..]), column: column as u32, row: row as u32 });
            }
        }
    }
    order
}

/// Sorts by the heads, digit by digit from the lowest; what is equal stays in its order.
fn sorted_by_head(mut order: Vec<Entry>) -> Vec<Entry> {
    if order.is_sorted_by_key(|entry| entry.head) {
        return order;
    }
    let first = order.first().map_or(0, |entry| entry.head);
    let varying = Varying::new(order.iter().fold(0, |bits, entry| bits | (entry.head ^ first)));
    for entry in &mut order {
        entry.head = varying.squeeze(entry.head);
    }
    let mut other = vec![Entry::default(); order.len()];
    let mut places = vec![0usize; 1 << DIGIT_BITS];
    for shift in (0..varying.count).step_by(DIGIT_BITS as usize) {
        let digit = |entry: &Entry| (entry.head >> shift) as usize & ((1 << DIGIT_BITS) - 1);
        places.fill(0);
        for entry in &order {
            places[digit(entry)] += 1;
        }
        let mut next = 0;
        for place in &mut places {
            (*place, next) = (next, next + *place);
        }
        for entry in &order {
            let place = &mut places[digit(entry)];
            other[*place] = *entry;
            *place += 1;
        }
        std::mem::swap(&mut order, &mut other);
    }
    order
}

/// The bits in which numbers differ, side by side: fewer of them, in the same order.
struct Varying {
    /// Bits of the number, how far to the right they belong.
    runs: Vec<(u64, u32)>,
    count: u32,
}

impl Varying {
    fn new(mut bits: u64) -> Self {
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
