//! Columns being built from the fields of records, and columns being written.
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimestampMillisecondType,
};
use arrow_array::{make_array, Array, ArrayRef, BinaryArray, BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::DataType;
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

use super::json_scan::{unescape, Doubt, Kind, Scanned, Span};
use super::number_text::push_i64;
use crate::arrays::{arrow_error, ByteColumn};

const DAY_MS: i64 = 86_400_000;

/// The type of a column as far as this part knows types; everything else is `Raw` text for the row form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Boolean,
    Integer,
    BigInt,
    Double,
    Decimal { precision: u8, scale: u8 },
    Text,
    Bytes,
    Time,
    Date,
    Timestamp,
    Raw,
}

impl Type {
    /// Parses `BIGINT`, `DECIMAL(10, 2)` and so on; what is not known is raw.
    pub fn parse(text: &str) -> Self {
        match text {
            "BOOLEAN" => Type::Boolean,
            "INTEGER" => Type::Integer,
            "BIGINT" => Type::BigInt,
            "DOUBLE" => Type::Double,
            "STRING" => Type::Text,
            "BYTES" => Type::Bytes,
            "TIME" => Type::Time,
            "DATE" => Type::Date,
            "TIMESTAMP" => Type::Timestamp,
            _ => Type::parse_decimal(text).unwrap_or(Type::Raw),
        }
    }

    fn parse_decimal(text: &str) -> Option<Self> {
        let (precision, scale) = text.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(", ")?;
        let (precision, scale) = (precision.parse().ok()?, scale.parse().ok()?);
        (precision <= 38).then_some(Type::Decimal { precision, scale })
    }
}

enum Values {
    Bits(Vec<bool>),
    Halves(Vec<i32>),
    Words(Vec<i64>),
    Doubles(Vec<f64>),
    Wide(Vec<i128>),
    Bytes { ends: Vec<i32>, data: Vec<u8> },
}

/// One column being built.  `keep` is false for columns that are only checked.
pub struct Out {
    pub type_: Type,
    pub keep: bool,
    valid: Vec<bool>,
    values: Values,
}

impl Out {
    pub fn new(type_: Type, keep: bool, rows: usize) -> Self {
        let capacity = if keep { rows } else { 0 };
        let values = match type_ {
            Type::Boolean => Values::Bits(Vec::with_capacity(capacity)),
            Type::Integer | Type::Time | Type::Date => Values::Halves(Vec::with_capacity(capacity)),
            Type::BigInt | Type::Timestamp => Values::Words(Vec::with_capacity(capacity)),
            Type::Double => Values::Doubles(Vec::with_capacity(capacity)),
            Type::Decimal { .. } => Values::Wide(Vec::with_capacity(capacity)),
            Type::Text | Type::Bytes | Type::Raw => {
                Values::Bytes { ends: Vec::with_capacity(capacity), data: Vec::with_capacity(capacity * 8) }
            }
        };
        Out { type_, keep, valid: Vec::with_capacity(capacity), values }
    }

    pub fn push_null(&mut self) {
        if !self.keep {
            return;
        }
        self.valid.push(false);
        match &mut self.values {
            Values::Bits(values) => values.push(false),
            Values::Halves(values) => values.push(0),
            Values::Words(values) => values.push(0),
            Values::Doubles(values) => values.push(0.0),
            Values::Wide(values) => values.push(0),
            Values::Bytes { ends, data } => ends.push(data.len() as i32),
        }
    }

    /// Takes back what a row has pushed already.
    pub fn truncate(&mut self, rows: usize) {
        self.valid.truncate(rows);
        match &mut self.values {
            Values::Bits(values) => values.truncate(rows),
            Values::Halves(values) => values.truncate(rows),
            Values::Words(values) => values.truncate(rows),
            Values::Doubles(values) => values.truncate(rows),
            Values::Wide(values) => values.truncate(rows),
            Values::Bytes { ends, data } => {
                ends.truncate(rows);
                data.truncate(ends.last().map_or(0, |end| *end as usize));
            }
        }
    }

    fn push_half(&mut self, value: i32) {
        if let (true, Values::Halves(values)) = (self.keep, &mut self.values) {
            values.push(value);
            self.valid.push(true);
        }
    }

