//! Avro's binary form into columns, along the schema that the record was written with.
//!
//! Source: Apache Avro 1.12 specification, "Binary Encoding".
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::columns::Out;
use super::json_scan::{Doubt, Scanned};
use super::plain_values::{
    checked_text, push_binary, push_boolean, push_decimal, push_double, push_integer, push_text, Step,
};

const ITEMS_MAX: u64 = 1 << 24;

/// A type of the writer's schema.
pub enum Avro {
    Null,
    Boolean,
    /// int and long
    Integer,
    Float,
    Double,
    Bytes,
    Text,
    Fixed(usize),
    Enum(Vec<Vec<u8>>),
    Decimal(i64),
    FixedDecimal(i64, usize),
    Union(Vec<Avro>),
    Record(Record),
    List(Box<Avro>),
    Map(Box<Avro>),
    /// a list of records of a key and a value
    Entries(Box<Avro>, Box<Avro>),
}

/// The fields in the order of the writer, each with the position of the column that takes it.
pub struct Record {
    fields: Vec<(Avro, Option<usize>)>,
    /// columns that no field fills
    missing: Vec<usize>,
}

impl Avro {
    pub fn new(step: Step) -> PyResult<Self> {
        let Step(kind, inner, numbers, names) = step;
        let number = |at: usize| numbers.get(at).copied().ok_or_else(|| PyValueError::new_err("a number is missing"));
        let mut inner = inner.into_iter().map(Avro::new).collect::<PyResult<Vec<_>>>()?.into_iter();
        let mut next = || inner.next().map(Box::new).ok_or_else(|| PyValueError::new_err("an inner type is missing"));
        Ok(match kind.as_str() {
            "null" => Avro::Null,
            "boolean" => Avro::Boolean,
            "int" | "long" => Avro::Integer,
            "float" => Avro::Float,
            "double" => Avro::Double,
            "bytes" => Avro::Bytes,
            "string" => Avro::Text,
            "fixed" => Avro::Fixed(number(0)? as usize),
            "enum" => Avro::Enum(names),
            "decimal" => Avro::Decimal(number(0)?),
            "fixed-decimal" => Avro::FixedDecimal(number(0)?, number(1)? as usize),
            "union" => Avro::Union(inner.collect()),
            "array" => Avro::List(next()?),
            "map" => Avro::Map(next()?),
            "entries" => Avro::Entries(next()?, next()?),
            // the last number counts the columns
            "record" => {
                let columns = numbers.last().map_or(0, |count| *count as usize);
                let fields = inner.zip(&numbers).map(|(field, at)| (field, usize::try_from(*at).ok())).collect();
                let missing = (0..columns).filter(|at| !numbers[..numbers.len() - 1].contains(&(*at as i64)));
                Avro::Record(Record { fields, missing: missing.collect() })
            }
            other => return Err(PyValueError::new_err(format!("not a type of Avro: {other}"))),
        })
    }
}

