//! Values of records with schemas into columns, where both have the same kind; everything else is a doubt.
use super::columns::{Out, Type};
use super::json_scan::{Doubt, Scanned};

/// A step of a plan as Python describes it: its kind, inner steps, numbers and names.
#[derive(pyo3::FromPyObject)]
pub struct Step(pub String, pub Vec<Step>, pub Vec<i64>, pub Vec<Vec<u8>>);

#[inline(always)]
pub fn push_integer(out: &mut Out, value: i64) -> Scanned<()> {
    match out.type_ {
        Type::Integer if i32::try_from(value).is_err() => Err(Doubt),
        Type::Double => {
            out.push_double(value as f64);
            Ok(())
        }
        _ => out.push_integer(value),
    }
}

#[inline(always)]
pub fn push_double(out: &mut Out, value: f64) -> Scanned<()> {
    if out.type_ != Type::Double {
        return Err(Doubt);
    }
    out.push_double(value);
    Ok(())
}

#[inline(always)]
pub fn push_boolean(out: &mut Out, value: bool) -> Scanned<()> {
    if out.type_ != Type::Boolean {
        return Err(Doubt);
    }
    out.push_boolean(value);
    Ok(())
}

/// Pushes text that is known to be UTF-8.
#[inline(always)]
pub fn push_text(out: &mut Out, text: &[u8]) -> Scanned<()> {
    if out.type_ != Type::Text {
        return Err(Doubt);
    }
    out.push_plain(text);
    Ok(())
}

#[inline(always)]
pub fn push_binary(out: &mut Out, bytes: &[u8]) -> Scanned<()> {
    if out.type_ != Type::Bytes {
        return Err(Doubt);
    }
    out.push_plain(bytes);
    Ok(())
}

/// Pushes the big-endian unscaled value of a decimal, fitted to the column where that needs no rounding.
pub fn push_decimal(out: &mut Out, bytes: &[u8], scale: i64) -> Scanned<()> {
    let Type::Decimal { precision, scale: wanted } = out.type_ else { return Err(Doubt) };
    if bytes.len() > 16 {
        return Err(Doubt);
    }
    let is_negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut word = [if is_negative { 0xff } else { 0 }; 16];
    word[16 - bytes.len()..].copy_from_slice(bytes);
    let mut value = i128::from_be_bytes(word);
    let shift = i64::from(wanted) - scale;
    let power = 10i128.checked_pow(shift.unsigned_abs().try_into().map_err(|_| Doubt)?).ok_or(Doubt)?;
    if shift >= 0 {
        value = value.checked_mul(power).ok_or(Doubt)?;
    } else if value % power != 0 {
        return Err(Doubt);
    } else {
        value /= power;
    }
    if value.unsigned_abs() >= 10u128.pow(u32::from(precision)) {
        return Err(Doubt);
    }
    out.push_unscaled(value);
    Ok(())
}

/// Checks that bytes are UTF-8.
#[inline(always)]
pub fn checked_text(bytes: &[u8]) -> Scanned<&[u8]> {
    std::str::from_utf8(bytes).map(str::as_bytes).map_err(|_| Doubt)
}
