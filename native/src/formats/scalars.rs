//! Scalars out of text: the usual spellings; the others are doubts.
use super::json_scan::{Doubt, Scanned};

/// The integer part of a JSON number, its low 64 bits.
#[inline]
pub fn low_bits(text: &[u8]) -> i64 {
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
pub fn strict_integer(text: &[u8]) -> Scanned<i64> {
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

/// A JSON number as a double.
pub fn json_double(text: &[u8]) -> Scanned<f64> {
    let value = parse_f64(text)?;
    // A BigDecimal has no negative zero, but a value that underflows keeps its sign.
    if value == 0.0 && !text.iter().take_while(|byte| **byte | 0x20 != b'e').any(|byte| matches!(byte, b'1'..=b'9')) {
        return Ok(0.0);
    }
    Ok(value)
}

/// The usual texts of doubles.
pub fn text_double(text: &[u8]) -> Scanned<f64> {
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

const EXACT_POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// At most 15 digits and no exponent: two exact doubles, so one rounding is all there is.
#[inline]
fn short_f64(text: &[u8]) -> Option<f64> {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    if digits.len() > 16 {
        return None;
    }
    let (mut value, mut count, mut point) = (0u64, 0, None);
    for byte in digits {
        match byte {
            b'0'..=b'9' => {
                value = value * 10 + (byte - b'0') as u64;
                count += 1;
            }
            b'.' if point.is_none() => point = Some(count),
            _ => return None,
        }
    }
    let decimals = count - point.unwrap_or(count);
    if count == 0 || count > 15 || point == Some(0) || (point.is_some() && decimals == 0) {
        return None;
    }
    let magnitude = value as f64 / EXACT_POWERS[decimals];
    Some(if is_negative { -magnitude } else { magnitude })
}

#[inline]
fn parse_f64(text: &[u8]) -> Scanned<f64> {
    if let Some(value) = short_f64(text) {
        return Ok(value);
    }
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Doubt)
}

/// True when BigDecimal prints a plain number with a fraction as it was written.
pub fn prints_as_it_is(text: &[u8]) -> bool {
    let (is_negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let Some(fraction) = digits.strip_prefix(b"0.") else { return true };
    let head = &fraction[..fraction.len().min(6)];
    head.iter().any(|digit| *digit != b'0') || (fraction.len() <= 6 && !is_negative)
}

/// A plain number as the unscaled value of a decimal column.
pub fn decimal(text: &[u8], precision: u8, scale: u8) -> Scanned<i128> {
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
pub fn decode_base64(text: &[u8], out: &mut Vec<u8>) -> Scanned<()> {
    if !text.len().is_multiple_of(4) {
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
