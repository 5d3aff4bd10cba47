//! Zigzag varints as Kafka reads and writes them: 5 bytes at most for int32, 10 for int64, surplus bits dropped.

/// Reads one varint of at most `MAX` bytes; None when the bytes end first or the last allowed byte goes on.
#[inline(always)]
fn unsigned<const MAX: usize>(bytes: &[u8], position: &mut usize) -> Option<u64> {
    let mut value = 0u64;
    for step in 0..MAX {
        let byte = *bytes.get(*position)?;
        *position += 1;
        value |= ((byte & 0x7f) as u64) << (7 * step);
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Reads a signed 32-bit varint.
#[inline(always)]
pub fn read_i32(bytes: &[u8], position: &mut usize) -> Option<i32> {
    let raw = unsigned::<5>(bytes, position)? as u32;
    Some(((raw >> 1) as i32) ^ -((raw & 1) as i32))
}

/// Reads a signed 64-bit varint.
#[inline(always)]
pub fn read_i64(bytes: &[u8], position: &mut usize) -> Option<i64> {
    let raw = unsigned::<10>(bytes, position)?;
    Some(((raw >> 1) as i64) ^ -((raw & 1) as i64))
}

/// The bytes a signed varint takes.
#[inline(always)]
pub fn size(value: i64) -> usize {
    let raw = ((value << 1) ^ (value >> 63)) as u64;
    (70 - (raw | 1).leading_zeros() as usize) / 7
}

/// Appends a signed varint.
#[inline(always)]
pub fn write(out: &mut Vec<u8>, value: i64) {
    let mut raw = ((value << 1) ^ (value >> 63)) as u64;
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}
