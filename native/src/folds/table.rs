//! The state of an aggregation in memory, see `kappaflow.kernel.FoldTable`.
use arrow_array::builder::BinaryBuilder;
use arrow_array::{Array, ArrayRef, BinaryArray};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::fold::{replaces, step_word, Fold, Input, Kind, Output, Type};
use super::key_rows::{KeyRows, ASKED, DIRTY, HEADER_WORDS, KNOWN, NO_ROW, PRESENT, SEQUENCE, TIMESTAMP};
use crate::arrays::{borrowed, detached, to_pyarrow, ByteColumn, Column, Vector};

const CHUNK: usize = 512;

#[pyclass(module = "kappaflow.kernel._native")]
pub struct FoldTable {
    folds: Vec<Fold>,
    rows: KeyRows,
    dirty: Vec<u32>,
    sequence: u64,
    /// The rows of the last key column asked for; the column is kept, so that its memory cannot be another's.
    last: Option<(ArrayRef, Vec<u32>)>,
}

/// What a fold gives back: columns after and before each row.
struct Folded {
    new: Vec<Output>,
    old: Vec<Output>,
    old_valid: Vec<u8>,
    timestamp: Vec<i64>,
}

type FoldedColumns<'py> = (Vec<Bound<'py, PyAny>>, Vec<Bound<'py, PyAny>>, Vector, Vector);
type Drained<'py> = (Bound<'py, PyAny>, Bound<'py, PyAny>, Vec<Bound<'py, PyAny>>, Vector);

impl FoldTable {
    fn validity_words(&self) -> usize {
        self.folds.len().div_ceil(64)
    }

    fn state_start(&self) -> usize {
        HEADER_WORDS + self.validity_words()
    }

    /// The rows of keys, from the last call where the column is the same.
    fn rows_of(&mut self, keys: &ArrayRef, column: &ByteColumn<'_>, insert: bool) -> Vec<u32> {
        if let Some((last, rows)) = self.last.take() {
            if insert && last.to_data().ptr_eq(&keys.to_data()) {
                self.last = Some((last, rows.clone()));
                return rows;
            }
        }
        let rows = self.rows.rows_of(column, None, insert);
        if insert {
            self.last = Some((keys.clone(), rows.clone()));
        }
        rows
    }

    fn touch(&mut self, row: u32) {
        let sequence = self.sequence;
        self.sequence += 1;
        let words = self.rows.row_mut(row);
        words[SEQUENCE] = sequence;
        if words[0] & DIRTY == 0 {
            words[0] |= DIRTY | KNOWN;
            self.dirty.push(row);
        }
    }

    /// Sets a row to the start of every fold; frees what it had on the heap.
    fn reset(&mut self, row: u32) {
        let (start, words) = (self.state_start(), self.validity_words());
        for (column, fold) in self.folds.iter().enumerate() {
            let valid = self.rows.row(row)[HEADER_WORDS + column / 64] >> (column % 64) & 1 == 1;
            if fold.on_heap() && valid {
                let slot = self.rows.row(row)[start + column];
                self.rows.heap.remove(slot);
            }
        }
        let target = self.rows.row_mut(row);
        target[HEADER_WORDS..].fill(0);
        for (column, fold) in self.folds.iter().enumerate() {
            if fold.starts_valid() {
                target[HEADER_WORDS + column / 64] |= 1 << (column % 64);
            }
        }
        debug_assert_eq!(start, HEADER_WORDS + words);
    }