    fn push_word(&mut self, value: i64) {
        if let (true, Values::Words(values)) = (self.keep, &mut self.values) {
            values.push(value);
            self.valid.push(true);
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        if let (true, Values::Bytes { ends, data }) = (self.keep, &mut self.values) {
            data.extend_from_slice(bytes);
            ends.push(data.len() as i32);
            self.valid.push(true);
        }
    }

    pub fn push_boolean(&mut self, value: bool) {
        if let (true, Values::Bits(values)) = (self.keep, &mut self.values) {
            values.push(value);
            self.valid.push(true);
        }
    }

    pub fn push_double(&mut self, value: f64) {
        if let (true, Values::Doubles(values)) = (self.keep, &mut self.values) {
            values.push(value);
            self.valid.push(true);
        }
    }

    /// Pushes an integer that has its final value.
    pub fn push_integer(&mut self, value: i64) -> Scanned<()> {
        match self.type_ {
            Type::Integer => self.push_half(value as i32),
            Type::Time if (0..=DAY_MS).contains(&value) => self.push_half(value as i32),
            Type::Date => self.push_half(i32::try_from(value).map_err(|_| Doubt)?),
            Type::BigInt | Type::Timestamp => self.push_word(value),
            _ => return Err(Doubt),
        }
        Ok(())
    }

    /// Pushes bytes as they are: text that is known to be UTF-8, or binary.
    pub fn push_plain(&mut self, bytes: &[u8]) {
        self.push_bytes(bytes);
    }

    /// Converts a JSON value as the row form does.
    #[inline]
    pub fn push_json(&mut self, span: Span, data: &[u8]) -> Scanned<()> {
        if matches!(span.kind, Kind::Absent | Kind::Null) {
            self.push_null();
            return Ok(());
        }
        let text = span.bytes(data);
        match self.type_ {
            Type::Boolean => match span.kind {
                Kind::True => self.push_boolean(true),
                Kind::False => self.push_boolean(false),
                _ => return Err(Doubt),
            },
            Type::Integer | Type::BigInt | Type::Time | Type::Date | Type::Timestamp => {
                let value = match span.kind {
                    Kind::Int | Kind::Fraction if matches!(self.type_, Type::Integer | Type::BigInt | Type::Timestamp) => {
                        low_bits(text)
                    }
                    Kind::Int | Kind::Text => strict_integer(text)?,
                    _ => return Err(Doubt),
                };
                if span.kind == Kind::Text && self.type_ == Type::Integer && i32::try_from(value).is_err() {
                    return Err(Doubt);
                }
                return self.push_integer(value);
            }
            Type::Double => {
                let value = match span.kind {
                    Kind::Int | Kind::Fraction | Kind::Exponent => json_double(text)?,
                    Kind::Text => text_double(text)?,
                    _ => return Err(Doubt),
                };
                self.push_double(value);
            }
            Type::Decimal { precision, scale } => match span.kind {
                Kind::Int | Kind::Fraction | Kind::Text => self.push_decimal(text, precision, scale)?,
                _ => return Err(Doubt),
            },
            Type::Text => return self.push_json_text(span, text),
            Type::Bytes if span.kind == Kind::Text => self.push_base64(text)?,
            Type::Bytes => return Err(Doubt),
            Type::Raw => match span.kind {
                Kind::Text | Kind::Escaped => self.push_bytes(&data[span.start as usize - 1..span.end as usize + 1]),
                _ => self.push_bytes(text),
            },
        }
        Ok(())
    }

    fn push_json_text(&mut self, span: Span, text: &[u8]) -> Scanned<()> {
        if !self.keep {
            return Ok(());
        }
        match span.kind {
            Kind::Text | Kind::True | Kind::False => self.push_bytes(text),
            Kind::Int if text == b"-0" => self.push_bytes(b"0"),
            Kind::Int => self.push_bytes(text),
            Kind::Fraction if prints_as_it_is(text) => self.push_bytes(text),
            Kind::Escaped => {
                if let Values::Bytes { ends, data } = &mut self.values {
                    unescape(text, data);
                    ends.push(data.len() as i32);
                    self.valid.push(true);
                }
            }
            _ => return Err(Doubt),
        }
        Ok(())
    }

    /// Converts a non-empty delimited field as the row form does; its bytes are UTF-8.
    pub fn push_field(&mut self, text: &[u8]) -> Scanned<()> {
        match self.type_ {
            Type::Boolean => self.push_boolean(text.eq_ignore_ascii_case(b"true")),
            Type::Text => self.push_bytes(text),
            Type::Double => {
                let value = text_double(text)?;
                self.push_double(value);
            }
            Type::Decimal { precision, scale } => self.push_decimal(text, precision, scale)?,
            Type::Bytes => self.push_base64(text)?,
            Type::Integer => {
                let value = strict_integer(text)?;
                self.push_half(i32::try_from(value).map_err(|_| Doubt)?);
            }
            Type::Raw => return Err(Doubt),
            _ => return self.push_integer(strict_integer(text)?),
        }
        Ok(())
    }

    fn push_decimal(&mut self, text: &[u8], precision: u8, scale: u8) -> Scanned<()> {
        let value = decimal(text, precision, scale)?;
        if let (true, Values::Wide(values)) = (self.keep, &mut self.values) {
            values.push(value);
            self.valid.push(true);
        }
        Ok(())
    }

    fn push_base64(&mut self, text: &[u8]) -> Scanned<()> {
        if let Values::Bytes { ends, data } = &mut self.values {
            let before = data.len();
            decode_base64(text, data)?;
            if self.keep {
                ends.push(data.len() as i32);
                self.valid.push(true);
            } else {
                data.truncate(before);
            }
        }
        Ok(())
    }

    /// The finished array.
    pub fn finish(self) -> PyResult<ArrayRef> {
        let nulls = if self.valid.iter().all(|valid| *valid) { None } else { Some(NullBuffer::from(self.valid)) };
        Ok(match self.values {
            Values::Bits(values) => Arc::new(BooleanArray::new(BooleanBuffer::from(values), nulls)) as ArrayRef,
            Values::Doubles(values) => Arc::new(PrimitiveArray::<Float64Type>::new(values.into(), nulls)),
            Values::Halves(values) => match self.type_ {
                Type::Time => Arc::new(PrimitiveArray::<Time32MillisecondType>::new(values.into(), nulls)),
                Type::Date => Arc::new(PrimitiveArray::<Date32Type>::new(values.into(), nulls)),
                _ => Arc::new(PrimitiveArray::<Int32Type>::new(values.into(), nulls)),
            },
            Values::Words(values) => match self.type_ {
                Type::Timestamp => Arc::new(PrimitiveArray::<TimestampMillisecondType>::new(values.into(), nulls)),
                _ => Arc::new(PrimitiveArray::<Int64Type>::new(values.into(), nulls)),
            },
            Values::Wide(values) => {
                let Type::Decimal { precision, scale } = self.type_ else {
                    return Err(PyValueError::new_err("a decimal without its scale"));
                };
                let array = PrimitiveArray::<Decimal128Type>::new(values.into(), nulls);
                Arc::new(array.with_precision_and_scale(precision, scale as i8).map_err(arrow_error)?)
            }
            Values::Bytes { ends, data } => {
                let is_binary = self.type_ == Type::Bytes;
                bytes_array(ends, data, nulls, is_binary)?
            }
        })
    }
}

/// Makes a binary or string array of the ends of its values.
pub fn bytes_array(ends: Vec<i32>, data: Vec<u8>, nulls: Option<NullBuffer>, is_binary: bool) -> PyResult<ArrayRef> {
    if data.len() > i32::MAX as usize {
        return Err(PyOverflowError::new_err("a column of more than 2 GiB; decode fewer records at once"));
    }
    let mut offsets = Vec::with_capacity(ends.len() + 1);
    offsets.push(0);
    offsets.extend_from_slice(&ends);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    let data = Buffer::from_vec(data);
    Ok(if is_binary {
        Arc::new(BinaryArray::new(offsets, data, nulls))
    } else {
        // Every byte came from checked UTF-8.
        Arc::new(unsafe { StringArray::new_unchecked(offsets, data, nulls) })
    })
}

/// The integer part of a JSON number, its low 64 bits.
#[inline]
fn low_bits(text: &[u8]) -> i64 {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let mut value = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(digit as u64);
    }
    (if is_negative { value.wrapping_neg() } else { value }) as i64
}

