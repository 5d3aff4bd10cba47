//! JSON documents to columns.
use pyo3::prelude::*;

use super::columns::{Out, Type};
use super::json_scan::{unescape, Doubt, Kind, Scanned, Scanner, Span};
use crate::arrays::{to_pyarrow, ByteColumn, Column, Vector};

const CACHED_MEMBERS: usize = 64;

/// Which columns a member fills: by its exact name, and by its name in upper case.
#[derive(Clone, Copy)]
struct Match {
    exact: Option<u32>,
    upper: Option<u32>,
}

/// Finds the columns of member names; remembers the name seen at each position of the last document.
struct Matcher {
    names: Vec<Vec<u8>>,
    seen: Vec<(Vec<u8>, Match)>,
}

impl Matcher {
    fn find(&mut self, position: usize, name: Span, data: &[u8]) -> Match {
        let bytes = name.bytes(data);
        if let Some((known, found)) = self.seen.get(position) {
            if known == bytes && name.kind == Kind::Text {
                return *found;
            }
        }
        let found = if name.kind == Kind::Text {
            self.search(bytes)
        } else {
            let mut plain = Vec::new();
            unescape(bytes, &mut plain);
            self.search(&plain)
        };
        if name.kind == Kind::Text && position < CACHED_MEMBERS {
            self.seen.truncate(position.max(self.seen.len()));
            if position == self.seen.len() {
                self.seen.push((bytes.to_vec(), found));
            } else if position < self.seen.len() {
                self.seen[position] = (bytes.to_vec(), found);
            }
        }
        found
    }

    fn search(&self, name: &[u8]) -> Match {
        let position = |wanted: &[u8]| self.names.iter().position(|name| name == wanted).map(|at| at as u32);
        let upper = match std::str::from_utf8(name) {
            Ok(text) => position(text.to_uppercase().as_bytes()),
            Err(_) => None,
        };
        Match { exact: position(name), upper }
    }
}

/// The member whose name in upper case is a column's name.
#[derive(Clone, Copy)]
struct Candidate {
    name: Span,
    value: Span,
    has_rivals: bool,
}

impl Candidate {
    const NONE: Candidate = Candidate { name: Span::ABSENT, value: Span::ABSENT, has_rivals: false };

    /// Takes a member that matches: of several names the one that first appeared last counts, with its last value.
    #[inline]
    fn offer(&mut self, data: &[u8], name: Span, value: Span) -> Scanned<()> {
        if self.name.kind == Kind::Absent {
            *self = Candidate { name, value, has_rivals: false };
        } else if name.kind == Kind::Text && self.name.kind == Kind::Text && name.bytes(data) == self.name.bytes(data) {
            self.value = value;
        } else if self.has_rivals || name.kind != Kind::Text || self.name.kind != Kind::Text {
            return Err(Doubt);
        } else {
            *self = Candidate { name, value, has_rivals: true };
        }
        Ok(())
    }
}

struct Decoder {
    outs: Vec<Out>,
    matcher: Matcher,
    exact: Vec<Span>,
    upper: Vec<Candidate>,
    unwrapped: bool,
}

impl Decoder {
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
        self.exact.fill(Span::ABSENT);
        self.upper.fill(Candidate::NONE);
        let (matcher, exact, upper) = (&mut self.matcher, &mut self.exact, &mut self.upper);
        let mut position = 0;
        scanner.members(0, |data, name, value| {
            let found = matcher.find(position, name, data);
            position += 1;
            if let Some(column) = found.exact {
                exact[column as usize] = value;
            }
            if let Some(column) = found.upper {
                upper[column as usize].offer(data, name, value)?;
            }
            Ok(())
        })?;
        for (column, out) in self.outs.iter_mut().enumerate() {
            let span = if self.exact[column].kind == Kind::Absent { self.upper[column].value } else { self.exact[column] };
            out.push_json(span, data)?;
        }
        Ok(())
    }

    fn run(&mut self, data: &ByteColumn<'_>) -> (Vec<u8>, Vec<i64>) {
        let rows = data.len();
        let mut valid = vec![1u8; rows];
        let mut doubts = Vec::new();
        for (row, valid) in valid.iter_mut().enumerate() {
            let outcome = match data.get(row) {
                Some(record) => self.document(record).inspect_err(|_| doubts.push(row as i64)),
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

/// Decodes a column of JSON documents.
///
/// Returns the arrays (None for columns that are only checked), a byte per row that is 1 where there is a row,
/// and the rows that the row form has to decide about; these are null here.
#[pyfunction]
#[allow(clippy::type_complexity)]
pub fn json_decode<'py>(
    py: Python<'py>,
    data: Column,
    names: Vec<String>,
    types: Vec<String>,
    keep: Vec<bool>,
    unwrapped: bool,
) -> PyResult<(Vec<Option<Bound<'py, PyAny>>>, Vector, Vector)> {
    let bytes = ByteColumn::new(data.0.as_ref(), "JSON documents")?;
    let rows = bytes.len();
    let outs: Vec<Out> = types
        .iter()
        .zip(&keep)
        .map(|(type_, keep)| {
            let type_ = Type::parse(type_);
            Out::new(type_, *keep || type_ == Type::Raw, rows)
        })
        .collect();
    let mut decoder = Decoder {
        exact: vec![Span::ABSENT; outs.len()],
        upper: vec![Candidate::NONE; outs.len()],
        matcher: Matcher { names: names.into_iter().map(String::into_bytes).collect(), seen: Vec::new() },
        outs,
        unwrapped,
    };
    let (valid, doubts) = py.detach(|| decoder.run(&bytes));
    let mut arrays = Vec::with_capacity(decoder.outs.len());
    for out in decoder.outs {
        arrays.push(if out.keep { Some(to_pyarrow(py, out.finish()?.as_ref())?) } else { None });
    }
    Ok((arrays, valid.into(), doubts.into()))
}
