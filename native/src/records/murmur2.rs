//! Kafka's variant of murmur2, the hash behind the default partitioner.
use arrow_array::Array;
use pyo3::prelude::*;

use crate::arrays::{ByteColumn, Column, Vector};

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;

/// The hash of one key.
#[inline]
pub fn murmur2(data: &[u8]) -> i32 {
    let mut hash = SEED ^ data.len() as u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let mut k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = chunks.remainder();
    for (index, byte) in rest.iter().enumerate() {
        hash ^= (*byte as u32) << (8 * index);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)) as i32
}

/// The partition of one key among `partitions`.
#[inline]
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) as u32 & 0x7fff_ffff) % partitions
}

/// Hashes a column; null rows give 0.
#[pyfunction]
#[pyo3(name = "murmur2_column")]
pub fn murmur2_column(py: Python<'_>, keys: Column) -> PyResult<Vector> {
    let column = ByteColumn::new(&*keys.0 as &dyn Array, "keys")?;
    Ok(py.detach(|| (0..column.len()).map(|row| column.get(row).map_or(0, murmur2)).collect::<Vec<i32>>()).into())
}

/// Hashes one byte string.
#[pyfunction]
#[pyo3(name = "murmur2")]
pub fn murmur2_one(key: &[u8]) -> i32 {
    murmur2(key)
}