/// An integer of at most 18 digits.
fn strict_integer(text: &[u8]) -> Scanned<i64> {
    let digits = match text.split_first() {
        Some((b'-' | b'+', rest)) => rest,
        _ => text,
    };
    if digits.is_empty() || digits.len() > 18 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(Doubt);
    }
    let value = digits.iter().fold(0i64, |value, digit| value * 10 + (digit - b'0') as i64);
    Ok(if text[0] == b'-' { -value } else { value })
}

fn json_double(text: &[u8]) -> Scanned<f64> {
    let value = parse_f64(text)?;
    // A BigDecimal has no negative zero, but a value that underflows keeps its sign.
    if value == 0.0 && !text.iter().take_while(|byte| **byte | 0x20 != b'e').any(|byte| matches!(byte, b'1'..=b'9')) {
        return Ok(0.0);
    }
    Ok(value)
}

fn text_double(text: &[u8]) -> Scanned<f64> {
    let first = if text.first() == Some(&b'-') { text.get(1) } else { text.first() };
    let is_simple = first.is_some_and(u8::is_ascii_digit)
        && text.last().is_some_and(u8::is_ascii_digit)
        && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
    if is_simple {
        parse_f64(text)
    } else {
        Err(Doubt)
    }
}

#[inline]
fn parse_f64(text: &[u8]) -> Scanned<f64> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Doubt)
}

