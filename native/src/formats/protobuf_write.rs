//! Columns to Protobuf messages, fields in the order of their numbers.
//!
//! Source: Protocol Buffers documentation, "Encoding".
use std::ops::Range;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::json_scan::{Doubt, Scanned};
use super::plain_values::Step;
use super::protobuf_scalars::{civil_from_days, Scalar, SIZED};
use super::write_values::{check_keys, narrow, number, push_unscaled, push_varint, single, Entry, Source};
use super::written::Item;

enum Kind {
    Scalar(Scalar),
    /// names and numbers
    Enum(Vec<(Vec<u8>, i64)>),
    Message(Message),
    /// a message of one list, which is the list
    List(Box<Field>),
    Wrapper(Scalar),
    /// a repeated message of key and value
    Map(Message),
}

struct Field {
    tag: Vec<u8>,
    source: usize,
    kind: Kind,
    has_presence: bool,
    is_repeated: bool,
    is_packed: bool,
}

/// The fields that have a column, by their numbers.
pub struct Message {
    fields: Vec<Field>,
}

impl Message {
    pub fn new(step: Step) -> PyResult<Self> {
        Ok(Message { fields: step.1.into_iter().map(Field::new).collect::<PyResult<_>>()? })
    }
}

impl Field {
    fn new(step: Step) -> PyResult<Self> {
        let (id, source) = (number(&step, 0)?, number(&step, 1)? as usize);
        let (has_presence, is_repeated) = (number(&step, 2)? != 0, number(&step, 3)? != 0);
        let is_packed = number(&step, 4)? != 0;
        let kind = Kind::new(step)?;
        let wire = if is_packed { SIZED } else { kind.wire() };
        let mut tag = Vec::new();
        push_varint(&mut tag, (id as u64) << 3 | u64::from(wire));
        Ok(Field { tag, source, kind, has_presence, is_repeated, is_packed })
    }
}

impl Kind {
    fn new(step: Step) -> PyResult<Self> {
        if let Some(scalar) = Scalar::parse(&step.0) {
            return Ok(Kind::Scalar(scalar));
        }
        Ok(match step.0.as_str() {
            "enum" => Kind::Enum(step.3.into_iter().zip(step.2[5..].iter().copied()).collect()),
            "message" => Kind::Message(Message::new(single(step)?)?),
            "map" => Kind::Map(Message::new(single(step)?)?),
            "list" => Kind::List(Box::new(Field::new(single(step)?)?)),
            "wrapper" => Kind::Wrapper(
                Scalar::parse(&single(step)?.0).ok_or_else(|| PyValueError::new_err("no scalar in a wrapper"))?,
            ),
            other => return Err(PyValueError::new_err(format!("not a type of Protobuf: {other}"))),
        })
    }

    fn wire(&self) -> u8 {
        match self {
            Kind::Scalar(scalar) => scalar.wire(),
            Kind::Enum(_) => 0,
            _ => SIZED,
        }
    }

    /// Whether a value that is all zeros, or empty, is not written where absence is not told from it.
    fn is_plain(&self) -> bool {
        match self {
            Kind::Scalar(Scalar::Timestamp | Scalar::Date | Scalar::TimeOfDay | Scalar::Decimal) => false,
            Kind::Scalar(_) | Kind::Enum(_) => true,
            _ => false,
        }
    }
}

/// Appends the fields of a message.
pub fn push_message<'a>(out: &mut Vec<u8>, message: &Message, source: &impl Source<'a>) -> Scanned<()> {
    for field in &message.fields {
        if let Some(item) = source.item(field.source) {
            push_field(out, field, item)?;
        }
    }
    Ok(())
}

fn push_field(out: &mut Vec<u8>, field: &Field, item: Item<'_>) -> Scanned<()> {
    match (&field.kind, item) {
        (Kind::Map(entry), Item::Entries(rows, key, value)) => {
            check_keys(key, rows.clone())?;
            for row in rows {
                out.extend_from_slice(&field.tag);
                push_sized(out, |out| push_message(out, entry, &Entry { key, value, row }))?;
            }
        }
        (kind, Item::Elements(rows, element)) if field.is_repeated => {
            let each = |out: &mut Vec<u8>, row: usize| push_value(out, kind, element.get(row).ok_or(Doubt)?);
            push_repeated(out, field, rows, each)?;
        }
        (kind, item) if !field.is_repeated => {
            let start = out.len();
            out.extend_from_slice(&field.tag);
            let at = out.len();
            push_value(out, kind, item)?;
            if !field.has_presence && kind.is_plain() && out[at..].iter().all(|byte| *byte == 0) {
                out.truncate(start);
            }
        }
        _ => return Err(Doubt),
    }
    Ok(())
}

fn push_repeated(
    out: &mut Vec<u8>,
    field: &Field,
    rows: Range<usize>,
    mut each: impl FnMut(&mut Vec<u8>, usize) -> Scanned<()>,
) -> Scanned<()> {
    if field.is_packed && !rows.is_empty() {
        out.extend_from_slice(&field.tag);
        return push_sized(out, |out| rows.into_iter().try_for_each(|row| each(out, row)));
    }
    for row in rows {
        out.extend_from_slice(&field.tag);
        each(out, row)?;
    }
    Ok(())
}

