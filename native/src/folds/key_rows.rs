//! A hash table from key bytes to rows of 64-bit words, made for batches: hashing, prefetching, then comparing.
//!
//! A row is `[length | flags, key, key, timestamp, sequence, state words...]`.  Keys of up to 16 bytes lie in the row
//! itself, so that a fold over one or two columns touches two cache lines a record: index entry and row.
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::arrays::ByteColumn;

/// Marks a row of a batch that has no key or is masked out.
pub const NO_ROW: u32 = u32::MAX;
pub const HEADER_WORDS: usize = 5;
pub const TIMESTAMP: usize = 3;
pub const SEQUENCE: usize = 4;
/// The store was asked for the row.
pub const KNOWN: u64 = 1 << 32;
/// The row has a state; known and not present: the store has none.
pub const PRESENT: u64 = 1 << 33;
/// The state is newer than the store's.
pub const DIRTY: u64 = 1 << 34;
/// Only while missing keys are collected: the key is among them.
pub const ASKED: u64 = 1 << 35;
const INLINE: usize = 16;
const CHUNK: usize = 256;

/// Byte strings that do not fit into a word.
#[derive(Default)]
pub struct Heap {
    slots: Vec<Box<[u8]>>,
    free: Vec<u32>,
    pub bytes: usize,
}

impl Heap {
    pub fn put(&mut self, data: &[u8]) -> u64 {
        self.bytes += data.len() + 24;
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = data.into();
                slot as u64
            }
            None => {
                self.slots.push(data.into());
                self.slots.len() as u64 - 1
            }
        }
    }

    pub fn get(&self, slot: u64) -> &[u8] {
        &self.slots[slot as usize]
    }

    pub fn remove(&mut self, slot: u64) {
        let data = std::mem::take(&mut self.slots[slot as usize]);
        self.bytes -= data.len() + 24;
        self.free.push(slot as u32);
    }
}

/// A key ready for comparison: its hash, its length, and its bytes where they fit into two words.
#[derive(Clone, Copy, Default)]
struct Probe {
    tag: u32,
    length: u32,
    low: u64,
    high: u64,
}

pub struct KeyRows {
    pub stride: usize,
    pub words: Vec<u64>,
    pub heap: Heap,
    /// Entries are `tag << 32 | row + 1`, 0 is free; a power of two of them, at most half taken.
    index: Vec<u64>,
    seeds: (u64, u64),
}