    fn fold(&mut self, rows: &[u32], timestamps: &[i64], inputs: &[Input<'_>], outputs: Option<(&mut Folded, bool)>) {
        let mut outputs = outputs;
        let mut before = vec![0u8; CHUNK];
        for start in (0..rows.len()).step_by(CHUNK) {
            let end = (start + CHUNK).min(rows.len());
            for at in start..end {
                let row = rows[at];
                let mut timestamp = timestamps[at];
                before[at - start] = 0;
                if row != NO_ROW {
                    if self.rows.row(row)[0] & PRESENT == 0 {
                        self.reset(row);
                        self.rows.row_mut(row)[0] |= PRESENT;
                    } else {
                        before[at - start] = 1;
                        timestamp = timestamp.max(self.rows.row(row)[TIMESTAMP] as i64);
                    }
                    self.rows.row_mut(row)[TIMESTAMP] = timestamp as u64;
                    self.touch(row);
                }
                if let Some((folded, _)) = &mut outputs {
                    folded.timestamp.push(timestamp);
                }
            }
            for (column, input) in inputs.iter().enumerate() {
                let targets = match &mut outputs {
                    None => None,
                    Some((folded, true)) => Some((&mut folded.new[column], Some(&mut folded.old[column]))),
                    Some((folded, false)) => Some((&mut folded.new[column], None)),
                };
                self.column(column, &rows[start..end], start, input, &before, targets);
            }
            if let Some((folded, true)) = &mut outputs {
                folded.old_valid.extend_from_slice(&before[..end - start]);
            }
        }
    }

    /// Folds one column of a chunk of rows.
    fn column(
        &mut self,
        column: usize,
        rows: &[u32],
        start: usize,
        input: &Input<'_>,
        before: &[u8],
        mut targets: Option<(&mut Output, Option<&mut Output>)>,
    ) {
        let fold = self.folds[column];
        let word = self.state_start() + column;
        let (valid_word, bit) = (HEADER_WORDS + column / 64, 1u64 << (column % 64));
        for (at, row) in rows.iter().enumerate() {
            if *row == NO_ROW {
                if let Some((new, old)) = &mut targets {
                    new.push(false, 0, &self.rows.heap);
                    if let Some(old) = old {
                        old.push(false, 0, &self.rows.heap);
                    }
                }
                continue;
            }
            let base = *row as usize * self.rows.stride;
            let (state, valid) = (self.rows.words[base + word], self.rows.words[base + valid_word] & bit != 0);
            if let Some((_, Some(old))) = &mut targets {
                old.push(valid && before[at] == 1, state, &self.rows.heap);
            }
            let (state, valid) = step(fold, state, valid, input, start + at, &mut self.rows);
            self.rows.words[base + word] = state;
            if valid {
                self.rows.words[base + valid_word] |= bit;
            } else {
                self.rows.words[base + valid_word] &= !bit;
            }
            if let Some((new, _)) = &mut targets {
                new.push(valid, state, &self.rows.heap);
            }
        }
    }

    /// Packs the state of a row, as the twin's docstring lays it out.
    fn pack(&self, row: u32, out: &mut Vec<u8>) {
        let words = self.rows.row(row);
        out.extend_from_slice(&words[TIMESTAMP].to_be_bytes());
        let bitmap = out.len();
        out.resize(bitmap + self.folds.len().div_ceil(8), 0);
        for (column, fold) in self.folds.iter().enumerate() {
            if words[HEADER_WORDS + column / 64] >> (column % 64) & 1 == 0 {
                continue;
            }
            out[bitmap + column / 8] |= 1 << (column % 8);
            let word = words[self.state_start() + column];
            let word = if fold.of == Type::Double && f64::from_bits(word).is_nan() { f64::NAN.to_bits() } else { word };
            match fold.width() {
                Some(width) => out.extend_from_slice(&word.to_be_bytes()[8 - width..]),
                None => {
                    let data = self.rows.heap.get(word);
                    out.extend_from_slice(&(data.len() as u32).to_be_bytes());
                    out.extend_from_slice(data);
                }
            }
        }
    }

    /// Sets a row from packed bytes; None where they are not a packed row of these folds.
    fn unpack(&mut self, row: u32, packed: &[u8]) -> Option<()> {
        let (timestamp, rest) = packed.split_first_chunk::<8>()?;
        let (bitmap, mut rest) = rest.split_at_checked(self.folds.len().div_ceil(8))?;
        self.reset(row);
        let state_start = self.state_start();
        for column in 0..self.folds.len() {
            let fold = self.folds[column];
            let target = self.rows.row_mut(row);
            target[HEADER_WORDS + column / 64] &= !(1 << (column % 64));
            if bitmap[column / 8] >> (column % 8) & 1 == 0 {
                continue;
            }
            let word = match fold.width() {
                Some(width) => {
                    let (value, after) = rest.split_at_checked(width)?;
                    rest = after;
                    // Integers keep their sign; a boolean has one byte.
                    let raw = value.iter().fold(0u64, |word, byte| word << 8 | *byte as u64);
                    match width {
                        1 => (raw != 0) as u64,
                        4 => raw as i32 as i64 as u64,
                        _ => raw,
                    }
                }
                None => {
                    let (length, after) = rest.split_first_chunk::<4>()?;
                    let (data, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
                    rest = after;
                    if fold.of == Type::String && std::str::from_utf8(data).is_err() {
                        return None;
                    }
                    self.rows.heap.put(data)
                }
            };
            let target = self.rows.row_mut(row);
            target[state_start + column] = word;
            target[HEADER_WORDS + column / 64] |= 1 << (column % 64);
        }
        let target = self.rows.row_mut(row);
        target[TIMESTAMP] = u64::from_be_bytes(*timestamp);
        target[0] |= PRESENT;
        rest.is_empty().then_some(())
    }

    fn state_columns(&self, rows: &[u32]) -> Vec<Output> {
        let start = self.state_start();
        self.folds
            .iter()
            .enumerate()
            .map(|(column, fold)| {
                let mut output = Output::new(*fold, rows.len());
                for row in rows {
                    let (valid, word) = match row {
                        &NO_ROW => (false, 0),
                        row => {
                            let words = self.rows.row(*row);
                            let valid =
                                words[0] & PRESENT != 0 && words[HEADER_WORDS + column / 64] >> (column % 64) & 1 == 1;
                            (valid, words[start + column])
                        }
                    };
                    output.push(valid, word, &self.rows.heap);
                }
                output
            })
            .collect()
    }

    fn checked<'a>(&self, inputs: &'a [Option<Column>], rows: usize) -> PyResult<Vec<Input<'a>>> {
        if inputs.len() != self.folds.len() {
            return Err(PyValueError::new_err(format!(
                "{} input columns for {} folds",
                inputs.len(),
                self.folds.len()
            )));
        }
        let inputs: Vec<Input<'a>> = inputs
            .iter()
            .zip(&self.folds)
            .map(|(column, fold)| Input::new(*fold, column.as_ref().map(|c| &c.0)))
            .collect::<PyResult<_>>()?;
        if inputs.iter().any(|input| input.len().is_some_and(|length| length != rows)) {
            return Err(PyValueError::new_err("keys, timestamps and inputs must have the same length"));
        }
        Ok(inputs)
    }

