//! Rows of columns as the bytes that a store keeps.
use arrow_array::BinaryArray;
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

use super::fold::{Fold, Input, Type};
use crate::arrays::{borrowed, detached, to_pyarrow, Column};

const TOO_LARGE: &str = "packed rows of one call have to stay below 2 GiB";

/// See `kappaflow.kernel.pack_rows`.
#[pyfunction]
pub fn pack_rows<'py>(
    py: Python<'py>,
    timestamp: PyBuffer<i64>,
    columns: Vec<Column>,
    types: Vec<String>,
    valid: Option<PyBuffer<u8>>,
) -> PyResult<Bound<'py, PyAny>> {
    let times = borrowed(&timestamp, "timestamp")?;
    let valid = valid.as_ref().map(|valid| borrowed(valid, "valid")).transpose()?;
    let folds: Vec<Fold> = types.iter().map(|of| Fold::parse("last", of)).collect::<PyResult<_>>()?;
    if columns.len() != folds.len() {
        return Err(PyValueError::new_err(format!("{} columns for {} types", columns.len(), folds.len())));
    }
    let inputs: Vec<Input<'_>> =
        columns.iter().zip(&folds).map(|(column, fold)| Input::new(*fold, Some(&column.0))).collect::<PyResult<_>>()?;
    let same = |length: usize| length == times.len();
    if !inputs.iter().filter_map(Input::len).all(same) || !valid.is_none_or(|valid| same(valid.len())) {
        return Err(PyValueError::new_err("timestamp, columns and valid must have the same length"));
    }
    let packed = detached(py, times.len(), || {
        let mut rows = Vec::with_capacity(times.len() * (9 + 8 * folds.len()));
        let mut ends = Vec::with_capacity(times.len() + 1);
        ends.push(0);
        let mut nulls = NullBufferBuilder::new(times.len());
        for (at, time) in times.iter().enumerate() {
            if valid.is_some_and(|valid| valid[at] == 0) {
                nulls.append_null();
            } else {
                nulls.append_non_null();
                rows.extend_from_slice(&time.to_be_bytes());
                let bitmap = rows.len();
                rows.resize(bitmap + folds.len().div_ceil(8), 0);
                for (column, (fold, input)) in folds.iter().zip(&inputs).enumerate() {
                    if push(*fold, input, at, &mut rows) {
                        rows[bitmap + column / 8] |= 1 << (column % 8);
                    }
                }
            }
            ends.push(i32::try_from(rows.len()).map_err(|_| PyOverflowError::new_err(TOO_LARGE))?);
        }
        let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
        Ok::<BinaryArray, PyErr>(BinaryArray::new(ends, Buffer::from_vec(rows), nulls.finish()))
    })?;
    to_pyarrow(py, &packed)
}

/// Appends a value; false where it is null.
fn push(fold: Fold, input: &Input<'_>, at: usize, row: &mut Vec<u8>) -> bool {
    match input {
        Input::Words(_, Some(nulls)) if nulls.is_null(at) => false,
        Input::Words(words, _) => {
            let is_nan = fold.of == Type::Double && f64::from_bits(words[at]).is_nan();
            let word = if is_nan { f64::NAN.to_bits() } else { words[at] };
            row.extend_from_slice(&word.to_be_bytes()[8 - fold.width().unwrap_or(8)..]);
            true
        }
        Input::Bytes(column) => match column.get(at) {
            Some(data) => {
                row.extend_from_slice(&(data.len() as u32).to_be_bytes());
                row.extend_from_slice(data);
                true
            }
            None => false,
        },
        Input::Rows | Input::Nulls(..) => false, // inputs of counts, which no column is
    }
}