#[inline(always)]
fn folded(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[inline(always)]
fn load(bytes: &[u8]) -> u64 {
    if let Some(eight) = bytes.first_chunk::<8>() {
        return u64::from_le_bytes(*eight);
    }
    let mut padded = [0u8; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(padded)
}

#[inline(always)]
fn prefetch<T>(slice: &[T], position: usize) {
    #[cfg(target_arch = "x86_64")]
    if position < slice.len() {
        // Only a hint; the position was checked.
        unsafe {
            use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
            _mm_prefetch(slice.as_ptr().add(position) as *const i8, _MM_HINT_T0);
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (slice, position);
}

impl KeyRows {
    pub fn new(state_words: usize) -> Self {
        let random = RandomState::new();
        KeyRows {
            stride: HEADER_WORDS + state_words,
            words: Vec::new(),
            heap: Heap::default(),
            index: vec![0; 64],
            seeds: (random.hash_one(1u8) | 1, random.hash_one(2u8) | 1),
        }
    }

    pub fn len(&self) -> usize {
        self.words.len() / self.stride
    }

    #[inline(always)]
    pub fn row(&self, row: u32) -> &[u64] {
        let start = row as usize * self.stride;
        &self.words[start..start + self.stride]
    }

    #[inline(always)]
    pub fn row_mut(&mut self, row: u32) -> &mut [u64] {
        let start = row as usize * self.stride;
        &mut self.words[start..start + self.stride]
    }

    /// Writes the key of a row to the end of `out`.
    pub fn push_key(&self, row: u32, out: &mut Vec<u8>) {
        let row = self.row(row);
        let length = row[0] as u32 as usize;
        if length > INLINE {
            out.extend_from_slice(self.heap.get(row[1]));
        } else {
            let mut bytes = [0u8; INLINE];
            bytes[..8].copy_from_slice(&row[1].to_le_bytes());
            bytes[8..].copy_from_slice(&row[2].to_le_bytes());
            out.extend_from_slice(&bytes[..length]);
        }
    }

    /// Bytes held: rows, index and heap.
    pub fn bytes(&self) -> usize {
        self.words.len() * 8 + self.index.len() * 8 + self.heap.bytes
    }

    #[inline(always)]
    fn probe(&self, key: &[u8]) -> Probe {
        let length = key.len();
        let (low, high, hash);
        if length <= INLINE {
            low = load(key);
            high = if length > 8 { load(&key[8..]) } else { 0 };
            hash = folded(low ^ self.seeds.0, high ^ self.seeds.1 ^ (length as u64) << 56);
        } else {
            (low, high) = (0, 0);
            let mut state = self.seeds.0 ^ length as u64;
            let mut chunks = key.chunks_exact(16);
            for chunk in &mut chunks {
                state = folded(state ^ load(&chunk[..8]), self.seeds.1 ^ load(&chunk[8..]));
            }
            let rest = &key[length - 16..];
            hash = folded(state ^ load(&rest[..8]), self.seeds.1 ^ load(&rest[8..]));
        }
        Probe { tag: (folded(hash, self.seeds.1) >> 16) as u32, length: length as u32, low, high }
    }

    #[inline(always)]
    fn is(&self, row: u32, probe: &Probe, key: &[u8]) -> bool {
        let words = self.row(row);
        if words[0] as u32 != probe.length {
            return false;
        }
        if probe.length as usize <= INLINE {
            return words[1] == probe.low && words[2] == probe.high;
        }
        self.heap.get(words[1]) == key
    }

    #[inline(always)]
    fn find(&self, probe: &Probe, key: &[u8]) -> Result<u32, usize> {
        let mask = self.index.len() - 1;
        let mut at = probe.tag as usize & mask;
        loop {
            let entry = self.index[at];
            if entry == 0 {
                return Err(at);
            }
            let row = entry as u32 - 1;
            if (entry >> 32) as u32 == probe.tag && self.is(row, probe, key) {
                return Ok(row);
            }
            at = (at + 1) & mask;
        }
    }

    fn insert(&mut self, probe: &Probe, key: &[u8], at: usize) -> u32 {
        let row = self.len() as u32;
        let start = self.words.len();
        self.words.resize(start + self.stride, 0);
        self.words[start] = probe.length as u64;
        if probe.length as usize > INLINE {
            self.words[start + 1] = self.heap.put(key);
        } else {
            self.words[start + 1] = probe.low;
            self.words[start + 2] = probe.high;
        }
        self.index[at] = (probe.tag as u64) << 32 | (row as u64 + 1);
        if (row as usize + 1) * 2 > self.index.len() {
            self.grow();
        }
        row
    }

    fn grow(&mut self) {
        let mask = self.index.len() * 2 - 1;
        let mut wider = vec![0u64; mask + 1];
        for entry in self.index.iter().filter(|entry| **entry != 0) {
            let mut at = (entry >> 32) as usize & mask;
            while wider[at] != 0 {
                at = (at + 1) & mask;
            }
            wider[at] = *entry;
        }
        self.index = wider;
    }

    /// The row of every key; `NO_ROW` for null and masked keys, and for keys not in the table unless `insert`.
    pub fn rows_of(&mut self, keys: &ByteColumn<'_>, mask: Option<&[u8]>, insert: bool) -> Vec<u32> {
        let count = keys.len();
        let mut rows = vec![NO_ROW; count];
        let mut probes = [Probe::default(); CHUNK];
        for start in (0..count).step_by(CHUNK) {
            let end = (start + CHUNK).min(count);
            let index_mask = self.index.len() - 1;
            let key_at = |at: usize| if mask.is_some_and(|mask| mask[at] == 0) { None } else { keys.get(at) };
            for at in start..end {
                if let Some(key) = key_at(at) {
                    let probe = self.probe(key);
                    prefetch(&self.index, probe.tag as usize & index_mask);
                    probes[at - start] = probe;
                }
            }
            for probe in &probes[..end - start] {
                let entry = self.index[probe.tag as usize & index_mask];
                prefetch(&self.words, (entry as u32).wrapping_sub(1) as usize * self.stride);
            }
            for at in start..end {
                let Some(key) = key_at(at) else { continue };
                let probe = &probes[at - start];
                match self.find(probe, key) {
                    Ok(row) => rows[at] = row,
                    Err(free) if insert => rows[at] = self.insert(probe, key, free),
                    Err(_) => {}
                }
            }
        }
        rows
    }

    /// Keeps only the rows for which `keep` holds; their numbers change.
    pub fn retain(&mut self, keep: &[bool]) {
        let mut kept = KeyRows {
            stride: self.stride,
            words: Vec::new(),
            heap: std::mem::take(&mut self.heap),
            index: vec![0; 64],
            seeds: self.seeds,
        };
        let mut key = Vec::new();
        let old = std::mem::take(&mut self.words);
        for (row, words) in old.chunks_exact(self.stride).enumerate() {
            let long = words[0] as u32 as usize > INLINE;
            if !keep[row] {
                if long {
                    kept.heap.remove(words[1]);
                }
                continue;
            }
            key.clear();
            if long {
                key.extend_from_slice(kept.heap.get(words[1]));
                kept.heap.remove(words[1]);
            } else {
                key.extend_from_slice(&words[1].to_le_bytes());
                key.extend_from_slice(&words[2].to_le_bytes());
                key.truncate(words[0] as u32 as usize);
            }
            let probe = kept.probe(&key);
            if let Err(free) = kept.find(&probe, &key) {
                let new = kept.insert(&probe, &key, free);
                let target = kept.row_mut(new);
                target[0] = words[0];
                target[TIMESTAMP..].copy_from_slice(&words[TIMESTAMP..]);
            }
        }
        *self = kept;
    }
}
