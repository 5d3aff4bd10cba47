//! The layout of a record batch and of its records: one strict reader for both.
//!
//! A batch is accepted only as a whole: its header, its CRC, every record to its last byte, nothing left over.
use super::varint::{read_i32, read_i64};

pub const HEADER_SIZE: usize = 61;
pub const LOG_OVERHEAD: usize = 12;
pub const CRC_START: usize = 21;
pub const LOG_APPEND_TIME_BIT: u16 = 0x08;
pub const TRANSACTIONAL_BIT: u16 = 0x10;
pub const CONTROL_BIT: u16 = 0x20;

/// The fields of a batch header that readers need.
pub struct Header {
    pub base_offset: i64,
    pub attributes: u16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub record_count: i32,
}

impl Header {
    pub fn codec(&self) -> u8 {
        (self.attributes & 7) as u8
    }

    pub fn has(&self, bit: u16) -> bool {
        self.attributes & bit != 0
    }

    pub fn last_offset(&self) -> i64 {
        self.base_offset.wrapping_add(self.last_offset_delta as i64)
    }
}

fn i64_at(bytes: &[u8], position: usize) -> i64 {
    i64::from_be_bytes(bytes[position..position + 8].try_into().expect("eight bytes"))
}

fn i32_at(bytes: &[u8], position: usize) -> i32 {
    i32::from_be_bytes(bytes[position..position + 4].try_into().expect("four bytes"))
}

/// The size of the batch at the start of `bytes`; None when it is cut off.
pub fn batch_size(bytes: &[u8]) -> Result<Option<usize>, String> {
    if bytes.len() < LOG_OVERHEAD {
        return Ok(None);
    }
    let length = i32_at(bytes, 8);
    if (length as i64) < (HEADER_SIZE - LOG_OVERHEAD) as i64 {
        return Err(format!("the batch claims a length of {length} bytes, fewer than its header has"));
    }
    let size = length as usize + LOG_OVERHEAD;
    Ok((bytes.len() >= size).then_some(size))
}

/// Reads and checks the header of a whole batch.
pub fn read_header(batch: &[u8], check_crc: bool) -> Result<Header, String> {
    let magic = batch[16] as i8;
    if magic != 2 {
        return Err(format!("the message format is {magic}, only format 2 can be read"));
    }
    if check_crc {
        let stated = i32_at(batch, 17) as u32;
        let actual = crc32c::crc32c(&batch[CRC_START..]);
        if stated != actual {
            return Err(format!("the CRC is {actual:08x}, the batch says {stated:08x}"));
        }
    }
    let header = Header {
        base_offset: i64_at(batch, 0),
        attributes: u16::from_be_bytes([batch[21], batch[22]]),
        last_offset_delta: i32_at(batch, 23),
        base_timestamp: i64_at(batch, 27),
        max_timestamp: i64_at(batch, 35),
        producer_id: i64_at(batch, 43),
        record_count: i32_at(batch, 57),
    };
    if header.record_count < 0 || header.last_offset_delta < 0 {
        return Err("the record count or the last offset delta is negative".to_owned());
    }
    Ok(header)
}

/// One record; positions and lengths are relative to the record section.
pub struct Record {
    pub timestamp_delta: i64,
    pub offset_delta: i32,
    pub key: Option<(usize, usize)>,
    pub value: Option<(usize, usize)>,
    pub headers: (usize, usize),
}

/// Reads the record at `position` and moves to the next one; None where the bytes are not a record.
#[inline]
pub fn read_record(bytes: &[u8], position: &mut usize) -> Option<Record> {
    let size = read_i32(bytes, position)?;
    let end = position.checked_add(usize::try_from(size).ok()?)?;
    let record = bytes.get(..end)?;
    let mut at = *position + 1;
    let timestamp_delta = read_i64(record, &mut at)?;
    let offset_delta = read_i32(record, &mut at)?;
    let key = read_field(record, &mut at)?;
    let value = read_field(record, &mut at)?;
    let start = at;
    // One byte, zero, stands for "no headers" in nearly every record.
    if record.get(at) == Some(&0) {
        at += 1;
    } else {
        read_headers(record, &mut at, |_, _| {})?;
    }
    if at != end {
        return None;
    }
    *position = end;
    Some(Record { timestamp_delta, offset_delta, key, value, headers: (start, end) })
}

/// Reads a length and steps over that many bytes; a negative length is a null.
#[inline(always)]
fn read_field(record: &[u8], at: &mut usize) -> Option<Option<(usize, usize)>> {
    let length = read_i32(record, at)?;
    if length < 0 {
        return Some(None);
    }
    let start = *at;
    let end = start + length as usize;
    if end > record.len() {
        return None;
    }
    *at = end;
    Some(Some((start, length as usize)))
}

/// Reads the headers of a record, giving each key and value to `each`.
pub fn read_headers<'a>(
    record: &'a [u8],
    at: &mut usize,
    mut each: impl FnMut(&'a [u8], Option<&'a [u8]>),
) -> Option<()> {
    let count = read_i32(record, at)?;
    if count < 0 || count as usize > record.len() - *at {
        return None;
    }
    for _ in 0..count {
        let (start, length) = read_field(record, at)??;
        let value = read_field(record, at)?;
        each(&record[start..start + length], value.map(|(start, length)| &record[start..start + length]));
    }
    Some(())
}

/// Whether the record section of a control batch holds an abort marker; None when it is no marker.
pub fn is_abort(bytes: &[u8]) -> Option<bool> {
    let (start, length) = read_record(bytes, &mut 0)?.key?;
    if length < 4 {
        return None;
    }
    Some(bytes[start + 2] == 0 && bytes[start + 3] == 0)
}
