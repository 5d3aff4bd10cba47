//! Columns being built from the fields of records.
use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimestampMillisecondType,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, ListArray, MapArray, PrimitiveArray, StringArray, StructArray,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{DataType, Field, Fields};
use pyo3::exceptions::{PyOverflowError, PyValueError};
use pyo3::prelude::*;

use super::json_members::Members;
use super::json_scan::{unescape, Doubt, Kind, Scanned, Scanner, Span};
use super::scalars::{decimal, decode_base64, json_double, low_bits, prints_as_it_is, strict_integer, text_double};
use crate::arrays::arrow_error;

const DAY_MS: i64 = 86_400_000;

/// A type as Python describes it: its name, the names of its fields, its inner types.
#[derive(FromPyObject)]
pub struct Spec(String, Vec<String>, Vec<Spec>);

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
    List,
    Map,
    Struct,
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
            "ARRAY" => Type::List,
            "MAP" => Type::Map,
            "STRUCT" => Type::Struct,
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
    Bytes {
        ends: Vec<i32>,
        data: Vec<u8>,
    },
    /// `children` hold the elements, or the keys and the values.
    Lists {
        ends: Vec<i32>,
        children: Vec<Out>,
    },
    Fields {
        children: Vec<Out>,
        members: Box<Members>,
    },
}

/// One column being built.  `keep` is false for columns that are only checked.
pub struct Out {
    pub type_: Type,
    pub keep: bool,
    valid: Vec<bool>,
    values: Values,
}

