//! The folds: what each kind does with its state word and an input, and how states become Arrow arrays and bytes.
use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Float64Type, Int32Type, Int64Type, Time32MillisecondType, TimestampMillisecondType,
};
use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow_buffer::{Buffer, NullBuffer, ScalarBuffer};
use arrow_schema::DataType;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use super::key_rows::Heap;
use crate::arrays::{int64_values, ByteColumn};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Count,
    Sum,
    Min,
    Max,
    Latest,
    Earliest,
    Last,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    Boolean,
    Integer,
    BigInt,
    Double,
    String,
    Bytes,
    Date,
    Time,
    Timestamp,
}

#[derive(Clone, Copy)]
pub struct Fold {
    pub kind: Kind,
    pub of: Type,
}

impl Fold {
    pub fn parse(kind: &str, of: &str) -> PyResult<Fold> {
        let kind = match kind {
            "count" => Kind::Count,
            "sum" => Kind::Sum,
            "min" => Kind::Min,
            "max" => Kind::Max,
            "latest" => Kind::Latest,
            "earliest" => Kind::Earliest,
            "last" => Kind::Last,
            other => return Err(PyValueError::new_err(format!("no fold is named {other}"))),
        };
        let of = match of {
            "BOOLEAN" => Type::Boolean,
            "INTEGER" => Type::Integer,
            "BIGINT" => Type::BigInt,
            "DOUBLE" => Type::Double,
            "STRING" => Type::String,
            "BYTES" => Type::Bytes,
            "DATE" => Type::Date,
            "TIME" => Type::Time,
            "TIMESTAMP" => Type::Timestamp,
            other => return Err(PyValueError::new_err(format!("no fold takes the type {other}"))),
        };
        if kind == Kind::Sum && !matches!(of, Type::Integer | Type::BigInt | Type::Double) {
            return Err(PyValueError::new_err("sum takes INTEGER, BIGINT or DOUBLE"));
        }
        Ok(Fold { kind, of: if kind == Kind::Count { Type::BigInt } else { of } })
    }

    /// Counts and sums start at zero, everything else at null.
    pub fn starts_valid(&self) -> bool {
        matches!(self.kind, Kind::Count | Kind::Sum)
    }

    pub fn on_heap(&self) -> bool {
        matches!(self.of, Type::String | Type::Bytes)
    }

    /// Bytes of a value in a packed row; None where its length goes first.
    pub fn width(&self) -> Option<usize> {
        match self.of {
            Type::Boolean => Some(1),
            Type::Integer | Type::Date | Type::Time => Some(4),
            Type::BigInt | Type::Double | Type::Timestamp => Some(8),
            Type::String | Type::Bytes => None,
        }
    }
}

