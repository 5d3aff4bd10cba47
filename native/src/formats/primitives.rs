//! Kafka's primitive encodings to a column and back.
use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use pyo3::prelude::*;

use super::columns::{bytes_array, Out, Spec, Type};
use super::json_scan::{Doubt, Scanned};
use super::written::{plain, In, Item};
use crate::arrays::{detached, to_pyarrow, ByteColumn, Column, Vector};

fn primitive(out: &mut Out, record: &[u8]) -> Scanned<()> {
    match out.type_ {
        Type::Integer => out.push_integer(i32::from_be_bytes(record.try_into().map_err(|_| Doubt)?) as i64)?,
        Type::BigInt => out.push_integer(i64::from_be_bytes(record.try_into().map_err(|_| Doubt)?))?,
        Type::Double => out.push_double(f64::from_be_bytes(record.try_into().map_err(|_| Doubt)?)),
        Type::Text if record.is_ascii() || std::str::from_utf8(record).is_ok() => out.push_plain(record),
        Type::Bytes => out.push_plain(record),
        _ => return Err(Doubt),
    }
    Ok(())
}

/// Decodes a column of INTEGER, BIGINT, DOUBLE, STRING or BYTES; returns it and the rows left to the row form.
#[pyfunction]
pub fn primitives_decode<'py>(py: Python<'py>, data: Column, type_: Spec) -> PyResult<(Bound<'py, PyAny>, Vector)> {
    let bytes = ByteColumn::new(data.0.as_ref(), "records")?;
    let mut out = Out::new(&type_, true, bytes.len());
    let doubts = detached(py, bytes.len(), || {
        let mut doubts: Vec<i64> = Vec::new();
        for row in 0..bytes.len() {
            let outcome = bytes.get(row).map(|record| primitive(&mut out, record));
            if outcome != Some(Ok(())) {
                out.truncate(row);
                out.push_null();
                if outcome.is_some() {
                    doubts.push(row as i64);
                }
            }
        }
        doubts
    });
    Ok((to_pyarrow(py, out.finish()?.as_ref())?, doubts.into()))
}

/// Encodes a column of one of these types; null stays null.
#[pyfunction]
pub fn primitives_encode<'py>(py: Python<'py>, column: Column) -> PyResult<Bound<'py, PyAny>> {
    let is_half = matches!(column.0.data_type(), arrow_schema::DataType::Int32);
    let array: ArrayRef = plain(&column.0)?;
    let values = In::new(&array, false)?;
    let (ends, data, present) = detached(py, values.len(), || {
        let mut ends = Vec::with_capacity(values.len());
        let mut data = Vec::with_capacity(values.len() * 8);
        let mut present = Vec::with_capacity(values.len());
        for row in 0..values.len() {
            let item = values.get(row);
            present.push(item.is_some());
            match item {
                Some(Item::Integer(value)) if is_half => data.extend_from_slice(&(value as i32).to_be_bytes()),
                Some(Item::Integer(value)) => data.extend_from_slice(&value.to_be_bytes()),
                Some(Item::Double(value)) => data.extend_from_slice(&value.to_be_bytes()),
                Some(Item::Text(bytes) | Item::Binary(bytes)) => data.extend_from_slice(bytes),
                _ => {}
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

/// The text of a double as Java 17 prints it.
#[pyfunction]
pub fn double_text(value: f64) -> String {
    let mut out = Vec::with_capacity(24);
    super::number_text::push_double(&mut out, value);
    String::from_utf8_lossy(&out).into_owned()
}
