//! JSON documents to columns.
use pyo3::prelude::*;

use super::columns::{Out, Spec, Type};
use super::json_members::Members;
use super::json_scan::{Doubt, Kind, Scanned, Scanner};
use crate::arrays::{detached, to_pyarrow, ByteColumn, Column, Vector};

struct Decoder {
    outs: Vec<Out>,
    members: Members,
    unwrapped: bool,
    header: usize,
}

impl Decoder {
    fn record(&mut self, data: &[u8]) -> Scanned<()> {
        if self.header == 0 {
            return self.document(data);
        }
        match data.split_at_checked(self.header) {
            Some(([0, ..], document)) => self.document(document),
            _ => Err(Doubt),
        }
    }

    fn document(&mut self, data: &[u8]) -> Scanned<()> {
        if data.len() > u32::MAX as usize / 2 {
            return Err(Doubt);
        }
        let mut scanner = Scanner::new(data);
        let first = scanner.skip_white();
        if self.unwrapped {
            let span = scanner.value(0)?;
            if !matches!(span.kind, Kind::Object | Kind::Array) && !ends_token(&scanner) {
                return Err(Doubt);
            }
            return self.outs[0].push_json(span, data);
        }
        // A zero among the first bytes is another encoding; it is no valid byte of this one either.
        if first != b'{' {
            return Err(Doubt);
        }
        self.members.read(&mut scanner, &mut self.outs, 0)?;
        for (column, out) in self.outs.iter_mut().enumerate() {
            out.push_json(self.members.value(column), data)?;
        }
        Ok(())
    }

    fn run(&mut self, data: &ByteColumn<'_>) -> (Vec<u8>, Vec<i64>) {
        let rows = data.len();
        let mut valid = vec![1u8; rows];
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

fn ends_token(scanner: &Scanner<'_>) -> bool {
    scanner.data.get(scanner.at).is_none_or(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

/// Decodes a column of JSON documents, each behind a header of so many bytes, of which the first is zero.
///
/// Returns the arrays (None for columns that are only checked), a byte per row that is 1 where there is a row,
/// and the rows that the row form has to decide about; these are null here.
#[pyfunction]
#[pyo3(signature = (data, names, types, keep, unwrapped, header=0))]
#[allow(clippy::type_complexity, clippy::too_many_arguments)]
pub fn json_decode<'py>(
    py: Python<'py>,
    data: Column,
    names: Vec<String>,
    types: Vec<Spec>,
    keep: Vec<bool>,
    unwrapped: bool,
    header: usize,
) -> PyResult<(Vec<Option<Bound<'py, PyAny>>>, Vector, Vector)> {
    let bytes = ByteColumn::new(data.0.as_ref(), "JSON documents")?;
    let rows = bytes.len();
    let outs = types.iter().zip(&keep).map(|(spec, keep)| Out::new(spec, *keep, rows)).collect();
    let mut decoder = Decoder { outs, members: Members::new(&names), unwrapped, header };
    let (valid, doubts) = detached(py, rows, || decoder.run(&bytes));
    let mut arrays = Vec::with_capacity(decoder.outs.len());
    for (out, keep) in decoder.outs.into_iter().zip(keep) {
        arrays.push(if keep || out.type_ == Type::Raw { Some(to_pyarrow(py, out.finish()?.as_ref())?) } else { None });
    }
    Ok((arrays, valid.into(), doubts.into()))
}
