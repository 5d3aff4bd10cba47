//! Columns to record batches, one list of batches a partition.
use arrow_array::cast::AsArray;
use arrow_array::{Array, ListArray, StructArray};
use arrow_schema::DataType;
use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::codecs::compress;
use super::murmur2::partition_of;
use super::varint;
use super::walk::{CRC_START, HEADER_SIZE, LOG_OVERHEAD, TRANSACTIONAL_BIT};
use crate::arrays::{borrowed, detached, ByteColumn, Column, Vector};

/// What the headers of all batches of one call share.
struct Stamp {
    codec: u8,
    transactional: bool,
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    max_batch_bytes: usize,
}

struct Batch {
    bytes: Vec<u8>,
    rows: Vec<i64>,
}

/// A batch under construction, and those already closed, of one partition.
struct Open {
    body: Vec<u8>,
    rows: Vec<i64>,
    base_timestamp: i64,
    max_timestamp: i64,
    sequence: i32,
    closed: Vec<Batch>,
}

impl Open {
    fn close(&mut self, stamp: &Stamp) -> Result<(), String> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let count = self.rows.len() as i32;
        let attributes = stamp.codec as u16 | if stamp.transactional { TRANSACTIONAL_BIT } else { 0 };
        let mut bytes =
            Vec::with_capacity(HEADER_SIZE + if stamp.codec == 0 { self.body.len() } else { self.body.len() / 2 });
        bytes.extend_from_slice(&0i64.to_be_bytes());
        bytes.extend_from_slice(&0i32.to_be_bytes());
        bytes.extend_from_slice(&(-1i32).to_be_bytes());
        bytes.push(2);
        bytes.extend_from_slice(&0u32.to_be_bytes());
        bytes.extend_from_slice(&attributes.to_be_bytes());
        bytes.extend_from_slice(&(count - 1).to_be_bytes());
        bytes.extend_from_slice(&self.base_timestamp.to_be_bytes());
        bytes.extend_from_slice(&self.max_timestamp.to_be_bytes());
        bytes.extend_from_slice(&stamp.producer_id.to_be_bytes());
        bytes.extend_from_slice(&stamp.producer_epoch.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&count.to_be_bytes());
        compress(stamp.codec, &self.body, &mut bytes)?;
        seal(&mut bytes)?;
        if self.sequence >= 0 {
            self.sequence = self.sequence.wrapping_add(count) & i32::MAX;
        }
        self.body.clear();
        self.closed.push(Batch { bytes, rows: std::mem::take(&mut self.rows) });
        Ok(())
    }
}

/// Sets length and CRC of a finished batch.
fn seal(batch: &mut [u8]) -> Result<(), String> {
    let length = i32::try_from(batch.len() - LOG_OVERHEAD).map_err(|_| "a batch has at most 2 GiB".to_owned())?;
    batch[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&batch[CRC_START..]);
    batch[17..21].copy_from_slice(&crc.to_be_bytes());
    Ok(())
}

/// The headers column taken apart.
struct HeaderColumn<'a> {
    list: &'a ListArray,
    keys: ByteColumn<'a>,
    values: ByteColumn<'a>,
}

impl<'a> HeaderColumn<'a> {
    fn new(array: &'a dyn Array) -> PyResult<Self> {
        let wrong = || PyTypeError::new_err("headers must be list<struct<key: string, value: binary>>");
        if !matches!(array.data_type(), DataType::List(_)) {
            return Err(wrong());
        }
        let list = array.as_list::<i32>();
        let pairs: &StructArray = list.values().as_struct_opt().ok_or_else(wrong)?;
        if pairs.num_columns() != 2 {
            return Err(wrong());
        }
        Ok(HeaderColumn {
            list,
            keys: ByteColumn::new(pairs.column(0), "header keys")?,
            values: ByteColumn::new(pairs.column(1), "header values")?,
        })
    }

