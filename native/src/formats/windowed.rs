//! Windowed keys: 64-bit bounds behind the bytes of a key.
use arrow_buffer::NullBuffer;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::columns::bytes_array;
use crate::arrays::{borrowed, detached, to_pyarrow, ByteColumn, Column, Vector};

/// Appends one or two big-endian bounds to each key; null stays null.
#[pyfunction]
pub fn windowed_append<'py>(
    py: Python<'py>,
    keys: Column,
    first: PyBuffer<i64>,
    second: Option<PyBuffer<i64>>,
) -> PyResult<Bound<'py, PyAny>> {
    let bytes = ByteColumn::new(keys.0.as_ref(), "keys")?;
    let first = borrowed(&first, "window bounds")?;
    let second = second.as_ref().map(|second| borrowed(second, "window bounds")).transpose()?;
    if first.len() != bytes.len() || second.is_some_and(|second| second.len() != bytes.len()) {
        return Err(PyValueError::new_err("keys and window bounds differ in length"));
    }
    let (ends, data, present) = detached(py, bytes.len(), || {
        let mut ends = Vec::with_capacity(bytes.len());
        let mut data = Vec::with_capacity(bytes.len() * 24);
        let mut present = Vec::with_capacity(bytes.len());
        for row in 0..bytes.len() {
            let key = bytes.get(row);
            present.push(key.is_some());
            if let Some(key) = key {
                data.extend_from_slice(key);
                data.extend_from_slice(&first[row].to_be_bytes());
                if let Some(second) = second {
                    data.extend_from_slice(&second[row].to_be_bytes());
                }
            }
            ends.push(data.len() as i32);
            if data.len() > i32::MAX as usize {
                break;
            }
        }
        (ends, data, present)
    });
    let nulls = if present.iter().all(|present| *present) { None } else { Some(NullBuffer::from(present)) };
    to_pyarrow(py, bytes_array(ends, data, nulls, true)?.as_ref())
}

/// Splits `count` (1 or 2) bounds off each key.
///
/// Returns the keys, the bounds row by row (0 where there are none), and the rows that are too short, null here.
#[pyfunction]
pub fn windowed_split<'py>(
    py: Python<'py>,
    data: Column,
    count: usize,
) -> PyResult<(Bound<'py, PyAny>, Vector, Vector)> {
    let bytes = ByteColumn::new(data.0.as_ref(), "windowed keys")?;
    let (ends, keys, present, bounds, short) = detached(py, bytes.len(), || {
        let mut ends = Vec::with_capacity(bytes.len());
        let mut keys = Vec::with_capacity(bytes.len() * 16);
        let mut present = Vec::with_capacity(bytes.len());
        let mut bounds = vec![0i64; bytes.len() * count];
        let mut short: Vec<i64> = Vec::new();
        for row in 0..bytes.len() {
            let record = bytes.get(row);
            let split = record.and_then(|record| Some(record.split_at(record.len().checked_sub(8 * count)?)));
            present.push(split.is_some());
            match split {
                Some((key, tail)) => {
                    keys.extend_from_slice(key);
                    for (bound, word) in bounds[row * count..].iter_mut().zip(tail.chunks_exact(8)) {
                        *bound = word.iter().fold(0, |bound, byte| bound << 8 | *byte as i64);
                    }
                }
                None if record.is_some() => short.push(row as i64),
                None => {}
            }
            ends.push(keys.len() as i32);
            if keys.len() > i32::MAX as usize {
                break;
            }
        }
        (ends, keys, present, bounds, short)
    });
    let nulls = if present.iter().all(|present| *present) { None } else { Some(NullBuffer::from(present)) };
    Ok((to_pyarrow(py, bytes_array(ends, keys, nulls, true)?.as_ref())?, bounds.into(), short.into()))
}