    fn run(
        &mut self,
        py: Python<'_>,
        keys: &Column,
        timestamp: &PyBuffer<i64>,
        inputs: &[Option<Column>],
        mask: Option<PyBuffer<u8>>,
        outputs: Option<bool>,
    ) -> PyResult<Option<Folded>> {
        let column = ByteColumn::new(&*keys.0, "keys")?;
        let timestamps = borrowed(timestamp, "timestamp")?;
        let mask = mask.as_ref().map(|mask| borrowed(mask, "mask")).transpose()?;
        let inputs = self.checked(inputs, timestamps.len())?;
        if column.len() != timestamps.len() || mask.is_some_and(|mask| mask.len() != timestamps.len()) {
            return Err(PyValueError::new_err("keys, timestamps and inputs must have the same length"));
        }
        let folds = self.folds.clone();
        Ok(detached(py, timestamps.len(), || {
            let mut rows = self.rows_of(&keys.0, &column, true);
            if let Some(mask) = mask {
                rows.iter_mut().zip(mask).filter(|(_, keep)| **keep == 0).for_each(|(row, _)| *row = NO_ROW);
            }
            let build = |wanted: bool| -> Vec<Output> {
                folds.iter().filter(|_| wanted).map(|fold| Output::new(*fold, rows.len())).collect()
            };
            let mut folded = outputs.map(|with_old| Folded {
                new: build(true),
                old: build(with_old),
                old_valid: Vec::new(),
                timestamp: Vec::with_capacity(rows.len()),
            });
            let target = folded.as_mut().zip(outputs);
            self.fold(&rows, timestamps, &inputs, target);
            folded
        }))
    }
}

