//! Fetched bytes to columns: offsets, timestamps, and views of keys and values over the bytes that came in.
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, StringBuilder};
use arrow_array::{Array, ArrayRef, BinaryViewArray, ListArray, StructArray};
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields};
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::codecs::decompress;
use super::walk::{self, Header, CONTROL_BIT, HEADER_SIZE, LOG_APPEND_TIME_BIT, TRANSACTIONAL_BIT};
use crate::arrays::{detached, shared_buffer, to_pyarrow, Vector};

/// About the size of a small record, to tell from their bytes how many there are.
const RECORD_BYTES: usize = 64;
/// So many bytes a view holds itself.
const INLINE_BYTES: usize = 12;
/// The size of a record without key, value and headers: a batch holds no more of them than that, whatever it claims.
const RECORD_BYTES_MIN: usize = 7;

/// Which bytes: the input (0) or what was decompressed (1), and where the record section starts in them.
#[derive(Clone, Copy)]
struct Section {
    buffer: u32,
    start: usize,
}

#[derive(Clone, Copy)]
struct Slice {
    buffer: u32,
    start: u32,
    length: u32,
}

/// Views under construction.
struct Views {
    views: Vec<u128>,
    nulls: NullBufferBuilder,
    /// Whether a view is of bytes that it does not hold itself.
    refers: bool,
}

impl Views {
    fn new() -> Self {
        Views { views: Vec::new(), nulls: NullBufferBuilder::new(0), refers: false }
    }

    #[inline(always)]
    fn push(&mut self, bytes: &[u8], section: Section, field: Option<(usize, usize)>) {
        match field {
            None => {
                self.nulls.append_null();
                self.views.push(0);
            }
            Some((start, length)) => {
                self.nulls.append_non_null();
                self.refers |= length > INLINE_BYTES;
                self.views.push(view(bytes, section, start, length));
            }
        }
    }

    fn truncate(&mut self, rows: usize) {
        self.views.truncate(rows);
        self.nulls.truncate(rows);
    }

    /// Short bytes alone do not keep the buffers alive, so that the memory of what was fetched is soon used again.
    fn finish(mut self, buffers: &[Buffer]) -> BinaryViewArray {
        let nulls = self.nulls.finish();
        let buffers = if self.refers { buffers } else { &[] };
        // Every view was made from a range that the walk had checked against its buffer.
        unsafe { BinaryViewArray::new_unchecked(ScalarBuffer::from(self.views), buffers.into(), nulls) }
    }
}

/// An Arrow view: up to 12 bytes inline, else length, first four bytes, buffer and position.
#[inline(always)]
fn view(bytes: &[u8], section: Section, start: usize, length: usize) -> u128 {
    if length > INLINE_BYTES {
        let prefix = u32::from_le_bytes(bytes[start..start + 4].try_into().expect("four bytes"));
        let position = (section.start + start) as u128;
        return length as u128 | (prefix as u128) << 32 | (section.buffer as u128) << 64 | position << 96;
    }
    let data = match bytes.get(start..start + 16) {
        Some(sixteen) => {
            u128::from_le_bytes(sixteen.try_into().expect("sixteen bytes")) & ((1u128 << (8 * length)) - 1)
        }
        None => {
            let mut padded = [0u8; 16];
            padded[..length].copy_from_slice(&bytes[start..start + length]);
            u128::from_le_bytes(padded)
        }
    };
    length as u128 | data << 32
}

struct Decoder {
    fetch_offset: i64,
    offsets: Vec<i64>,
    timestamps: Vec<i64>,
    keys: Views,
    values: Views,
    headers: Option<(Vec<i32>, Vec<(Slice, Option<Slice>)>)>,
    inflated: Vec<u8>,
    aborted: VecDeque<(i64, i64)>,
    aborted_producers: HashSet<i64>,
    read_committed: bool,
    check_crc: bool,
    next_offset: i64,
}

impl Decoder {
    /// Walks every whole batch; the error names the position of the batch that was refused.
    fn run(&mut self, input: &[u8]) -> Option<(usize, String)> {
        let mut position = 0;
        loop {
            let step = walk::batch_size(&input[position..]).and_then(|size| match size {
                None => Ok(None),
                Some(size) => self.batch(&input[position..position + size], position).map(|()| Some(size)),
            });
            match step {
                Ok(None) => return None,
                Ok(Some(size)) => position += size,
                Err(message) => return Some((position, message)),
            }
        }
    }