/// True when BigDecimal prints a plain number with a fraction as it was written.
fn prints_as_it_is(text: &[u8]) -> bool {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let Some(fraction) = digits.strip_prefix(b"0.") else { return true };
    let head = &fraction[..fraction.len().min(6)];
    head.iter().any(|digit| *digit != b'0') || (fraction.len() <= 6 && !is_negative)
}

fn decimal(text: &[u8], precision: u8, scale: u8) -> Scanned<i128> {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let mut value = 0i128;
    let mut decimals: Option<u8> = None;
    let mut significant = 0;
    let mut has_digit = false;
    for byte in digits {
        match (*byte, decimals) {
            (b'.', None) if has_digit => decimals = Some(0),
            (b'0'..=b'9', count) => {
                has_digit = true;
                if count == Some(scale) {
                    if *byte != b'0' {
                        return Err(Doubt);
                    }
                    continue;
                }
                decimals = count.map(|count| count + 1);
                value = value * 10 + (byte - b'0') as i128;
                significant += u8::from(significant > 0 || *byte != b'0');
                if significant > 37 {
                    return Err(Doubt);
                }
            }
            _ => return Err(Doubt),
        }
    }
    if !has_digit || digits.last() == Some(&b'.') {
        return Err(Doubt);
    }
    for _ in decimals.unwrap_or(0)..scale {
        value = value.checked_mul(10).ok_or(Doubt)?;
    }
    if value >= 10i128.pow(precision as u32) {
        return Err(Doubt);
    }
    Ok(if is_negative { -value } else { value })
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn sextet(byte: u8) -> Scanned<u32> {
    Ok(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return Err(Doubt),
    } as u32)
}

/// Decodes padded base64 without white space.
fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Scanned<()> {
    if text.len() % 4 != 0 {
        return Err(Doubt);
    }
    let padding = text.iter().rev().take(2).take_while(|byte| **byte == b'=').count();
    let length = out.len() + text.len() / 4 * 3 - padding;
    let last = text.len() / 4;
    for (at, quad) in text.chunks_exact(4).enumerate() {
        let padded = if at + 1 == last { padding } else { 0 };
        let mut word = 0;
        for (position, byte) in quad.iter().enumerate() {
            word = word << 6 | if position >= 4 - padded { 0 } else { sextet(*byte)? };
        }
        out.extend_from_slice(&word.to_be_bytes()[1..]);
    }
    out.truncate(length);
    Ok(())
}

/// Appends padded base64.
pub fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let mut word = [0u8; 4];
        word[1..1 + chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(word);
        for position in 0..4 {
            out.push(if position <= chunk.len() { ALPHABET[(word >> (18 - 6 * position) & 63) as usize] } else { b'=' });
        }
    }
}