/// One record into one state.
#[inline(always)]
fn step(fold: Fold, state: u64, valid: bool, input: &Input<'_>, at: usize, rows: &mut KeyRows) -> (u64, bool) {
    match input {
        Input::Rows => (state.wrapping_add(1), true),
        Input::Nulls(_, nulls) => match nulls {
            Some(nulls) if nulls.is_null(at) => (state, true),
            _ => (state.wrapping_add(1), true),
        },
        Input::Words(words, nulls) => match nulls {
            Some(nulls) if nulls.is_null(at) => (state, valid && fold.kind != Kind::Last),
            _ => (step_word(fold, valid, state, words[at]), true),
        },
        Input::Bytes(column) => match column.get(at) {
            None if fold.kind == Kind::Last => {
                if valid {
                    rows.heap.remove(state);
                }
                (0, false)
            }
            None => (state, valid),
            Some(data) => {
                if !replaces(fold, valid.then(|| rows.heap.get(state)), data) {
                    return (state, valid);
                }
                if valid {
                    rows.heap.remove(state);
                }
                (rows.heap.put(data), true)
            }
        },
    }
}

fn binary(data: Vec<u8>, ends: Vec<i32>) -> BinaryArray {
    BinaryArray::new(OffsetBuffer::new(ScalarBuffer::from(ends)), Buffer::from_vec(data), None)
}

fn finished<'py>(py: Python<'py>, outputs: Vec<Output>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    outputs.into_iter().map(|output| to_pyarrow(py, &output.finish())).collect()
}

#[pymethods]
impl FoldTable {
    #[new]
    fn new(folds: Vec<(String, String)>) -> PyResult<Self> {
        let folds: Vec<Fold> = folds.iter().map(|(kind, of)| Fold::parse(kind, of)).collect::<PyResult<_>>()?;
        let words = folds.len().div_ceil(64) + folds.len();
        Ok(FoldTable { folds, rows: KeyRows::new(words), dirty: Vec::new(), sequence: 0, last: None })
    }