    /// Appends the headers of a row: their count, then keys and values.
    fn write(&self, row: usize, out: &mut Vec<u8>) {
        let ends = self.list.value_offsets();
        let range = if self.list.is_null(row) { 0..0 } else { ends[row] as usize..ends[row + 1] as usize };
        varint::write(out, range.len() as i64);
        for pair in range {
            write_field(out, Some(self.keys.get(pair).unwrap_or_default()));
            write_field(out, self.values.get(pair));
        }
    }
}

fn write_field(out: &mut Vec<u8>, field: Option<&[u8]>) {
    match field {
        None => varint::write(out, -1),
        Some(bytes) => {
            varint::write(out, bytes.len() as i64);
            out.extend_from_slice(bytes);
        }
    }
}

fn field_size(field: Option<&[u8]>) -> usize {
    field.map_or(1, |bytes| varint::size(bytes.len() as i64) + bytes.len())
}

struct Rows<'a> {
    keys: ByteColumn<'a>,
    values: ByteColumn<'a>,
    timestamps: &'a [i64],
    headers: Option<HeaderColumn<'a>>,
}

impl Rows<'_> {
    /// Appends a row to the partition's open batch, closing it first where the row would exceed its limit.
    fn append(&self, row: usize, open: &mut Open, stamp: &Stamp, scratch: &mut Vec<u8>) -> Result<usize, String> {
        let (key, value) = (self.keys.get(row), self.values.get(row));
        let timestamp = self.timestamps[row];
        scratch.clear();
        match &self.headers {
            Some(headers) => headers.write(row, scratch),
            None => scratch.push(0),
        }
        let payload = 1 + field_size(key) + field_size(value) + scratch.len();
        let mut base = if open.rows.is_empty() { timestamp } else { open.base_timestamp };
        let mut delta = open.rows.len() as i64;
        let mut size = payload + varint::size(timestamp.wrapping_sub(base)) + varint::size(delta);
        let full = HEADER_SIZE + open.body.len() + varint::size(size as i64) + size > stamp.max_batch_bytes;
        if full && !open.rows.is_empty() {
            open.close(stamp)?;
            (base, delta) = (timestamp, 0);
            size = payload + 2;
        }
        if open.rows.is_empty() {
            open.base_timestamp = timestamp;
            open.max_timestamp = timestamp;
        }
        open.max_timestamp = open.max_timestamp.max(timestamp);
        let before = open.body.len();
        open.body.reserve(size + 5);
        varint::write(&mut open.body, size as i64);
        open.body.push(0);
        varint::write(&mut open.body, timestamp.wrapping_sub(base));
        varint::write(&mut open.body, delta);
        write_field(&mut open.body, key);
        write_field(&mut open.body, value);
        open.body.extend_from_slice(scratch);
        open.rows.push(row as i64);
        Ok(open.body.len() - before)
    }
}

/// Keeps rows without key on one partition until a batch's worth of bytes went there, as Kafka's producer does.
struct Sticky {
    partition: u32,
    bytes: usize,
    used: bool,
}

fn encode(
    rows: &Rows<'_>,
    given: Option<&[i64]>,
    partitions: u32,
    sticky: u32,
    stamp: &Stamp,
) -> Result<(Vec<Vec<Batch>>, u32), String> {
    let mut open: Vec<Open> = (0..partitions)
        .map(|_| Open {
            body: Vec::new(),
            rows: Vec::new(),
            base_timestamp: 0,
            max_timestamp: 0,
            sequence: stamp.base_sequence,
            closed: Vec::new(),
        })
        .collect();
    let mut scratch = Vec::new();
    let mut sticky = Sticky { partition: sticky % partitions, bytes: 0, used: false };
    for row in 0..rows.timestamps.len() {
        let (partition, sticks) = match (given, rows.keys.get(row)) {
            (Some(given), _) => (given[row] as u64, false),
            (None, Some(key)) => (partition_of(key, partitions) as u64, false),
            (None, None) => (sticky.partition as u64, true),
        };
        let target = open
            .get_mut(partition as usize)
            .ok_or_else(|| format!("row {row} names partition {}, of {partitions}", partition as i64))?;
        let size = rows.append(row, target, stamp, &mut scratch)?;
        if sticks {
            sticky.used = true;
            sticky.bytes += size;
            if sticky.bytes >= stamp.max_batch_bytes {
                sticky = Sticky { partition: (sticky.partition + 1) % partitions, bytes: 0, used: false };
            }
        }
    }
    for target in &mut open {
        target.close(stamp)?;
    }
    let next = if sticky.used { (sticky.partition + 1) % partitions } else { sticky.partition };
    Ok((open.into_iter().map(|target| target.closed).collect(), next))
}

