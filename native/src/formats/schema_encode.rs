//! Columns to records of registered schemas: a prefix, then the value along a plan.
use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::avro_write::{self, Avro};
use super::columns::bytes_array;
use super::json_scan::{Doubt, Scanned};
use super::plain_values::Step;
use super::protobuf_write::{self, Message};
use super::written::{plain, In};
use crate::arrays::{borrowed, detached, to_pyarrow, Column, Vector};

enum Plan {
    Avro(Avro),
    Protobuf(Message),
}

/// How columns become records of one schema.
#[pyclass(frozen, module = "kappaflow.kernel._native")]
pub struct WritePlan {
    plan: Plan,
    prefix: Vec<u8>,
}

#[pymethods]
impl WritePlan {
    /// Of a schema's type (`AVRO` or `PROTOBUF`), its steps, and what stands before each value.
    #[new]
    fn new(kind: &str, step: Step, prefix: Vec<u8>) -> PyResult<Self> {
        let plan = match kind {
            "AVRO" => Plan::Avro(Avro::new(step)?),
            "PROTOBUF" => Plan::Protobuf(Message::new(step)?),
            _ => return Err(PyValueError::new_err(format!("no format with schemas: {kind}"))),
        };
        Ok(WritePlan { plan, prefix })
    }
}

struct Encoded {
    ends: Vec<i32>,
    data: Vec<u8>,
    present: Vec<bool>,
    doubts: Vec<i64>,
}

/// Which columns make a record.
#[derive(Clone, Copy)]
struct Form {
    /// a null in the only column is a missing record
    is_unwrapped: bool,
    /// the value of the only column is the record
    is_bare: bool,
}

impl WritePlan {
    fn record(&self, out: &mut Vec<u8>, columns: &[In<'_>], row: usize, form: Form) -> Scanned<()> {
        out.extend_from_slice(&self.prefix);
        match &self.plan {
            Plan::Protobuf(message) => protobuf_write::push_message(out, message, &(columns, row)),
            Plan::Avro(kind) if form.is_bare => {
                avro_write::push_value(out, kind, columns.first().and_then(|column| column.get(row)))
            }
            Plan::Avro(Avro::Record(fields)) => avro_write::push_record(out, fields, &(columns, row)),
            Plan::Avro(_) => Err(Doubt),
        }
    }

    fn run(&self, columns: &[In<'_>], valid: Option<&[u8]>, rows: usize, form: Form) -> Encoded {
        let mut out = Encoded {
            ends: Vec::with_capacity(rows),
            data: Vec::with_capacity(rows * (8 + 12 * columns.len())),
            present: Vec::with_capacity(rows),
            doubts: Vec::new(),
        };
        for row in 0..rows {
            let mut has_row = valid.is_none_or(|valid| valid[row] != 0);
            if has_row && form.is_unwrapped {
                has_row = columns.first().is_some_and(|column| column.get(row).is_some());
            }
            if has_row {
                let start = out.data.len();
                if self.record(&mut out.data, columns, row, form).is_err() {
                    out.data.truncate(start);
                    out.doubts.push(row as i64);
                    has_row = false;
                }
            }
            out.present.push(has_row);
            out.ends.push(out.data.len() as i32);
            if out.data.len() > i32::MAX as usize {
                break;
            }
        }
        out
    }
}

/// Encodes columns as one record a row.
///
/// `valid` has a byte per row, 0 where there is no record; `rows` counts where there are no columns.
/// Returns the records and the rows that the row form has to write; these are null here.
#[pyfunction]
pub fn schema_encode<'py>(
    py: Python<'py>,
    columns: Vec<Column>,
    plan: PyRef<'py, WritePlan>,
    valid: Option<PyBuffer<u8>>,
    rows: usize,
    is_unwrapped: bool,
    is_bare: bool,
) -> PyResult<(Bound<'py, PyAny>, Vector)> {
    let arrays: Vec<ArrayRef> = columns.iter().map(|column| plain(&column.0)).collect::<PyResult<_>>()?;
    let columns: Vec<In<'_>> = arrays.iter().map(|array| In::new(array, false)).collect::<PyResult<_>>()?;
    let rows = columns.iter().map(In::len).min().unwrap_or(rows);
    let valid = valid.as_ref().map(|valid| borrowed(valid, "valid")).transpose()?;
    let valid = valid.map(|valid| &valid[..rows.min(valid.len())]);
    let rows = valid.map_or(rows, |valid| valid.len());
    let plan: &WritePlan = &plan;
    let form = Form { is_unwrapped, is_bare };
    let Encoded { ends, data, present, doubts } = detached(py, rows, || plan.run(&columns, valid, rows, form));
    let nulls = if present.iter().all(|present| *present) { None } else { Some(NullBuffer::from(present)) };
    Ok((to_pyarrow(py, bytes_array(ends, data, nulls, true)?.as_ref())?, doubts.into()))
}
