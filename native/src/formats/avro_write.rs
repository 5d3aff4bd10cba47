//! Columns to Avro's binary form, along the schema that records are written with.
//!
//! Source: Apache Avro 1.12 specification, "Binary Encoding".
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::json_scan::{Doubt, Scanned};
use super::plain_values::Step;
use super::write_values::{fitted, narrow, number, push_unscaled, push_varint, single, Entry, Source};
use super::written::{In, Item};

/// A type of the schema.
pub enum Avro {
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Vec<Vec<u8>>),
    Decimal {
        scale: i64,
        precision: i64,
        size: Option<usize>,
    },
    /// a union of one type, with what stands for null where it may be that, and what precedes a value
    Union {
        null: Option<Vec<u8>>,
        branch: Vec<u8>,
        inner: Box<Avro>,
    },
    List(Box<Avro>),
    Map(Box<Avro>),
    /// a list of records of a key and a value
    Entries(Vec<Field>),
    Record(Vec<Field>),
}

/// A field of a record in the schema's order: where its value is, or the bytes that it always has.
pub struct Field {
    source: Option<usize>,
    constant: Vec<u8>,
    kind: Option<Avro>,
}

impl Field {
    fn new(step: Step) -> PyResult<Self> {
        let source = usize::try_from(number(&step, 0)?).ok();
        let Step(_, inner, _, names) = step;
        let kind = inner.into_iter().next().map(Avro::new).transpose()?;
        if source.is_some() != kind.is_some() {
            return Err(PyValueError::new_err("a field has either a column or fixed bytes"));
        }
        Ok(Field { source, constant: names.into_iter().next().unwrap_or_default(), kind })
    }
}

fn branch(index: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_long(&mut bytes, index);
    bytes
}

impl Avro {
    pub fn new(step: Step) -> PyResult<Self> {
        Ok(match step.0.as_str() {
            "boolean" => Avro::Boolean,
            "int" => Avro::Int,
            "long" => Avro::Long,
            "float" => Avro::Float,
            "double" => Avro::Double,
            "bytes" => Avro::Bytes,
            "string" => Avro::Text,
            "fixed" => Avro::Fixed(number(&step, 0)? as usize),
            "enum" => Avro::Enum(step.3),
            "decimal" => Avro::Decimal {
                scale: number(&step, 0)?,
                precision: number(&step, 1)?,
                size: usize::try_from(number(&step, 2)?).ok(),
            },
            "union" => {
                let (null, value) = (number(&step, 0)?, number(&step, 1)?);
                let null = (null >= 0).then(|| branch(null));
                Avro::Union { null, branch: branch(value), inner: Box::new(Avro::new(single(step)?)?) }
            }
            "array" => Avro::List(Box::new(Avro::new(single(step)?)?)),
            "map" => Avro::Map(Box::new(Avro::new(single(step)?)?)),
            "entries" => Avro::Entries(step.1.into_iter().map(Field::new).collect::<PyResult<_>>()?),
            "record" => Avro::Record(step.1.into_iter().map(Field::new).collect::<PyResult<_>>()?),
            other => return Err(PyValueError::new_err(format!("not a type of Avro that is written: {other}"))),
        })
    }
}

/// Appends a zigzag number.
#[inline(always)]
fn push_long(out: &mut Vec<u8>, value: i64) {
    push_varint(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn push_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    push_long(out, bytes.len() as i64);
    out.extend_from_slice(bytes);
}

/// Appends the fields of a record.
#[inline]
pub fn push_record<'a>(out: &mut Vec<u8>, fields: &[Field], source: &impl Source<'a>) -> Scanned<()> {
    for field in fields {
        match (&field.kind, field.source) {
            (Some(kind), Some(at)) => push_value(out, kind, source.item(at))?,
            _ => out.extend_from_slice(&field.constant),
        }
    }
    Ok(())
}