    fn batch(&mut self, batch: &[u8], position: usize) -> Result<(), String> {
        let header = walk::read_header(batch, self.check_crc)?;
        let hidden = self.is_aborted(&header);
        if header.has(CONTROL_BIT) {
            if self.read_committed {
                let abort = walk::is_abort(&batch[HEADER_SIZE..]).ok_or("the control batch holds no marker")?;
                if abort {
                    self.aborted_producers.remove(&header.producer_id);
                }
            }
        } else if !hidden {
            self.records(batch, position, &header)?;
        }
        self.next_offset = self.next_offset.max(header.last_offset().wrapping_add(1));
        Ok(())
    }

    /// Whether the batch belongs to an aborted transaction; takes in the transactions that start up to it.
    fn is_aborted(&mut self, header: &Header) -> bool {
        if !self.read_committed || header.producer_id < 0 {
            return false;
        }
        while self.aborted.front().is_some_and(|(first, _)| *first <= header.last_offset()) {
            self.aborted_producers.extend(self.aborted.pop_front().map(|(_, producer)| producer));
        }
        header.has(TRANSACTIONAL_BIT) && self.aborted_producers.contains(&header.producer_id)
    }

    fn records(&mut self, batch: &[u8], position: usize, header: &Header) -> Result<(), String> {
        let rows = self.offsets.len();
        let inflated = std::mem::take(&mut self.inflated);
        let (outcome, inflated) = self.section(batch, position, header, inflated);
        self.inflated = inflated;
        if outcome.is_err() {
            self.truncate(rows);
        }
        outcome
    }

    fn section(
        &mut self,
        batch: &[u8],
        position: usize,
        header: &Header,
        mut inflated: Vec<u8>,
    ) -> (Result<(), String>, Vec<u8>) {
        let packed = &batch[HEADER_SIZE..];
        if header.codec() == 0 {
            let section = Section { buffer: 0, start: position + HEADER_SIZE };
            return (self.walk(packed, section, header), inflated);
        }
        let start = inflated.len();
        if let Err(message) = decompress(header.codec(), packed, &mut inflated) {
            return (Err(message), inflated);
        }
        let outcome = self.walk(&inflated[start..], Section { buffer: 1, start }, header);
        if outcome.is_err() {
            inflated.truncate(start);
        }
        (outcome, inflated)
    }

    fn walk(&mut self, bytes: &[u8], section: Section, header: &Header) -> Result<(), String> {
        let mut at = 0;
        let append_time = header.has(LOG_APPEND_TIME_BIT);
        self.reserve((header.record_count as usize).min(bytes.len() / RECORD_BYTES_MIN));
        for index in 0..header.record_count {
            let record = walk::read_record(bytes, &mut at)
                .ok_or_else(|| format!("record {index} of the batch at offset {} is malformed", header.base_offset))?;
            let offset = header.base_offset.wrapping_add(record.offset_delta as i64);
            if offset < self.fetch_offset {
                continue;
            }
            self.offsets.push(offset);
            self.timestamps.push(if append_time {
                header.max_timestamp
            } else {
                header.base_timestamp.wrapping_add(record.timestamp_delta)
            });
            self.keys.push(bytes, section, record.key);
            self.values.push(bytes, section, record.value);
            if let Some((ends, slots)) = &mut self.headers {
                let (mut position, end) = record.headers;
                let whole = &bytes[..end];
                let origin = bytes.as_ptr() as usize - section.start;
                let slice = |part: &[u8]| Slice {
                    buffer: section.buffer,
                    start: (part.as_ptr() as usize - origin) as u32,
                    length: part.len() as u32,
                };
                let _ =
                    walk::read_headers(whole, &mut position, |key, value| slots.push((slice(key), value.map(slice))));
                ends.push(slots.len() as i32);
            }
        }
        if at != bytes.len() {
            return Err(format!(
                "{} bytes follow the last record of the batch at offset {}",
                bytes.len() - at,
                header.base_offset
            ));
        }
        Ok(())
    }

