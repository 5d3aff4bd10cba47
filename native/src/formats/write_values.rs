//! What the writers of records with schemas share: where values come from, numbers, decimals.
use std::collections::HashSet;
use std::ops::Range;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::json_scan::{Doubt, Scanned};
use super::plain_values::Step;
use super::written::{In, Item};

/// A number of a step.
pub fn number(step: &Step, at: usize) -> PyResult<i64> {
    step.2.get(at).copied().ok_or_else(|| PyValueError::new_err("a number is missing"))
}

/// The first inner step.
pub fn single(step: Step) -> PyResult<Step> {
    step.1.into_iter().next().ok_or_else(|| PyValueError::new_err("an inner type is missing"))
}

/// A row whose fields are written.
pub trait Source<'a> {
    fn item(&self, at: usize) -> Option<Item<'a>>;
}

impl<'a> Source<'a> for (&'a [In<'a>], usize) {
    #[inline(always)]
    fn item(&self, at: usize) -> Option<Item<'a>> {
        self.0.get(at)?.get(self.1)
    }
}

/// An entry of a map: its first field is the key, its second the value.
pub struct Entry<'a> {
    pub key: &'a In<'a>,
    pub value: &'a In<'a>,
    pub row: usize,
}

impl<'a> Source<'a> for Entry<'a> {
    fn item(&self, at: usize) -> Option<Item<'a>> {
        if at == 0 { self.key } else { self.value }.get(self.row)
    }
}

/// Appends a number of seven bits a byte, the low ones first.
#[inline(always)]
pub fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A double as a float; what is none and what has no such size the row form decides.
pub fn narrow(value: f64) -> Scanned<f32> {
    let narrowed = value as f32;
    if value.is_nan() || narrowed.is_infinite() != value.is_infinite() {
        return Err(Doubt);
    }
    Ok(narrowed)
}

/// The unscaled value of a decimal at another scale, where that needs no rounding and has so many digits.
pub fn fitted(value: i128, from: i64, to: i64, precision: i64) -> Scanned<i128> {
    let shift = to - from;
    let power = 10i128.checked_pow(shift.unsigned_abs().try_into().map_err(|_| Doubt)?).ok_or(Doubt)?;
    let value = if shift >= 0 {
        value.checked_mul(power).ok_or(Doubt)?
    } else if value % power == 0 {
        value / power
    } else {
        return Err(Doubt);
    };
    let digits = u32::try_from(precision).map_err(|_| Doubt)?;
    // More than 38 digits do not come from a column.
    match 10u128.checked_pow(digits) {
        Some(limit) if value.unsigned_abs() >= limit => Err(Doubt),
        _ => Ok(value),
    }
}

/// Appends a number as the fewest big-endian bytes that hold its sign; returns how many.
pub fn push_unscaled(out: &mut Vec<u8>, value: i128) -> usize {
    let bits = 128 - if value < 0 { !value } else { value }.leading_zeros() as usize;
    let size = bits / 8 + 1;
    out.extend_from_slice(&value.to_be_bytes()[16 - size..]);
    size
}

/// The row form has no two entries of one key, and decides about a key that is null.
pub fn check_keys(key: &In<'_>, rows: Range<usize>) -> Scanned<()> {
    let text = |row: usize| match key.get(row) {
        Some(Item::Text(text)) => Ok(text),
        _ => Err(Doubt),
    };
    if rows.len() < 16 {
        for row in rows.clone() {
            let found = text(row)?;
            for other in rows.start..row {
                if text(other)? == found {
                    return Err(Doubt);
                }
            }
        }
        return Ok(());
    }
    let mut seen = HashSet::with_capacity(rows.len());
    for row in rows {
        if !seen.insert(text(row)?) {
            return Err(Doubt);
        }
    }
    Ok(())
}
