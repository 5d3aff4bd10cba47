//! Tumbling and hopping windows of records, and windowed keys.
use arrow_array::{Array, BinaryArray};
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::arrays::{borrowed, detached, to_pyarrow, ByteColumn, Column, Vector};

/// See `kappaflow.kernel.assign_windows`.
#[pyfunction]
pub fn assign_windows(
    py: Python<'_>,
    timestamps: PyBuffer<i64>,
    stream_time: i64,
    size_ms: i64,
    advance_ms: i64,
    grace_ms: i64,
    valid: Option<PyBuffer<u8>>,
) -> PyResult<(Vector, Vector, u64, i64)> {
    let times = borrowed(&timestamps, "timestamps")?;
    let valid = valid.as_ref().map(|valid| borrowed(valid, "valid")).transpose()?;
    if valid.is_some_and(|valid| valid.len() != times.len()) {
        return Err(PyValueError::new_err("timestamps and valid must have the same length"));
    }
    let (rows, starts, late, stream_time) = detached(py, times.len(), || {
        let (mut rows, mut starts) = (Vec::with_capacity(times.len()), Vec::with_capacity(times.len()));
        let (mut late, mut stream_time) = (0u64, stream_time);
        for (row, time) in times.iter().enumerate().filter(|(row, _)| valid.is_none_or(|valid| valid[*row] != 0)) {
            stream_time = stream_time.max(*time);
            let close = stream_time.saturating_sub(grace_ms);
            let mut start = (time.saturating_sub(size_ms).saturating_add(advance_ms)).max(0) / advance_ms * advance_ms;
            while start <= *time {
                if start.saturating_add(size_ms) > close {
                    rows.push(row as i64);
                    starts.push(start);
                } else {
                    late += 1;
                }
                match start.checked_add(advance_ms) {
                    Some(next) => start = next,
                    None => break,
                }
            }
        }
        (rows, starts, late, stream_time)
    });
    Ok((rows.into(), starts.into(), late, stream_time))
}

/// See `kappaflow.kernel.window_keys`.
#[pyfunction]
pub fn window_keys<'py>(py: Python<'py>, keys: Column, starts: PyBuffer<i64>) -> PyResult<Bound<'py, PyAny>> {
    let column = ByteColumn::new(&*keys.0 as &dyn Array, "keys")?;
    let starts = borrowed(&starts, "starts")?;
    if column.len() != starts.len() {
        return Err(PyValueError::new_err("keys and starts must have the same length"));
    }
    let windowed = detached(py, starts.len(), || {
        let (mut data, mut ends, mut nulls) =
            (Vec::with_capacity(starts.len() * 24), vec![0i32], NullBufferBuilder::new(starts.len()));
        for (row, start) in starts.iter().enumerate() {
            match column.get(row) {
                Some(key) => {
                    data.extend_from_slice(key);
                    data.extend_from_slice(&start.to_be_bytes());
                    nulls.append_non_null();
                }
                None => nulls.append_null(),
            }
            ends.push(i32::try_from(data.len()).map_err(|_| "the keys of one call have at most 2 GiB")?);
        }
        Ok::<_, &str>(BinaryArray::new(
            OffsetBuffer::new(ScalarBuffer::from(ends)),
            Buffer::from_vec(data),
            nulls.finish(),
        ))
    });
    to_pyarrow(py, &windowed.map_err(PyValueError::new_err)?)
}