/// Appends a value.
#[inline]
pub fn push_value(out: &mut Vec<u8>, kind: &Avro, item: Option<Item<'_>>) -> Scanned<()> {
    let (kind, item) = match (kind, item) {
        (Avro::Union { null, .. }, None) => {
            out.extend_from_slice(null.as_ref().ok_or(Doubt)?);
            return Ok(());
        }
        (_, None) => return Err(Doubt),
        (Avro::Union { branch, inner, .. }, Some(item)) => {
            out.extend_from_slice(branch);
            (inner.as_ref(), item)
        }
        (kind, Some(item)) => (kind, item),
    };
    match (kind, item) {
        (Avro::Long, Item::Integer(value)) => push_long(out, value),
        (Avro::Int, Item::Integer(value)) => push_long(out, i64::from(i32::try_from(value).map_err(|_| Doubt)?)),
        (Avro::Text, Item::Text(text)) => push_sized(out, text),
        (Avro::Double, Item::Double(value)) => out.extend_from_slice(&value.to_le_bytes()),
        (Avro::Double, Item::Integer(value)) => out.extend_from_slice(&(value as f64).to_le_bytes()),
        (Avro::Boolean, Item::Boolean(value)) => out.push(u8::from(value)),
        (Avro::Bytes, Item::Binary(bytes)) => push_sized(out, bytes),
        (kind, item) => return push_rare(out, kind, item),
    }
    Ok(())
}

#[inline(never)]
fn push_rare(out: &mut Vec<u8>, kind: &Avro, item: Item<'_>) -> Scanned<()> {
    match (kind, item) {
        (Avro::Float, Item::Double(value)) => out.extend_from_slice(&narrow(value)?.to_le_bytes()),
        (Avro::Float, Item::Integer(value)) => out.extend_from_slice(&narrow(value as f64)?.to_le_bytes()),
        (Avro::Fixed(size), Item::Binary(bytes)) if bytes.len() == *size => out.extend_from_slice(bytes),
        (Avro::Enum(symbols), Item::Text(text)) => {
            let at = symbols.iter().position(|symbol| symbol == text).ok_or(Doubt)?;
            push_long(out, at as i64);
        }
        (Avro::Decimal { scale, precision, size }, Item::Decimal(value, from)) => {
            let value = fitted(value, from as i64, *scale, *precision)?;
            match size {
                None => {
                    let at = out.len();
                    out.push(0);
                    let count = push_unscaled(out, value);
                    out[at] = (count as u8) << 1;
                }
                Some(size) => {
                    let bytes = value.to_be_bytes();
                    let sign = if value < 0 { 0xff } else { 0 };
                    let spare = bytes.len().saturating_sub(*size);
                    let kept = &bytes[spare..];
                    let is_same_sign = kept.first().is_some_and(|byte| (byte ^ sign) & 0x80 == 0);
                    if !is_same_sign || bytes[..spare].iter().any(|byte| *byte != sign) {
                        return Err(Doubt);
                    }
                    out.resize(out.len() + size - kept.len(), sign);
                    out.extend_from_slice(kept);
                }
            }
        }
        (Avro::List(inner), Item::Elements(rows, element)) => {
            push_block(out, rows, |out, row| push_value(out, inner, element.get(row)))?
        }
        (Avro::Map(inner), Item::Entries(rows, key, value)) => {
            check_keys(key, &rows)?;
            push_block(out, rows, |out, row| {
                push_value(out, &Avro::Text, key.get(row))?;
                push_value(out, inner, value.get(row))
            })?
        }
        (Avro::Entries(fields), Item::Entries(rows, key, value)) => {
            check_keys(key, &rows)?;
            push_block(out, rows, |out, row| push_record(out, fields, &Entry { key, value, row }))?
        }
        (Avro::Record(fields), Item::Fields(row, _, columns)) => return push_record(out, fields, &(columns, row)),
        _ => return Err(Doubt),
    }
    Ok(())
}

fn check_keys(key: &In<'_>, rows: &std::ops::Range<usize>) -> Scanned<()> {
    super::write_values::check_keys(key, rows.clone())
}

/// Appends the items as one block, and the end of the blocks.
fn push_block(
    out: &mut Vec<u8>,
    rows: std::ops::Range<usize>,
    mut each: impl FnMut(&mut Vec<u8>, usize) -> Scanned<()>,
) -> Scanned<()> {
    if !rows.is_empty() {
        push_long(out, rows.len() as i64);
        for row in rows {
            each(out, row)?;
        }
    }
    out.push(0);
    Ok(())
}
