//! The five codecs of record batches.
use std::io::{Read, Write};

const XERIAL_MAGIC: &[u8; 8] = b"\x82SNAPPY\x00";
const XERIAL_HEADER: usize = 16;
const XERIAL_BLOCK: usize = 32 * 1024;
/// Bytes that one call may inflate in all: positions inside Arrow views have 31 bits.
const INFLATED_MAX: u64 = i32::MAX as u64;

/// Appends the decompressed form of `data` to `out`.
pub fn decompress(codec: u8, data: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let start = out.len();
    let limit = INFLATED_MAX.saturating_sub(start as u64);
    let done = match codec {
        1 => read_limited(flate2::read::MultiGzDecoder::new(data), limit, out),
        2 => snappy(data, limit, out),
        3 => lz4_frame(data)
            .ok_or_else(|| "the frame is cut off".to_owned())
            .and_then(|frame| read_limited(lz4_flex::frame::FrameDecoder::new(frame), limit, out)),
        4 => zstd::stream::read::Decoder::with_buffer(data)
            .map_err(|e| e.to_string())
            .and_then(|decoder| read_limited(decoder, limit, out)),
        other => Err(format!("no codec has the number {other}")),
    };
    done.map_err(|error| {
        out.truncate(start);
        format!("{} data cannot be read: {error}", name(codec))
    })
}

fn name(codec: u8) -> &'static str {
    ["uncompressed", "gzip", "snappy", "lz4", "zstd"].get(codec as usize).unwrap_or(&"compressed")
}

fn read_limited(reader: impl Read, limit: u64, out: &mut Vec<u8>) -> Result<(), String> {
    let read = reader.take(limit + 1).read_to_end(out).map_err(|e| e.to_string())?;
    if read as u64 > limit {
        return Err("more than 2 GiB in one call".to_owned());
    }
    Ok(())
}

/// The first LZ4 frame with its end mark; what follows it is not looked at, as in Kafka's reader.
fn lz4_frame(data: &[u8]) -> Option<&[u8]> {
    let flags = *data.get(4)?;
    let mut at = 7 + if flags & 0x08 != 0 { 8 } else { 0 } + if flags & 0x01 != 0 { 4 } else { 0 };
    loop {
        let size = u32::from_le_bytes(data.get(at..at + 4)?.try_into().ok()?) & 0x7fff_ffff;
        at += 4;
        if size == 0 {
            return data.get(..at + if flags & 0x04 != 0 { 4 } else { 0 });
        }
        at += size as usize + if flags & 0x10 != 0 { 4 } else { 0 };
    }
}

/// Raw Snappy, or the framing of xerial's Java library: magic, two versions, then blocks with their length.
fn snappy(data: &[u8], limit: u64, out: &mut Vec<u8>) -> Result<(), String> {
    if data.len() < XERIAL_HEADER || &data[..8] != XERIAL_MAGIC {
        return snappy_block(data, limit, out);
    }
    let start = out.len() as u64;
    let mut rest = &data[XERIAL_HEADER..];
    while !rest.is_empty() {
        let (length, block) = rest.split_first_chunk::<4>().ok_or("a block length is cut off")?;
        let length = u32::from_be_bytes(*length) as usize;
        if length > block.len() {
            return Err("a block is cut off".to_owned());
        }
        snappy_block(&block[..length], limit - (out.len() as u64 - start), out)?;
        rest = &block[length..];
    }
    Ok(())
}

fn snappy_block(block: &[u8], limit: u64, out: &mut Vec<u8>) -> Result<(), String> {
    let length = snap::raw::decompress_len(block).map_err(|e| e.to_string())?;
    // Snappy cannot shrink data below a 21st: a longer claim is a lie that must not become an allocation.
    if length as u64 > limit || length / 64 > block.len() {
        return Err("the claimed length is impossible".to_owned());
    }
    let start = out.len();
    out.resize(start + length, 0);
    snap::raw::Decoder::new().decompress(block, &mut out[start..]).map_err(|e| e.to_string())?;
    Ok(())
}

/// Appends the compressed form of `data` to `out`.
pub fn compress(codec: u8, data: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    match codec {
        0 => out.extend_from_slice(data),
        1 => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
            encoder.write_all(data).and_then(|()| encoder.finish().map(drop)).map_err(|e| e.to_string())?;
        }
        2 => {
            out.extend_from_slice(XERIAL_MAGIC);
            out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 1]);
            let mut encoder = snap::raw::Encoder::new();
            for block in data.chunks(XERIAL_BLOCK) {
                let packed = encoder.compress_vec(block).map_err(|e| e.to_string())?;
                out.extend_from_slice(&(packed.len() as u32).to_be_bytes());
                out.extend_from_slice(&packed);
            }
        }
        3 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(out);
            encoder.write_all(data).map_err(|e| e.to_string())?;
            encoder.finish().map_err(|e| e.to_string())?;
        }
        4 => zstd::stream::copy_encode(data, out, 3).map_err(|e| e.to_string())?,
        other => return Err(format!("no codec has the number {other}")),
    }
    Ok(())
}