type Encoded<'py> = (Vec<Vec<(Bound<'py, PyBytes>, Vector)>>, u32);

/// See `kappaflow.kernel.encode_records`.
#[pyfunction]
#[allow(clippy::too_many_arguments)]
pub fn encode_records<'py>(
    py: Python<'py>,
    key: Column,
    value: Column,
    timestamp: PyBuffer<i64>,
    headers: Option<Column>,
    codec: u8,
    partition: Option<PyBuffer<i64>>,
    partitions: u32,
    sticky_partition: u32,
    transactional: bool,
    producer: (i64, i16, i32),
    max_batch_bytes: usize,
) -> PyResult<Encoded<'py>> {
    let stamp = Stamp {
        codec,
        transactional,
        producer_id: producer.0,
        producer_epoch: producer.1,
        base_sequence: producer.2,
        max_batch_bytes,
    };
    let rows = Rows {
        keys: ByteColumn::new(&*key.0, "key")?,
        values: ByteColumn::new(&*value.0, "value")?,
        timestamps: borrowed(&timestamp, "timestamp")?,
        headers: headers.as_ref().map(|column| HeaderColumn::new(&*column.0)).transpose()?,
    };
    let given = partition.as_ref().map(|buffer| borrowed(buffer, "partition")).transpose()?;
    let count = rows.timestamps.len();
    let lengths = [
        rows.keys.len(),
        rows.values.len(),
        given.map_or(count, <[i64]>::len),
        rows.headers.as_ref().map_or(count, |h| h.list.len()),
    ];
    if partitions == 0 || lengths.iter().any(|length| *length != count) {
        return Err(PyValueError::new_err("columns must have the same length, and at least one partition is needed"));
    }
    let (batches, next) = detached(py, count, || encode(&rows, given, partitions, sticky_partition, &stamp))
        .map_err(PyValueError::new_err)?;
    let batches = batches
        .into_iter()
        .map(|list| list.into_iter().map(|batch| (PyBytes::new(py, &batch.bytes), Vector::from(batch.rows))).collect())
        .collect();
    Ok((batches, next))
}

/// See `kappaflow.kernel.restamp`.
#[pyfunction]
pub fn restamp<'py>(
    py: Python<'py>,
    batch: &[u8],
    producer_id: i64,
    producer_epoch: i16,
    base_sequence: i32,
    transactional: Option<bool>,
) -> PyResult<Bound<'py, PyBytes>> {
    if batch.len() < HEADER_SIZE {
        return Err(PyValueError::new_err("a record batch has at least 61 bytes"));
    }
    PyBytes::new_with(py, batch.len(), |out| {
        out.copy_from_slice(batch);
        out[43..51].copy_from_slice(&producer_id.to_be_bytes());
        out[51..53].copy_from_slice(&producer_epoch.to_be_bytes());
        out[53..57].copy_from_slice(&base_sequence.to_be_bytes());
        if let Some(transactional) = transactional {
            out[22] = out[22] & !(TRANSACTIONAL_BIT as u8) | if transactional { TRANSACTIONAL_BIT as u8 } else { 0 };
        }
        py.detach(|| seal(out)).map_err(PyValueError::new_err)
    })
}