/// Reads one record.
pub struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Reader { data, at: 0 }
    }

    #[inline(always)]
    fn take(&mut self, size: usize) -> Scanned<&'a [u8]> {
        let end = self.at.checked_add(size).ok_or(Doubt)?;
        let bytes = self.data.get(self.at..end).ok_or(Doubt)?;
        self.at = end;
        Ok(bytes)
    }

    #[inline(always)]
    fn long(&mut self) -> Scanned<i64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.data.get(self.at).ok_or(Doubt)?;
            self.at += 1;
            if shift == 63 && byte > 1 {
                return Err(Doubt);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err(Doubt)
    }

    #[inline(always)]
    fn sized(&mut self) -> Scanned<&'a [u8]> {
        let size = self.long()?;
        self.take(usize::try_from(size).map_err(|_| Doubt)?)
    }

    /// Calls `each` for every item of the blocks of an array or a map.
    fn blocks(&mut self, mut each: impl FnMut(&mut Self) -> Scanned<()>) -> Scanned<()> {
        loop {
            let mut count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            if count < 0 {
                count = count.checked_neg().ok_or(Doubt)?;
                self.long()?;
            }
            if count as u64 > ITEMS_MAX {
                return Err(Doubt);
            }
            for _ in 0..count {
                each(self)?;
            }
        }
    }

    /// Reads the fields into columns; without columns they are only checked.
    pub fn record(&mut self, record: &Record, mut outs: Option<&mut [Out]>) -> Scanned<()> {
        for (field, column) in &record.fields {
            let out = match (&mut outs, column) {
                (Some(outs), Some(column)) => Some(&mut outs[*column]),
                _ => None,
            };
            self.value(field, out)?;
        }
        if let Some(outs) = outs {
            record.missing.iter().for_each(|column| outs[*column].push_null());
        }
        Ok(())
    }

    /// Reads a value into a column; without one it is only checked.
    #[inline]
    pub fn value(&mut self, kind: &Avro, out: Option<&mut Out>) -> Scanned<()> {
        match kind {
            Avro::Null => out.map_or(Ok(()), |out| {
                out.push_null();
                Ok(())
            }),
            Avro::Boolean => {
                let byte = self.take(1)?[0];
                if byte > 1 {
                    return Err(Doubt);
                }
                out.map_or(Ok(()), |out| push_boolean(out, byte == 1))
            }
            Avro::Integer => {
                let value = self.long()?;
                out.map_or(Ok(()), |out| push_integer(out, value))
            }
            Avro::Float => {
                let value = f32::from_le_bytes(self.take(4)?.try_into().map_err(|_| Doubt)?);
                out.map_or(Ok(()), |out| push_double(out, f64::from(value)))
            }
            Avro::Double => {
                let value = f64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Doubt)?);
                out.map_or(Ok(()), |out| push_double(out, value))
            }
            Avro::Text => {
                let text = checked_text(self.sized()?)?;
                out.map_or(Ok(()), |out| push_text(out, text))
            }
            Avro::Bytes => {
                let bytes = self.sized()?;
                out.map_or(Ok(()), |out| push_binary(out, bytes))
            }
            Avro::Union(branches) => {
                let branch = usize::try_from(self.long()?).ok().and_then(|at| branches.get(at)).ok_or(Doubt)?;
                self.value(branch, out)
            }
            other => self.rare(other, out),
        }
    }

    #[inline(never)]
    fn rare(&mut self, kind: &Avro, out: Option<&mut Out>) -> Scanned<()> {
        match kind {
            Avro::Fixed(size) => {
                let bytes = self.take(*size)?;
                out.map_or(Ok(()), |out| push_binary(out, bytes))
            }
            Avro::Enum(symbols) => {
                let symbol = usize::try_from(self.long()?).ok().and_then(|at| symbols.get(at)).ok_or(Doubt)?;
                out.map_or(Ok(()), |out| push_text(out, symbol))
            }
            Avro::Decimal(scale) => {
                let bytes = self.sized()?;
                out.map_or(Ok(()), |out| push_decimal(out, bytes, *scale))
            }
            Avro::FixedDecimal(scale, size) => {
                let bytes = self.take(*size)?;
                out.map_or(Ok(()), |out| push_decimal(out, bytes, *scale))
            }
            Avro::Record(record) => match out {
                None => self.record(record, None),
                Some(out) => {
                    self.record(record, Some(out.children()))?;
                    out.close_row();
                    Ok(())
                }
            },
            Avro::List(item) => match out {
                None => self.blocks(|reader| reader.value(item, None)),
                Some(out) => {
                    self.blocks(|reader| reader.value(item, Some(&mut out.children()[0])))?;
                    out.close_row();
                    Ok(())
                }
            },
            Avro::Map(value) => self.entries(&Avro::Text, value, out),
            Avro::Entries(key, value) => self.entries(key, value, out),
            _ => self.value(kind, out),
        }
    }

    fn entries(&mut self, key: &Avro, value: &Avro, out: Option<&mut Out>) -> Scanned<()> {
        let Some(out) = out else {
            return self.blocks(|reader| {
                reader.value(key, None)?;
                reader.value(value, None)
            });
        };
        self.blocks(|reader| {
            let children = out.children();
            reader.value(key, Some(&mut children[0]))?;
            reader.value(value, Some(&mut children[1]))
        })?;
        if out.has_doubtful_keys() {
            return Err(Doubt);
        }
        out.close_row();
        Ok(())
    }
}
