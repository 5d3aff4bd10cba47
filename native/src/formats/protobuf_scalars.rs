//! Protobuf's scalars and the messages with a meaning of their own, on the wire and into columns.
//!
//! Source: Protocol Buffers documentation, "Encoding".
use super::columns::{Out, Type};
use super::json_scan::{Doubt, Scanned};
use super::plain_values::{
    checked_text, push_binary, push_boolean, push_decimal, push_double, push_integer, push_text,
};

pub const VARINT: u8 = 0;
pub const FIXED64: u8 = 1;
pub const SIZED: u8 = 2;
pub const FIXED32: u8 = 5;

/// Where a record is being read.
pub struct Cursor<'a> {
    pub data: &'a [u8],
    pub at: usize,
}

/// A value as it stood on the wire.
#[derive(Clone, Copy)]
pub enum Raw<'a> {
    Word(u64),
    Span(&'a [u8]),
}

impl<'a> Cursor<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Cursor { data, at: 0 }
    }

    #[inline(always)]
    pub fn is_done(&self) -> bool {
        self.at >= self.data.len()
    }

    #[inline(always)]
    pub fn varint(&mut self) -> Scanned<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.data.get(self.at).ok_or(Doubt)?;
            self.at += 1;
            if shift == 63 && byte > 1 {
                return Err(Doubt);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Doubt)
    }

    #[inline(always)]
    fn take(&mut self, size: usize) -> Scanned<&'a [u8]> {
        let end = self.at.checked_add(size).ok_or(Doubt)?;
        let bytes = self.data.get(self.at..end).ok_or(Doubt)?;
        self.at = end;
        Ok(bytes)
    }

    /// The value that follows a tag; groups are doubts.
    #[inline(always)]
    pub fn raw(&mut self, wire: u8) -> Scanned<Raw<'a>> {
        Ok(match wire {
            VARINT => Raw::Word(self.varint()?),
            FIXED64 => Raw::Word(u64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Doubt)?)),
            FIXED32 => Raw::Word(u64::from(u32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Doubt)?))),
            SIZED => {
                let size = usize::try_from(self.varint()?).map_err(|_| Doubt)?;
                Raw::Span(self.take(size)?)
            }
            _ => return Err(Doubt),
        })
    }

    /// The number of a field and its wire type.
    #[inline(always)]
    pub fn tag(&mut self) -> Scanned<(u32, u8)> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Doubt)?;
        if tag < 8 {
            return Err(Doubt);
        }
        Ok((tag >> 3, (tag & 7) as u8))
    }
}

/// What a single value of a field is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scalar {
    Int32,
    Int64,
    UInt32,
    UInt64,
    SInt32,
    SInt64,
    SFixed32,
    SFixed64,
    Fixed32,
    Fixed64,
    Bool,
    Float,
    Double,
    Text,
    Bytes,
    Timestamp,
    Date,
    TimeOfDay,
    Decimal,
}

impl Scalar {
    pub fn parse(kind: &str) -> Option<Self> {
        Some(match kind {
            "int32" => Scalar::Int32,
            "int64" => Scalar::Int64,
            "uint32" => Scalar::UInt32,
            "uint64" => Scalar::UInt64,
            "sint32" => Scalar::SInt32,
            "sint64" => Scalar::SInt64,
            "sfixed32" => Scalar::SFixed32,
            "sfixed64" => Scalar::SFixed64,
            "fixed32" => Scalar::Fixed32,
            "fixed64" => Scalar::Fixed64,
            "bool" => Scalar::Bool,
            "float" => Scalar::Float,
            "double" => Scalar::Double,
            "string" => Scalar::Text,
            "bytes" => Scalar::Bytes,
            "timestamp" => Scalar::Timestamp,
            "date" => Scalar::Date,
            "time" => Scalar::TimeOfDay,
            "decimal" => Scalar::Decimal,
            _ => return None,
        })
    }

    pub fn wire(self) -> u8 {
        match self {
            Scalar::Double | Scalar::Fixed64 | Scalar::SFixed64 => FIXED64,
            Scalar::Float | Scalar::Fixed32 | Scalar::SFixed32 => FIXED32,
            Scalar::Text | Scalar::Bytes => SIZED,
            Scalar::Timestamp | Scalar::Date | Scalar::TimeOfDay | Scalar::Decimal => SIZED,
            _ => VARINT,
        }
    }