impl Out {
    pub fn new(spec: &Spec, keep: bool, rows: usize) -> Self {
        let type_ = Type::parse(&spec.0);
        // Elements are built even where they are only checked.
        let keep = keep || matches!(type_, Type::List | Type::Map | Type::Raw);
        let children = || spec.2.iter().map(|inner| Out::new(inner, keep, rows)).collect();
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
            Type::List => Values::Lists { ends: Vec::with_capacity(capacity), children: children() },
            Type::Map => {
                let mut parts: Vec<Out> = vec![Out::scalar(Type::Text, rows)];
                parts.extend(spec.2.iter().map(|inner| Out::new(inner, true, rows)));
                Values::Lists { ends: Vec::with_capacity(capacity), children: parts }
            }
            Type::Struct => Values::Fields { children: children(), members: Box::new(Members::new(&spec.1)) },
        };
        Out { type_, keep, valid: Vec::with_capacity(capacity), values }
    }

    /// A column of a type without inner types that is kept.
    pub fn scalar(type_: Type, rows: usize) -> Self {
        let mut out = Out::new(&Spec("STRING".into(), Vec::new(), Vec::new()), true, 0);
        out.valid.reserve(rows);
        out.type_ = type_;
        out
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
            Values::Lists { ends, children } => ends.push(children[0].valid.len() as i32),
            Values::Fields { children, .. } => children.iter_mut().for_each(Out::push_null),
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
            Values::Lists { ends, children } => {
                ends.truncate(rows);
                let length = ends.last().map_or(0, |end| *end as usize);
                children.iter_mut().for_each(|child| child.truncate(length));
            }
            Values::Fields { children, .. } => children.iter_mut().for_each(|child| child.truncate(rows)),
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
        if span.kind == Kind::Taken || (!self.keep && self.takes_any(span.kind)) {
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
                    Kind::Int | Kind::Fraction
                        if matches!(self.type_, Type::Integer | Type::BigInt | Type::Timestamp) =>
                    {
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
            Type::List | Type::Map | Type::Struct => return self.push_nested(span, data),
            Type::Raw => match span.kind {
                Kind::Text | Kind::Escaped => self.push_bytes(&data[span.start as usize - 1..span.end as usize + 1]),
                _ => self.push_bytes(text),
            },
        }
        Ok(())
    }

    /// True when every value of this kind fits the column.
    #[inline(always)]
    fn takes_any(&self, kind: Kind) -> bool {
        match self.type_ {
            Type::Integer | Type::BigInt | Type::Timestamp => matches!(kind, Kind::Int | Kind::Fraction),
            Type::Double => matches!(kind, Kind::Int | Kind::Fraction | Kind::Exponent),
            _ => false,
        }
    }

    pub fn has_fields(&self) -> bool {
        self.type_ == Type::Struct
    }

    /// Reads the object that starts here into the fields of this column.
    pub fn push_object(&mut self, scanner: &mut Scanner<'_>, depth: usize) -> Scanned<()> {
        let Values::Fields { children, members } = &mut self.values else { return Err(Doubt) };
        members.read(scanner, children, depth)?;
        for (position, child) in children.iter_mut().enumerate() {
            child.push_json(members.value(position), scanner.data)?;
        }
        if self.keep {
            self.valid.push(true);
        }
        Ok(())
    }

    /// Converts an array or an object; its text has been checked already.
    fn push_nested(&mut self, span: Span, data: &[u8]) -> Scanned<()> {
        let mut scanner = Scanner { data, at: span.start as usize };
        match (&mut self.values, self.type_, span.kind) {
            (Values::Lists { ends, children }, Type::List, Kind::Array) => {
                scanner.elements(0, |value| children[0].push_json(value, data))?;
                ends.push(children[0].valid.len() as i32);
            }
            (Values::Lists { ends, children }, Type::Map, Kind::Object) => {
                let first = children[0].valid.len();
                scanner.members(0, |_, name, value| {
                    children[0].push_json(name, data)?;
                    children[1].push_json(value, data)
                })?;
                if children[0].has_repeated_text(first) {
                    return Err(Doubt);
                }
                ends.push(children[0].valid.len() as i32);
            }
            (Values::Fields { .. }, Type::Struct, Kind::Object) => return self.push_object(&mut scanner, 0),
            _ => return Err(Doubt),
        }
        self.valid.push(true);
        Ok(())
    }

    /// True when two texts from row `first` on are equal.
    fn has_repeated_text(&self, first: usize) -> bool {
        let Values::Bytes { ends, data } = &self.values else { return false };
        let text = |row: usize| &data[if row == 0 { 0 } else { ends[row - 1] as usize }..ends[row] as usize];
        if ends.len() - first < 16 {
            return (first..ends.len()).any(|row| (first..row).any(|other| text(other) == text(row)));
        }
        let mut seen = HashSet::new();
        (first..ends.len()).any(|row| !seen.insert(text(row)))
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
            Type::Raw | Type::List | Type::Map | Type::Struct => return Err(Doubt),
            _ => return self.push_integer(strict_integer(text)?),
        }
        Ok(())
    }

    fn push_decimal(&mut self, text: &[u8], precision: u8, scale: u8) -> Scanned<()> {
        self.push_unscaled(decimal(text, precision, scale)?);
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

    /// The columns of the fields, of the elements, or of the keys and the values.
    pub fn children(&mut self) -> &mut [Out] {
        match &mut self.values {
            Values::Lists { children, .. } | Values::Fields { children, .. } => children,
            _ => &mut [],
        }
    }

    /// Ends a row whose elements or fields were pushed already.
    pub fn close_row(&mut self) {
        if let Values::Lists { ends, children } = &mut self.values {
            ends.push(children[0].valid.len() as i32);
        }
        if self.keep {
            self.valid.push(true);
        }
    }

    /// True when a key that was pushed since the last row is null, or two are equal.
    pub fn has_doubtful_keys(&self) -> bool {
        match &self.values {
            Values::Lists { ends, children } => {
                let first = ends.last().map_or(0, |end| *end as usize);
                children[0].valid[first..].contains(&false) || children[0].has_repeated_text(first)
            }
            _ => false,
        }
    }

    /// Pushes the unscaled value of a decimal column.
    pub fn push_unscaled(&mut self, value: i128) {
        if let (true, Values::Wide(values)) = (self.keep, &mut self.values) {
            values.push(value);
            self.valid.push(true);
        }
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
            Values::Lists { ends, children } => {
                let mut parts: Vec<ArrayRef> = children.into_iter().map(Out::finish).collect::<PyResult<_>>()?;
                let offsets = OffsetBuffer::new(ScalarBuffer::from([&[0], ends.as_slice()].concat()));
                if parts.len() == 1 {
                    let element = parts.remove(0);
                    let field = Arc::new(Field::new("item", element.data_type().clone(), true));
                    return Ok(Arc::new(ListArray::new(field, offsets, element, nulls)));
                }
                let fields = Fields::from(vec![
                    Field::new("key", parts[0].data_type().clone(), false),
                    Field::new("value", parts[1].data_type().clone(), true),
                ]);
                let entries = StructArray::new(fields.clone(), parts, None);
                let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
                Arc::new(MapArray::new(field, offsets, entries, nulls, false))
            }
            Values::Fields { children, members } => {
                let parts: Vec<ArrayRef> = children.into_iter().map(Out::finish).collect::<PyResult<_>>()?;
                let fields =
                    members.names().zip(&parts).map(|(name, part)| Field::new(name, part.data_type().clone(), true));
                Arc::new(StructArray::new(fields.collect::<Vec<_>>().into(), parts, nulls))
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