/// A column being written.
pub enum In<'a> {
    Bits(&'a BooleanArray),
    Halves(&'a [i32], Option<&'a NullBuffer>),
    Words(&'a [i64], Option<&'a NullBuffer>),
    Doubles(&'a [f64], Option<&'a NullBuffer>),
    Wide(&'a [i128], usize, Option<&'a NullBuffer>),
    Text(ByteColumn<'a>),
    Binary(ByteColumn<'a>),
    Raw(ByteColumn<'a>),
}

/// A value being written.
pub enum Item<'a> {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    Decimal(i128, usize),
    Text(&'a [u8]),
    Binary(&'a [u8]),
    Raw(&'a [u8]),
}

/// Gives time types the type of their integers.
pub fn plain(array: &ArrayRef) -> PyResult<ArrayRef> {
    let as_type = match array.data_type() {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        DataType::Timestamp(_, _) => DataType::Int64,
        _ => return Ok(array.clone()),
    };
    Ok(make_array(array.to_data().into_builder().data_type(as_type).build().map_err(arrow_error)?))
}

impl<'a> In<'a> {
    /// Wraps a column that `plain` has seen.
    pub fn new(array: &'a ArrayRef, is_raw: bool) -> PyResult<Self> {
        let nulls = array.nulls();
        Ok(match array.data_type() {
            DataType::Boolean => In::Bits(array.as_boolean()),
            DataType::Int32 => In::Halves(array.as_primitive::<Int32Type>().values(), nulls),
            DataType::Int64 => In::Words(array.as_primitive::<Int64Type>().values(), nulls),
            DataType::Float64 => In::Doubles(array.as_primitive::<Float64Type>().values(), nulls),
            DataType::Decimal128(_, scale) if *scale >= 0 => {
                In::Wide(array.as_primitive::<Decimal128Type>().values(), *scale as usize, nulls)
            }
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                In::Binary(ByteColumn::new(array.as_ref(), "a column")?)
            }
            _ => {
                let column = ByteColumn::new(array.as_ref(), "a column")?;
                if is_raw {
                    In::Raw(column)
                } else {
                    In::Text(column)
                }
            }
        })
    }

    #[inline(always)]
    pub fn get(&self, row: usize) -> Option<Item<'_>> {
        let present = |nulls: &Option<&NullBuffer>| nulls.is_none_or(|nulls| nulls.is_valid(row));
        match self {
            In::Bits(array) => array.is_valid(row).then(|| Item::Boolean(array.value(row))),
            In::Halves(values, nulls) => present(nulls).then(|| Item::Integer(values[row] as i64)),
            In::Words(values, nulls) => present(nulls).then(|| Item::Integer(values[row])),
            In::Doubles(values, nulls) => present(nulls).then(|| Item::Double(values[row])),
            In::Wide(values, scale, nulls) => present(nulls).then(|| Item::Decimal(values[row], *scale)),
            In::Text(column) => column.get(row).map(Item::Text),
            In::Binary(column) => column.get(row).map(Item::Binary),
            In::Raw(column) => column.get(row).map(Item::Raw),
        }
    }

    pub fn len(&self) -> usize {
        match self {
            In::Bits(array) => array.len(),
            In::Halves(values, _) => values.len(),
            In::Words(values, _) => values.len(),
            In::Doubles(values, _) => values.len(),
            In::Wide(values, _, _) => values.len(),
            In::Text(column) | In::Binary(column) | In::Raw(column) => column.len(),
        }
    }
}

/// Appends a value as a bare number, boolean or text.
pub fn push_item_text(out: &mut Vec<u8>, item: &Item<'_>) {
    match item {
        Item::Boolean(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
        Item::Integer(value) => push_i64(out, *value),
        Item::Double(value) => super::number_text::push_double(out, *value),
        Item::Decimal(value, scale) => super::number_text::push_decimal(out, *value, *scale, false),
        Item::Binary(bytes) => push_base64(out, bytes),
        Item::Text(bytes) | Item::Raw(bytes) => out.extend_from_slice(bytes),
    }
}
