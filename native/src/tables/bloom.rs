//! The bloom filter of tables before format 5: lines of 64 bytes, one line a key, 32-bit hashes.
const LINE_BITS: usize = 512;
const BITS_PER_KEY: usize = 10;
const PROBES: u32 = 6;
const SEED: u32 = 0xbc9f_1d34;
const MIX: u32 = 0xc6a4_a793;

/// Lengths of keys, behind what they begin with, for which a hash that was begun is kept.
const LENGTHS_KNOWN: usize = 256;

/// RocksDB's hash of keys that begin alike; what they begin with is gone through once for each length of a key.
pub struct Hasher {
    words: Vec<u8>,
    begun: [Option<u32>; LENGTHS_KNOWN],
}

impl Hasher {
    /// A hasher of keys that begin with the prefix.
    pub fn new(prefix: &[u8]) -> Self {
        Hasher { words: prefix[..prefix.len() / 4 * 4].to_vec(), begun: [None; LENGTHS_KNOWN] }
    }

    /// The hash of a key, which begins with the prefix.
    pub fn hash(&mut self, key: &[u8]) -> u32 {
        let rest = &key[self.words.len()..];
        let begun = match self.begun.get(rest.len()).copied().flatten() {
            Some(begun) => begun,
            None => {
                let begun = add_words(SEED ^ (key.len() as u32).wrapping_mul(MIX), &self.words);
                if let Some(known) = self.begun.get_mut(rest.len()) {
                    *known = Some(begun);
                }
                begun
            }
        };
        let mut h = add_words(begun, rest);
        let rest = rest.chunks_exact(4).remainder();
        if !rest.is_empty() {
            // The bytes left over count as signed ones.
            for (at, byte) in rest.iter().enumerate() {
                h = h.wrapping_add((*byte as i8 as i32 as u32) << (8 * at));
            }
            h = h.wrapping_mul(MIX);
            h ^= h >> 24;
        }
        h
    }
}

/// Adds the whole words of bytes to a hash.
#[inline(always)]
fn add_words(mut h: u32, bytes: &[u8]) -> u32 {
    for word in bytes.chunks_exact(4) {
        h = h.wrapping_add(u32::from_le_bytes([word[0], word[1], word[2], word[3]])).wrapping_mul(MIX);
        h ^= h >> 16;
    }
    h
}

/// The filter block over the hashes of all keys.
pub fn filter(hashes: &[u32]) -> Vec<u8> {
    let lines = (hashes.len() * BITS_PER_KEY).div_ceil(LINE_BITS) | 1;
    let mut data = vec![0u8; lines * LINE_BITS / 8];
    // The remainder by two multiplications: the fraction of hash / lines in 64 bits, times the lines.
    let per_line = (u64::MAX / lines as u64).wrapping_add(1);
    for hash in hashes {
        let fraction = per_line.wrapping_mul(u64::from(*hash));
        let line = (u128::from(fraction) * lines as u128 >> u64::BITS) as usize * (LINE_BITS / 8);
        let delta = hash.rotate_right(17);
        let mut h = *hash;
        for _ in 0..PROBES {
            let bit = h as usize % LINE_BITS;
            data[line + bit / 8] |= 1 << (bit % 8);
            h = h.wrapping_add(delta);
        }
    }
    data.push(PROBES as u8);
    data.extend_from_slice(&(lines as u32).to_le_bytes());
    data
}
