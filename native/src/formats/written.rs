//! Columns being written.
use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int32Type, Int64Type};
use arrow_array::{make_array, Array, ArrayRef, BooleanArray};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use pyo3::prelude::*;

use super::number_text::push_i64;
use crate::arrays::{arrow_error, ByteColumn};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends padded base64.
pub fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let mut word = [0u8; 4];
        word[1..1 + chunk.len()].copy_from_slice(chunk);
        let word = u32::from_be_bytes(word);
        for position in 0..4 {
            out.push(if position <= chunk.len() {
                ALPHABET[(word >> (18 - 6 * position) & 63) as usize]
            } else {
                b'='
            });
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
    List { offsets: &'a [i32], nulls: Option<&'a NullBuffer>, element: Box<In<'a>> },
    Map { offsets: &'a [i32], nulls: Option<&'a NullBuffer>, key: Box<In<'a>>, value: Box<In<'a>> },
    Struct { rows: usize, nulls: Option<&'a NullBuffer>, names: Vec<&'a [u8]>, fields: Vec<In<'a>> },
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
    Elements(std::ops::Range<usize>, &'a In<'a>),
    Entries(std::ops::Range<usize>, &'a In<'a>, &'a In<'a>),
    Fields(usize, &'a [&'a [u8]], &'a [In<'a>]),
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
            DataType::List(_) => {
                let list = array.as_list::<i32>();
                In::List { offsets: list.value_offsets(), nulls, element: Box::new(In::new(list.values(), false)?) }
            }
            DataType::Map(_, _) => {
                let map = array.as_map();
                let key = Box::new(In::new(map.keys(), false)?);
                In::Map { offsets: map.value_offsets(), nulls, key, value: Box::new(In::new(map.values(), false)?) }
            }
            DataType::Struct(fields) => In::Struct {
                rows: array.len(),
                nulls,
                names: fields.iter().map(|field| field.name().as_bytes()).collect(),
                fields: array
                    .as_struct()
                    .columns()
                    .iter()
                    .map(|field| In::new(field, false))
                    .collect::<PyResult<_>>()?,
            },
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
            In::List { offsets, nulls, element } => {
                present(nulls).then(|| Item::Elements(offsets[row] as usize..offsets[row + 1] as usize, element))
            }
            In::Map { offsets, nulls, key, value } => {
                present(nulls).then(|| Item::Entries(offsets[row] as usize..offsets[row + 1] as usize, key, value))
            }
            In::Struct { nulls, names, fields, .. } => present(nulls).then(|| Item::Fields(row, names, fields)),
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
            In::List { offsets, .. } | In::Map { offsets, .. } => offsets.len() - 1,
            In::Struct { rows, .. } => *rows,
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
        // Only JSON has nested values, and it writes them itself.
        Item::Elements(..) | Item::Entries(..) | Item::Fields(..) => {}
    }
}
