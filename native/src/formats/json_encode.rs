//! Columns to JSON documents.
use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use pyo3::buffer::PyBuffer;
use pyo3::prelude::*;

use super::columns::bytes_array;
use super::number_text::{push_decimal, push_double};
use super::written::{plain, push_item_text, In, Item};
use crate::arrays::{borrowed, detached, to_pyarrow, Column};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// True for bytes that cannot stand in a string as they are: controls, quote, backslash, and the lead of a
/// character beyond the basic plane, which is written as two escapes.
static ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = byte < 0x20 || byte == b'"' as usize || byte == b'\\' as usize || byte >= 0xF0;
        byte += 1;
    }
    table
};

/// Appends a quoted string.
pub fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut start = 0;
    let mut at = 0;
    while at < text.len() {
        if !ESCAPED[text[at] as usize] {
            at += 1;
            continue;
        }
        out.extend_from_slice(&text[start..at]);
        at += push_escape(out, &text[at..]);
        start = at;
    }
    out.extend_from_slice(&text[start..]);
    out.push(b'"');
}

/// Appends the escape of the character that starts here; returns its size.
fn push_escape(out: &mut Vec<u8>, text: &[u8]) -> usize {
    let byte = text[0];
    let short = match byte {
        b'"' | b'\\' => byte,
        8 => b'b',
        9 => b't',
        10 => b'n',
        12 => b'f',
        13 => b'r',
        _ => 0,
    };
    if short != 0 {
        out.extend_from_slice(&[b'\\', short]);
        return 1;
    }
    if byte < 0x20 {
        push_unit(out, byte as u32);
        return 1;
    }
    let size = text.len().min(4);
    let code = text[1..size].iter().fold((byte & 7) as u32, |code, byte| code << 6 | (byte & 0x3F) as u32);
    let rest = code.wrapping_sub(0x10000);
    push_unit(out, 0xD800 | (rest >> 10) & 0x3FF);
    push_unit(out, 0xDC00 | rest & 0x3FF);
    size
}

fn push_unit(out: &mut Vec<u8>, unit: u32) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[(unit >> shift & 15) as usize]);
    }
}

fn push_value(out: &mut Vec<u8>, item: &Item<'_>) {
    match item {
        Item::Text(text) => push_string(out, text),
        Item::Double(value) if !value.is_finite() => {
            out.push(b'"');
            push_double(out, *value);
            out.push(b'"');
        }
        Item::Decimal(value, scale) => push_decimal(out, *value, *scale, true),
        Item::Binary(_) => {
            out.push(b'"');
            push_item_text(out, item);
            out.push(b'"');
        }
        Item::Elements(rows, element) => {
            out.push(b'[');
            for row in rows.clone() {
                if row > rows.start {
                    out.push(b',');
                }
                push_optional(out, element.get(row));
            }
            out.push(b']');
        }
        Item::Entries(rows, key, value) => {
            out.push(b'{');
            for row in rows.clone() {
                if row > rows.start {
                    out.push(b',');
                }
                push_optional(out, key.get(row));
                out.push(b':');
                push_optional(out, value.get(row));
            }
            out.push(b'}');
        }
        Item::Fields(row, names, fields) => {
            out.push(b'{');
            for (position, (name, field)) in names.iter().zip(*fields).enumerate() {
                if position > 0 {
                    out.push(b',');
                }
                push_string(out, name);
                out.push(b':');
                push_optional(out, field.get(*row));
            }
            out.push(b'}');
        }
        other => push_item_text(out, other),
    }
}

#[inline]
fn push_optional(out: &mut Vec<u8>, item: Option<Item<'_>>) {
    match item {
        Some(item) => push_value(out, &item),
        None => out.extend_from_slice(b"null"),
    }
}

fn encode(
    columns: &[In<'_>],
    names: &[Vec<u8>],
    valid: Option<&[u8]>,
    rows: usize,
    unwrapped: bool,
    header: &[u8],
) -> (Vec<i32>, Vec<u8>, Vec<bool>) {
    let mut ends = Vec::with_capacity(rows);
    let mut data = Vec::with_capacity(rows * 32 * columns.len().max(1));
    let mut present = Vec::with_capacity(rows);
    for row in 0..rows {
        let mut has_row = valid.is_none_or(|valid| valid[row] != 0);
        if has_row && unwrapped {
            match columns[0].get(row) {
                Some(item) => {
                    data.extend_from_slice(header);
                    push_value(&mut data, &item);
                }
                None => has_row = false,
            }
        } else if has_row {
            data.extend_from_slice(header);
            for (column, name) in columns.iter().zip(names) {
                data.extend_from_slice(name);
                push_optional(&mut data, column.get(row));
            }
            data.extend_from_slice(if columns.is_empty() { b"{}" } else { b"}" });
        }
        present.push(has_row);
        ends.push(data.len() as i32);
        if data.len() > i32::MAX as usize {
            break;
        }
    }
    (ends, data, present)
}

/// Encodes columns as one JSON document a row.
///
/// `names` holds what comes before each value, such as `{"A":` and `,"B":`; `raw` marks columns whose strings are
/// JSON already; `valid` has a byte per row, 0 where there is no document; `rows` counts where there are no columns;
/// `header` stands before every document.
#[pyfunction]
#[pyo3(signature = (columns, names, raw, valid, rows, unwrapped, header=None))]
#[allow(clippy::too_many_arguments)]
pub fn json_encode<'py>(
    py: Python<'py>,
    columns: Vec<Column>,
    names: Vec<Vec<u8>>,
    raw: Vec<bool>,
    valid: Option<PyBuffer<u8>>,
    rows: usize,
    unwrapped: bool,
    header: Option<Vec<u8>>,
) -> PyResult<Bound<'py, PyAny>> {
    let arrays: Vec<ArrayRef> = columns.iter().map(|column| plain(&column.0)).collect::<PyResult<_>>()?;
    let columns: Vec<In<'_>> =
        arrays.iter().zip(&raw).map(|(array, raw)| In::new(array, *raw)).collect::<PyResult<_>>()?;
    let rows = columns.iter().map(In::len).min().unwrap_or(rows);
    let valid = valid.as_ref().map(|valid| borrowed(valid, "valid")).transpose()?;
    let valid = valid.map(|valid| &valid[..rows.min(valid.len())]);
    let rows = valid.map_or(rows, |valid| valid.len());
    let header = header.unwrap_or_default();
    let (ends, data, present) = detached(py, rows, || encode(&columns, &names, valid, rows, unwrapped, &header));
    let nulls = if present.iter().all(|present| *present) { None } else { Some(NullBuffer::from(present)) };
    to_pyarrow(py, bytes_array(ends, data, nulls, true)?.as_ref())
}