    #[getter]
    fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn missing<'py>(&mut self, py: Python<'py>, keys: Column) -> PyResult<Bound<'py, PyAny>> {
        let column = ByteColumn::new(&*keys.0, "keys")?;
        let missing = detached(py, column.len(), || {
            let rows = self.rows_of(&keys.0, &column, true);
            let (mut data, mut ends, mut unknown) = (Vec::new(), vec![0], Vec::new());
            for row in rows {
                if row != NO_ROW && self.rows.row(row)[0] & (KNOWN | ASKED) == 0 {
                    self.rows.row_mut(row)[0] |= ASKED;
                    unknown.push(row);
                    self.rows.push_key(row, &mut data);
                    ends.push(data.len() as i32);
                }
            }
            unknown.iter().for_each(|row| self.rows.row_mut(*row)[0] &= !ASKED);
            binary(data, ends)
        });
        to_pyarrow(py, &missing)
    }

    fn load(&mut self, py: Python<'_>, keys: Column, packed: Column) -> PyResult<()> {
        let (column, states) = (ByteColumn::new(&*keys.0, "keys")?, ByteColumn::new(&*packed.0, "packed rows")?);
        if column.len() != states.len() {
            return Err(PyValueError::new_err("keys and packed rows must have the same length"));
        }
        detached(py, column.len(), || {
            let rows = self.rows.rows_of(&column, None, true);
            for (at, row) in rows.into_iter().enumerate().filter(|(_, row)| *row != NO_ROW) {
                if self.rows.row(row)[0] & DIRTY != 0 {
                    continue;
                }
                self.rows.row_mut(row)[0] |= KNOWN;
                self.rows.row_mut(row)[SEQUENCE] = self.sequence;
                match states.get(at) {
                    Some(state) if self.unpack(row, state).is_some() => {}
                    None => self.rows.row_mut(row)[0] &= !PRESENT,
                    Some(_) => {
                        self.rows.row_mut(row)[0] &= !(PRESENT | KNOWN);
                        return Err(PyValueError::new_err(format!("row {at} is not a packed row of these folds")));
                    }
                }
            }
            Ok(())
        })
    }

    fn fold_every<'py>(
        &mut self,
        py: Python<'py>,
        keys: Column,
        timestamp: PyBuffer<i64>,
        inputs: Vec<Option<Column>>,
        mask: Option<PyBuffer<u8>>,
        with_old: bool,
    ) -> PyResult<FoldedColumns<'py>> {
        let folded = self
            .run(py, &keys, &timestamp, &inputs, mask, Some(with_old))?
            .ok_or_else(|| PyValueError::new_err("nothing was folded"))?;
        Ok((finished(py, folded.new)?, finished(py, folded.old)?, folded.old_valid.into(), folded.timestamp.into()))
    }

    fn fold_last(
        &mut self,
        py: Python<'_>,
        keys: Column,
        timestamp: PyBuffer<i64>,
        inputs: Vec<Option<Column>>,
        mask: Option<PyBuffer<u8>>,
    ) -> PyResult<()> {
        self.run(py, &keys, &timestamp, &inputs, mask, None).map(drop)
    }

    fn delete(&mut self, py: Python<'_>, keys: Column) -> PyResult<()> {
        let column = ByteColumn::new(&*keys.0, "keys")?;
        py.detach(|| {
            for row in self.rows_of(&keys.0, &column, true) {
                if row != NO_ROW {
                    self.reset(row);
                    self.rows.row_mut(row)[0] &= !PRESENT;
                    self.touch(row);
                }
            }
        });
        Ok(())
    }

    fn read<'py>(&mut self, py: Python<'py>, keys: Column) -> PyResult<FoldedColumns<'py>> {
        let column = ByteColumn::new(&*keys.0, "keys")?;
        let (columns, present, timestamps) = py.detach(|| {
            let rows = self.rows.rows_of(&column, None, false);
            let present: Vec<u8> =
                rows.iter().map(|row| (*row != NO_ROW && self.rows.row(*row)[0] & PRESENT != 0) as u8).collect();
            let timestamps: Vec<i64> = rows
                .iter()
                .zip(&present)
                .map(|(row, present)| if *present == 1 { self.rows.row(*row)[TIMESTAMP] as i64 } else { -1 })
                .collect();
            (self.state_columns(&rows), present, timestamps)
        });
        Ok((finished(py, columns)?, Vec::new(), present.into(), timestamps.into()))
    }

    fn drain_dirty<'py>(&mut self, py: Python<'py>) -> PyResult<Drained<'py>> {
        let (keys, packed, columns, timestamps) = py.detach(|| {
            // Sorted apart from the rows: a look at a row for every comparison would wait for memory.
            let mut order: Vec<(u64, u32)> =
                std::mem::take(&mut self.dirty).into_iter().map(|row| (self.rows.row(row)[SEQUENCE], row)).collect();
            order.sort_unstable();
            let dirty: Vec<u32> = order.into_iter().map(|(_, row)| row).collect();
            let (mut data, mut ends, mut packed, mut scratch) = (Vec::new(), vec![0], BinaryBuilder::new(), Vec::new());
            let mut timestamps = Vec::with_capacity(dirty.len());
            for row in &dirty {
                self.rows.push_key(*row, &mut data);
                ends.push(data.len() as i32);
                self.rows.row_mut(*row)[0] &= !DIRTY;
                let present = self.rows.row(*row)[0] & PRESENT != 0;
                timestamps.push(if present { self.rows.row(*row)[TIMESTAMP] as i64 } else { -1 });
                if present {
                    scratch.clear();
                    self.pack(*row, &mut scratch);
                    packed.append_value(&scratch);
                } else {
                    packed.append_null();
                }
            }
            (binary(data, ends), packed.finish(), self.state_columns(&dirty), timestamps)
        });
        Ok((to_pyarrow(py, &keys)?, to_pyarrow(py, &packed)?, finished(py, columns)?, timestamps.into()))
    }

    fn evict_clean(&mut self, py: Python<'_>, limit_bytes: usize) -> usize {
        py.detach(|| {
            let total = self.rows.bytes();
            if total <= limit_bytes || self.rows.len() == 0 {
                return 0;
            }
            // Rows cost about the same; the least recently used clean ones go.
            let each = (total / self.rows.len()).max(1);
            let wanted = (total - limit_bytes).div_ceil(each);
            let mut clean: Vec<u32> =
                (0..self.rows.len() as u32).filter(|row| self.rows.row(*row)[0] & DIRTY == 0).collect();
            clean.sort_unstable_by_key(|row| self.rows.row(*row)[SEQUENCE]);
            clean.truncate(wanted);
            let mut keep = vec![true; self.rows.len()];
            for row in &clean {
                self.reset(*row);
                keep[*row as usize] = false;
            }
            self.rows.retain(&keep);
            self.last = None;
            self.dirty = (0..self.rows.len() as u32).filter(|row| self.rows.row(*row)[0] & DIRTY != 0).collect();
            clean.len()
        })
    }
}