/// Appends what `write` appends behind its size.
fn push_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Scanned<()>) -> Scanned<()> {
    let at = out.len();
    out.push(0);
    write(out)?;
    let size = out.len() - at - 1;
    if size < 0x80 {
        out[at] = size as u8;
    } else {
        let mut head = Vec::with_capacity(10);
        push_varint(&mut head, size as u64);
        out.splice(at..at + 1, head);
    }
    Ok(())
}

fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a single value.
fn push_value(out: &mut Vec<u8>, kind: &Kind, item: Item<'_>) -> Scanned<()> {
    match (kind, item) {
        (Kind::Scalar(scalar), item) => push_scalar(out, *scalar, item),
        (Kind::Enum(names), Item::Text(text)) => {
            let found = names.iter().find(|(name, _)| name == text).ok_or(Doubt)?;
            push_varint(out, found.1 as u64);
            Ok(())
        }
        (Kind::Message(message), Item::Fields(row, _, columns)) => {
            push_sized(out, |out| push_message(out, message, &(columns, row)))
        }
        (Kind::List(field), item) => push_sized(out, |out| push_field(out, field, item)),
        (Kind::Wrapper(scalar), item) => push_sized(out, |out| {
            let start = out.len();
            out.push(1 << 3 | scalar.wire());
            push_scalar(out, *scalar, item)?;
            if out[start + 1..].iter().all(|byte| *byte == 0) {
                out.truncate(start);
            }
            Ok(())
        }),
        _ => Err(Doubt),
    }
}

fn push_scalar(out: &mut Vec<u8>, scalar: Scalar, item: Item<'_>) -> Scanned<()> {
    match (scalar, item) {
        (Scalar::Text, Item::Text(bytes)) | (Scalar::Bytes, Item::Binary(bytes)) => push_bytes(out, bytes),
        (Scalar::Bool, Item::Boolean(value)) => out.push(u8::from(value)),
        (Scalar::Double, Item::Double(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Scalar::Double, Item::Integer(value)) => out.extend_from_slice(&(value as f64).to_le_bytes()),
        (Scalar::Float, Item::Double(value)) => out.extend_from_slice(&narrow(value)?.to_le_bytes()),
        (Scalar::Float, Item::Integer(value)) => out.extend_from_slice(&narrow(value as f64)?.to_le_bytes()),
        (Scalar::Decimal, Item::Decimal(value, scale)) => push_sized(out, |out| {
            out.push(1 << 3 | SIZED);
            let at = out.len();
            out.push(0);
            out[at] = push_unscaled(out, value) as u8;
            push_numbers(out, 2, &[value.unsigned_abs().checked_ilog10().map_or(1, |log| i64::from(log) + 1)]);
            push_numbers(out, 3, &[scale as i64]);
            Ok(())
        })?,
        (scalar, Item::Integer(value)) => return push_integer(out, scalar, value),
        _ => return Err(Doubt),
    }
    Ok(())
}

/// Appends whole numbers as fields from this number on; zeros are not written.
fn push_numbers(out: &mut Vec<u8>, first: u8, values: &[i64]) {
    for (number, value) in (first..).zip(values) {
        if *value != 0 {
            out.push(number << 3);
            push_varint(out, *value as u64);
        }
    }
}

fn push_integer(out: &mut Vec<u8>, scalar: Scalar, value: i64) -> Scanned<()> {
    let half = || i32::try_from(value).map_err(|_| Doubt);
    match scalar {
        Scalar::Int64 => push_varint(out, value as u64),
        Scalar::Int32 => push_varint(out, i64::from(half()?) as u64),
        Scalar::UInt64 => push_varint(out, u64::try_from(value).map_err(|_| Doubt)?),
        Scalar::UInt32 => push_varint(out, u64::from(u32::try_from(value).map_err(|_| Doubt)?)),
        Scalar::SInt64 => push_varint(out, ((value << 1) ^ (value >> 63)) as u64),
        Scalar::SInt32 => {
            let half = half()?;
            push_varint(out, u64::from(((half << 1) ^ (half >> 31)) as u32));
        }
        Scalar::SFixed64 => out.extend_from_slice(&value.to_le_bytes()),
        Scalar::SFixed32 => out.extend_from_slice(&half()?.to_le_bytes()),
        Scalar::Fixed64 => out.extend_from_slice(&u64::try_from(value).map_err(|_| Doubt)?.to_le_bytes()),
        Scalar::Fixed32 => out.extend_from_slice(&u32::try_from(value).map_err(|_| Doubt)?.to_le_bytes()),
        Scalar::Timestamp => {
            let parts = [value.div_euclid(1000), value.rem_euclid(1000) * 1_000_000];
            push_sized(out, |out| {
                push_numbers(out, 1, &parts);
                Ok(())
            })?
        }
        Scalar::Date => {
            let parts = civil_from_days(value)?;
            push_sized(out, |out| {
                push_numbers(out, 1, &parts);
                Ok(())
            })?
        }
        Scalar::TimeOfDay => {
            let seconds = value.div_euclid(1000);
            let hours = i64::from(i32::try_from(seconds.div_euclid(3600)).map_err(|_| Doubt)?);
            let (minutes, rest) = (seconds.rem_euclid(3600) / 60, seconds.rem_euclid(60));
            let parts = [hours, minutes, rest, value.rem_euclid(1000) * 1_000_000];
            push_sized(out, |out| {
                push_numbers(out, 1, &parts);
                Ok(())
            })?
        }
        _ => return Err(Doubt),
    }
    Ok(())
}