    fn reserve(&mut self, rows: usize) {
        self.offsets.reserve(rows);
        self.timestamps.reserve(rows);
        self.keys.views.reserve(rows);
        self.values.views.reserve(rows);
    }

    fn truncate(&mut self, rows: usize) {
        self.offsets.truncate(rows);
        self.timestamps.truncate(rows);
        self.keys.truncate(rows);
        self.values.truncate(rows);
        if let Some((ends, slots)) = &mut self.headers {
            ends.truncate(rows + 1);
            slots.truncate(*ends.last().unwrap_or(&0) as usize);
        }
    }
}

/// The headers column: list<struct<key: string, value: binary>>; key bytes that are no UTF-8 become U+FFFD.
fn header_column(ends: Vec<i32>, slots: &[(Slice, Option<Slice>)], buffers: [&[u8]; 2]) -> ListArray {
    let part =
        |slice: &Slice| &buffers[slice.buffer as usize][slice.start as usize..(slice.start + slice.length) as usize];
    let mut keys = StringBuilder::new();
    let mut values = BinaryBuilder::new();
    for (key, value) in slots {
        keys.append_value(String::from_utf8_lossy(part(key)));
        values.append_option(value.as_ref().map(part));
    }
    let fields =
        Fields::from(vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Binary, true)]);
    let columns: Vec<ArrayRef> = vec![Arc::new(keys.finish()), Arc::new(values.finish())];
    let item = Field::new("item", DataType::Struct(fields.clone()), false);
    ListArray::new(
        Arc::new(item),
        OffsetBuffer::new(ScalarBuffer::from(ends)),
        Arc::new(StructArray::new(fields, columns, None)),
        None,
    )
}

type Decoded<'py> =
    (Vector, Vector, Bound<'py, PyAny>, Bound<'py, PyAny>, Option<Bound<'py, PyAny>>, i64, Option<(usize, String)>);

/// See `kappaflow.kernel.decode_records`.
#[pyfunction]
pub fn decode_records<'py>(
    py: Python<'py>,
    buffer: PyBuffer<u8>,
    fetch_offset: i64,
    check_crc: bool,
    read_committed: bool,
    aborted: Vec<(i64, i64)>,
    with_headers: bool,
) -> PyResult<Decoded<'py>> {
    let input = shared_buffer(buffer)?;
    if input.len() > i32::MAX as usize {
        return Err(PyValueError::new_err("at most 2 GiB can be decoded at once"));
    }
    let mut by_offset: Vec<(i64, i64)> = aborted.into_iter().map(|(producer, first)| (first, producer)).collect();
    by_offset.sort_unstable();
    let mut decoder = Decoder {
        fetch_offset,
        offsets: Vec::new(),
        timestamps: Vec::new(),
        keys: Views::new(),
        values: Views::new(),
        headers: with_headers.then(|| (vec![0], Vec::new())),
        inflated: Vec::new(),
        aborted: by_offset.into(),
        aborted_producers: HashSet::new(),
        read_committed,
        check_crc,
        next_offset: fetch_offset,
    };
    let (keys, values, headers, error, decoder) = detached(py, input.len() / RECORD_BYTES, move || {
        let error = decoder.run(&input);
        let inflated = Buffer::from_vec(std::mem::take(&mut decoder.inflated));
        let headers = decoder.headers.take().map(|(ends, slots)| header_column(ends, &slots, [&input, &inflated]));
        let buffers = if inflated.is_empty() { vec![input] } else { vec![input, inflated] };
        let keys = std::mem::replace(&mut decoder.keys, Views::new()).finish(&buffers);
        let values = std::mem::replace(&mut decoder.values, Views::new()).finish(&buffers);
        (keys, values, headers, error, decoder)
    });
    let headers = headers.map(|list| to_pyarrow(py, &list as &dyn Array)).transpose()?;
    Ok((
        decoder.offsets.into(),
        decoder.timestamps.into(),
        to_pyarrow(py, &keys)?,
        to_pyarrow(py, &values)?,
        headers,
        decoder.next_offset,
        error,
    ))
}
