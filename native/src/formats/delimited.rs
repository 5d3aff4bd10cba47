//! Delimited lines to columns and back.
use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

use super::columns::{bytes_array, Out, Spec};
use super::json_scan::{Doubt, Scanned};
use super::written::{plain, push_item_text, In};
use crate::arrays::{borrowed, to_pyarrow, ByteColumn, Column, Vector};

/// Converts a line without quotes and line ends; everything else is for the row form.
fn line(outs: &mut [Out], record: &[u8], delimiter: u8) -> Scanned<()> {
    if record.is_empty() || record.iter().any(|byte| matches!(byte, b'"' | b'\n' | b'\r')) {
        return Err(Doubt);
    }
    if !record.is_ascii() && std::str::from_utf8(record).is_err() {
        return Err(Doubt);
    }
    let mut fields = record.split(|byte| *byte == delimiter);
    for out in outs.iter_mut() {
        let field = fields.next().ok_or(Doubt)?;
        if field.is_empty() {
            out.push_null();
        } else {
            out.push_field(field)?;
        }
    }
    if fields.next().is_some() {
        return Err(Doubt);
    }
    Ok(())
}

/// Decodes a column of delimited lines; the answer is that of `json_decode`.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub fn delimited_decode<'py>(
    py: Python<'py>,
    data: Column,
    delimiter: u8,
    types: Vec<Spec>,
    keep: Vec<bool>,
) -> PyResult<(Vec<Option<Bound<'py, PyAny>>>, Vector, Vector)> {
    let bytes = ByteColumn::new(data.0.as_ref(), "delimited lines")?;
    let rows = bytes.len();
    let mut outs: Vec<Out> = types.iter().zip(&keep).map(|(spec, keep)| Out::new(spec, *keep, rows)).collect();
    let (valid, doubts) = py.detach(|| {
        let mut valid = vec![1u8; rows];
        let mut doubts: Vec<i64> = Vec::new();
        for (row, valid) in valid.iter_mut().enumerate() {
            let outcome = match bytes.get(row) {
                Some(record) => line(&mut outs, record, delimiter).inspect_err(|_| doubts.push(row as i64)),
                None => Err(Doubt),
            };
            if outcome.is_err() {
                *valid = 0;
                for out in &mut outs {
                    out.truncate(row);
                    out.push_null();
                }
            }
        }
        (valid, doubts)
    });
    let mut arrays = Vec::with_capacity(outs.len());
    for out in outs {
        arrays.push(if out.keep { Some(to_pyarrow(py, out.finish()?.as_ref())?) } else { None });
    }
    Ok((arrays, valid.into(), doubts.into()))
}

fn needs_quotes(field: &[u8], is_first: bool, delimiter: u8) -> bool {
    let (Some(first), Some(last)) = (field.first(), field.last()) else { return is_first };
    *first <= b'#'
        || *last <= b' '
        || (is_first && !first.is_ascii_alphanumeric())
        || field.iter().any(|byte| *byte == delimiter || matches!(byte, b'"' | b'\n' | b'\r'))
}

fn push_field(out: &mut Vec<u8>, field: &[u8], is_first: bool, delimiter: u8) {
    if !needs_quotes(field, is_first, delimiter) {
        return out.extend_from_slice(field);
    }
    out.push(b'"');
    for byte in field {
        if *byte == b'"' {
            out.push(b'"');
        }
        out.push(*byte);
    }
    out.push(b'"');
}

/// Encodes columns as one line a row; arguments as for `json_encode`.
#[pyfunction]
pub fn delimited_encode<'py>(
    py: Python<'py>,
    columns: Vec<Column>,
    delimiter: u8,
    valid: Option<PyBuffer<u8>>,
) -> PyResult<Bound<'py, PyAny>> {
    let arrays: Vec<ArrayRef> = columns.iter().map(|column| plain(&column.0)).collect::<PyResult<_>>()?;
    let columns: Vec<In<'_>> = arrays.iter().map(|array| In::new(array, false)).collect::<PyResult<_>>()?;
    let valid = valid.as_ref().map(|valid| borrowed(valid, "valid")).transpose()?;
    let rows = columns.iter().map(In::len).chain(valid.map(<[u8]>::len)).min().unwrap_or(0);
    let (ends, data, present) = py.detach(|| {
        let mut ends = Vec::with_capacity(rows);
        let mut data = Vec::with_capacity(rows * 16 * columns.len());
        let mut present = Vec::with_capacity(rows);
        let mut field = Vec::new();
        for row in 0..rows {
            let has_row = valid.is_none_or(|valid| valid[row] != 0);
            for (position, column) in columns.iter().enumerate().filter(|_| has_row) {
                if position > 0 {
                    data.push(delimiter);
                }
                if let Some(item) = column.get(row) {
                    field.clear();
                    push_item_text(&mut field, &item);
                    push_field(&mut data, &field, position == 0, delimiter);
                }
            }
            present.push(has_row);
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
