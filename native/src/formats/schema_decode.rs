//! Records of registered schemas to columns: the header names the schema, and each schema has a plan.
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::avro_read::{self, Avro};
use super::columns::{Out, Spec};
use super::json_scan::{Doubt, Scanned};
use super::plain_values::Step;
use super::protobuf_read::{self, Message};
use crate::arrays::{detached, to_pyarrow, ByteColumn, Column, Vector};

const HEADER_BYTES: usize = 5;

enum Plan {
    Avro(Avro),
    Protobuf(Message),
}

/// How records of one schema fill the columns.
#[pyclass(frozen, module = "kappaflow.kernel._native")]
pub struct RecordPlan {
    plan: Plan,
    prefix: Vec<u8>,
}

#[pymethods]
impl RecordPlan {
    /// Of a schema's type (`AVRO` or `PROTOBUF`), its steps, and what stands between header and value.
    #[new]
    fn new(kind: &str, step: Step, prefix: Vec<u8>) -> PyResult<Self> {
        let plan = match kind {
            "AVRO" => Plan::Avro(Avro::new(step)?),
            "PROTOBUF" => Plan::Protobuf(Message::new(step)?),
            _ => return Err(PyValueError::new_err(format!("no format with schemas: {kind}"))),
        };
        Ok(RecordPlan { plan, prefix })
    }
}

#[inline(always)]
fn schema_id(record: &[u8]) -> Option<i64> {
    match record {
        [0, a, b, c, d, ..] => Some(i64::from(u32::from_be_bytes([*a, *b, *c, *d]))),
        _ => None,
    }
}

/// The schema ids of a column of records, each once.
#[pyfunction]
pub fn schema_ids(data: Column) -> PyResult<Vec<i64>> {
    let bytes = ByteColumn::new(data.0.as_ref(), "records")?;
    let mut found: Vec<i64> = Vec::new();
    for id in (0..bytes.len()).filter_map(|row| bytes.get(row).and_then(schema_id)) {
        if found.last() != Some(&id) && !found.contains(&id) {
            found.push(id);
        }
    }
    Ok(found)
}

struct Decoder<'a> {
    plans: Vec<(i64, &'a RecordPlan)>,
    outs: Vec<Out>,
    is_bare: bool,
    is_framed: bool,
    protobuf: protobuf_read::Reader,
}

impl Decoder<'_> {
    fn record(&mut self, data: &[u8]) -> Scanned<()> {
        let (plan, body) = if self.is_framed {
            let id = schema_id(data).ok_or(Doubt)?;
            let plan = self.plans.iter().find(|(known, _)| *known == id).ok_or(Doubt)?.1;
            (plan, &data[HEADER_BYTES..])
        } else {
            (self.plans.first().ok_or(Doubt)?.1, data)
        };
        let body = body.strip_prefix(plan.prefix.as_slice()).ok_or(Doubt)?;
        match &plan.plan {
            Plan::Protobuf(message) => self.protobuf.message(message, body, Some(&mut self.outs)),
            Plan::Avro(Avro::Record(record)) if !self.is_bare => {
                avro_read::Reader::new(body).record(record, Some(&mut self.outs))
            }
            Plan::Avro(kind) if self.is_bare => avro_read::Reader::new(body).value(kind, self.outs.first_mut()),
            Plan::Avro(_) => Err(Doubt),
        }
    }

    fn run(&mut self, data: &ByteColumn<'_>) -> (Vec<u8>, Vec<i64>) {
        let mut valid = vec![1u8; data.len()];
        let mut doubts = Vec::new();
        for (row, valid) in valid.iter_mut().enumerate() {
            let outcome = match data.get(row) {
                Some(record) => self.record(record).inspect_err(|_| doubts.push(row as i64)),
                None => Err(Doubt),
            };
            if outcome.is_err() {
                *valid = 0;
                for out in &mut self.outs {
                    out.truncate(row);
                    out.push_null();
                }
            }
        }
        (valid, doubts)
    }
}

/// Decodes a column of records.
///
/// `plans` by schema id; records of other schemas are doubts. Without `is_framed` the first plan is that of all.
/// Returns what `json_decode` returns.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub fn schema_decode<'py>(
    py: Python<'py>,
    data: Column,
    plans: Vec<(i64, Py<RecordPlan>)>,
    types: Vec<Spec>,
    keep: Vec<bool>,
    is_bare: bool,
    is_framed: bool,
) -> PyResult<(Vec<Option<Bound<'py, PyAny>>>, Vector, Vector)> {
    let bytes = ByteColumn::new(data.0.as_ref(), "records")?;
    let rows = bytes.len();
    let outs = types.iter().zip(&keep).map(|(spec, keep)| Out::new(spec, *keep, rows)).collect();
    let plans: Vec<(i64, &RecordPlan)> = plans.iter().map(|(id, plan)| (*id, plan.get())).collect();
    let mut decoder = Decoder { plans, outs, is_bare, is_framed, protobuf: Default::default() };
    let (valid, doubts) = detached(py, rows, || decoder.run(&bytes));
    let mut arrays = Vec::with_capacity(decoder.outs.len());
    for (out, keep) in decoder.outs.into_iter().zip(keep) {
        arrays.push(if keep { Some(to_pyarrow(py, out.finish()?.as_ref())?) } else { None });
    }
    Ok((arrays, valid.into(), doubts.into()))
}