/// An input column: words where a value fits into one, else byte strings.
pub enum Input<'a> {
    /// Every row counts.
    Rows,
    Words(Cow<'a, [u64]>, Option<NullBuffer>),
    Bytes(ByteColumn<'a>),
    /// Only whether a row is null matters.
    Nulls(usize, Option<NullBuffer>),
}

impl<'a> Input<'a> {
    pub fn new(fold: Fold, column: Option<&'a ArrayRef>) -> PyResult<Input<'a>> {
        let Some(array) = column else {
            return if fold.kind == Kind::Count {
                Ok(Input::Rows)
            } else {
                Err(PyTypeError::new_err("only count goes without a column"))
            };
        };
        let array: &'a dyn Array = array.as_ref();
        let wrong = |name: &str| PyTypeError::new_err(format!("a {name} column is needed, not {}", array.data_type()));
        if fold.kind == Kind::Count {
            return Ok(Input::Nulls(array.len(), array.logical_nulls()));
        }
        if *array.data_type() == DataType::Null && !fold.on_heap() {
            return Ok(Input::Words(vec![0; array.len()].into(), Some(NullBuffer::new_null(array.len()))));
        }
        let words: Cow<'a, [u64]> = match fold.of {
            Type::String | Type::Bytes => return Ok(Input::Bytes(ByteColumn::new(array, "a STRING or BYTES input")?)),
            Type::Double => match array.as_primitive_opt::<Float64Type>() {
                Some(doubles) => Cow::Owned(doubles.values().iter().map(|v| v.to_bits()).collect()),
                None => return Err(wrong("double")),
            },
            Type::Boolean => match array.as_boolean_opt() {
                Some(flags) => Cow::Owned(flags.values().iter().map(u64::from).collect()),
                None => return Err(wrong("boolean")),
            },
            _ => match array.as_primitive_opt::<Int64Type>() {
                Some(whole) => Cow::Owned(whole.values().iter().map(|v| *v as u64).collect()),
                None => Cow::Owned(int64_values(array, "an input")?.into_iter().map(|v| v as u64).collect()),
            },
        };
        Ok(Input::Words(words, array.logical_nulls()))
    }

    pub fn len(&self) -> Option<usize> {
        match self {
            Input::Rows => None,
            Input::Words(words, _) => Some(words.len()),
            Input::Bytes(column) => Some(column.len()),
            Input::Nulls(rows, _) => Some(*rows),
        }
    }
}

/// Java's order of doubles: -0.0 before 0.0, every NaN equal and above all.
pub fn compare_doubles(a: f64, b: f64) -> Ordering {
    match a.partial_cmp(&b) {
        Some(Ordering::Equal) => b.is_sign_negative().cmp(&a.is_sign_negative()),
        Some(order) => order,
        None => a.is_nan().cmp(&b.is_nan()),
    }
}

/// Java's order of strings, by UTF-16 units: code points above U+FFFF come before U+E000 to U+FFFF.
pub fn compare_strings(a: &[u8], b: &[u8]) -> Ordering {
    let unit = |byte: u8| if byte == 0xee || byte == 0xef { byte as u16 + 0x20 } else { byte as u16 };
    match a.iter().zip(b).find(|(x, y)| x != y) {
        Some((x, y)) => unit(*x).cmp(&unit(*y)),
        None => a.len().cmp(&b.len()),
    }
}

/// Folds one word into the state; the state is valid afterwards.
#[inline(always)]
pub fn step_word(fold: Fold, valid: bool, state: u64, input: u64) -> u64 {
    let better = |wanted: Ordering| {
        let order = match fold.of {
            Type::Double => compare_doubles(f64::from_bits(input), f64::from_bits(state)),
            _ => (input as i64).cmp(&(state as i64)),
        };
        if !valid || order == wanted {
            input
        } else {
            state
        }
    };
    match (fold.kind, fold.of) {
        (Kind::Count, _) => state.wrapping_add(1),
        (Kind::Sum, Type::Double) => (f64::from_bits(state) + f64::from_bits(input)).to_bits(),
        (Kind::Sum, Type::Integer) => (state as i32).wrapping_add(input as i32) as i64 as u64,
        (Kind::Sum, _) => state.wrapping_add(input),
        (Kind::Min, _) => better(Ordering::Less),
        (Kind::Max, _) => better(Ordering::Greater),
        (Kind::Earliest, _) => {
            if valid {
                state
            } else {
                input
            }
        }
        (Kind::Latest | Kind::Last, _) => input,
    }
}

/// Whether a byte string replaces the state.
pub fn replaces(fold: Fold, state: Option<&[u8]>, input: &[u8]) -> bool {
    let Some(state) = state else { return true };
    let order = if fold.of == Type::String { compare_strings(input, state) } else { input.cmp(state) };
    match fold.kind {
        Kind::Min => order == Ordering::Less,
        Kind::Max => order == Ordering::Greater,
        Kind::Earliest => false,
        _ => true,
    }
}

/// A column of states under construction.
pub enum Output {
    Words(Type, Vec<u64>, Vec<bool>),
    Strings(StringViewBuilder),
    Bytes(BinaryViewBuilder),
}

impl Output {
    pub fn new(fold: Fold, rows: usize) -> Output {
        match fold.of {
            Type::String => Output::Strings(StringViewBuilder::with_capacity(rows)),
            Type::Bytes => Output::Bytes(BinaryViewBuilder::with_capacity(rows)),
            of => Output::Words(of, Vec::with_capacity(rows), Vec::with_capacity(rows)),
        }
    }

    #[inline(always)]
    pub fn push(&mut self, valid: bool, word: u64, heap: &Heap) {
        match self {
            Output::Words(_, words, valids) => {
                words.push(word);
                valids.push(valid);
            }
            Output::Strings(strings) if valid => {
                strings.append_value(std::str::from_utf8(heap.get(word)).unwrap_or_default())
            }
            Output::Strings(strings) => strings.append_null(),
            Output::Bytes(bytes) if valid => bytes.append_value(heap.get(word)),
            Output::Bytes(bytes) => bytes.append_null(),
        }
    }

    pub fn finish(self) -> ArrayRef {
        let (of, words, valids) = match self {
            Output::Strings(mut strings) => return Arc::new(strings.finish()),
            Output::Bytes(mut bytes) => return Arc::new(bytes.finish()),
            Output::Words(of, words, valids) => (of, words, valids),
        };
        let nulls = if valids.iter().all(|valid| *valid) { None } else { Some(NullBuffer::from(valids)) };
        match of {
            Type::Boolean => Arc::new(BooleanArray::new(words.iter().map(|word| *word != 0).collect(), nulls)),
            Type::Integer => narrow::<Int32Type>(&words, nulls),
            Type::Date => narrow::<Date32Type>(&words, nulls),
            Type::Time => narrow::<Time32MillisecondType>(&words, nulls),
            Type::Double => wide::<Float64Type>(words, nulls),
            Type::Timestamp => wide::<TimestampMillisecondType>(words, nulls),
            _ => wide::<Int64Type>(words, nulls),
        }
    }
}

fn wide<T: ArrowPrimitiveType>(words: Vec<u64>, nulls: Option<NullBuffer>) -> ArrayRef {
    let rows = words.len();
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::new(Buffer::from_vec(words), 0, rows), nulls))
}

fn narrow<T: ArrowPrimitiveType<Native = i32>>(words: &[u64], nulls: Option<NullBuffer>) -> ArrayRef {
    let values: Vec<i32> = words.iter().map(|word| *word as i32).collect();
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(values), nulls))
}