    /// What an absent field without presence has.
    pub fn default(self) -> Raw<'static> {
        if self.wire() == SIZED {
            Raw::Span(&[])
        } else {
            Raw::Word(0)
        }
    }

    /// Pushes the value into a column; without one it is only checked.
    #[inline]
    pub fn push(self, raw: Raw<'_>, out: Option<&mut Out>) -> Scanned<()> {
        match raw {
            Raw::Word(word) => match out {
                Some(out) => self.push_word(word, out),
                None => Ok(()),
            },
            Raw::Span(span) => self.push_span(span, out),
        }
    }

    #[inline(always)]
    fn push_word(self, word: u64, out: &mut Out) -> Scanned<()> {
        match self {
            Scalar::Int32 | Scalar::SFixed32 => push_integer(out, i64::from(word as i32)),
            Scalar::UInt32 | Scalar::Fixed32 => push_integer(out, i64::from(word as u32)),
            Scalar::Int64 | Scalar::SFixed64 => push_integer(out, word as i64),
            Scalar::UInt64 | Scalar::Fixed64 => push_integer(out, i64::try_from(word).map_err(|_| Doubt)?),
            Scalar::SInt32 => {
                let word = word as u32;
                push_integer(out, i64::from((word >> 1) as i32 ^ -((word & 1) as i32)))
            }
            Scalar::SInt64 => push_integer(out, (word >> 1) as i64 ^ -((word & 1) as i64)),
            Scalar::Bool => push_boolean(out, word != 0),
            Scalar::Float => push_double(out, f64::from(f32::from_bits(word as u32))),
            Scalar::Double => push_double(out, f64::from_bits(word)),
            _ => Err(Doubt),
        }
    }

    fn push_span(self, span: &[u8], out: Option<&mut Out>) -> Scanned<()> {
        match self {
            Scalar::Text => {
                let text = checked_text(span)?;
                out.map_or(Ok(()), |out| push_text(out, text))
            }
            Scalar::Bytes => out.map_or(Ok(()), |out| push_binary(out, span)),
            Scalar::Timestamp => {
                let [_, seconds, nanos, ..] = numbers(span, &[0, 64, 32])?;
                let millis = seconds.checked_mul(1000).and_then(|ms| ms.checked_add(nanos.div_euclid(1_000_000)));
                push_temporal(out, millis.ok_or(Doubt)?)
            }
            Scalar::Date => {
                let [_, year, month, day, ..] = numbers(span, &[0, 32, 32, 32])?;
                let or_one = |number: i64| if number == 0 { 1 } else { number };
                push_temporal(out, days_from_civil(or_one(year), or_one(month), or_one(day))?)
            }
            Scalar::TimeOfDay => {
                let [_, hours, minutes, seconds, nanos] = numbers(span, &[0, 32, 32, 32, 32])?;
                let seconds = (hours * 60 + minutes) * 60 + seconds;
                push_temporal(out, seconds * 1000 + nanos.div_euclid(1_000_000))
            }
            Scalar::Decimal => push_decimal_message(span, out),
            _ => Err(Doubt),
        }
    }
}

/// Pushes milliseconds or days into a column of numbers that has the type for them.
fn push_temporal(out: Option<&mut Out>, value: i64) -> Scanned<()> {
    match out {
        Some(out) if matches!(out.type_, Type::Double) => Err(Doubt),
        Some(out) => push_integer(out, value),
        None => Ok(()),
    }
}

/// The whole numbers of a small message, by field number; `bits` says how wide each is, 0 for none.
fn numbers(span: &[u8], bits: &[u8]) -> Scanned<[i64; 5]> {
    let mut found = [0i64; 5];
    let mut cursor = Cursor::new(span);
    while !cursor.is_done() {
        let (number, wire) = cursor.tag()?;
        let raw = cursor.raw(wire)?;
        match (bits.get(number as usize), raw) {
            (Some(32), Raw::Word(word)) if wire == VARINT => found[number as usize] = i64::from(word as i32),
            (Some(64), Raw::Word(word)) if wire == VARINT => found[number as usize] = word as i64,
            (None, _) => {}
            _ => return Err(Doubt),
        }
    }
    Ok(found)
}

fn push_decimal_message(span: &[u8], out: Option<&mut Out>) -> Scanned<()> {
    let mut cursor = Cursor::new(span);
    let (mut value, mut scale): (&[u8], i64) = (&[], 0);
    while !cursor.is_done() {
        let (number, wire) = cursor.tag()?;
        match (number, cursor.raw(wire)?) {
            (1, Raw::Span(bytes)) => value = bytes,
            (3, Raw::Word(word)) if wire == VARINT => scale = i64::from(word as i32),
            (2, Raw::Word(_)) if wire == VARINT => {}
            (1..=3, _) => return Err(Doubt),
            _ => {}
        }
    }
    out.map_or(Ok(()), |out| push_decimal(out, value, scale))
}

/// Days since 1970-01-01 of a date of the years 1 to 9999.
fn days_from_civil(year: i64, month: i64, day: i64) -> Scanned<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return Err(Doubt),
    };
    if !(1..=9999).contains(&year) || !(1..=last).contains(&day) {
        return Err(Doubt);
    }
    // Years that begin in March have the odd day at their end.
    let (shifted, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = shifted * 365 + shifted.div_euclid(4) - shifted.div_euclid(100) + shifted.div_euclid(400);
    Ok(before + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

/// Year, month and day of the years 1 to 9999 of a number of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> Scanned<[i64; 3]> {
    if !(-719_162..=2_932_896).contains(&days) {
        return Err(Doubt);
    }
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    Ok([year_of_era + era * 400 + i64::from(month <= 2), month, day])
}
