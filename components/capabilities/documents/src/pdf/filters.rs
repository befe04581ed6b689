//! The content of streams (ISO 32000-2, section 7.4), as far as it can be text.

use miniz_oxide::inflate::{
    DecompressError, TINFLStatus, decompress_to_vec_with_limit, decompress_to_vec_zlib_with_limit,
};

use super::fuel::{Fault, Fuel};
use super::lexer::is_space;
use super::object::Dict;

/// Most filters of a stream.
const FILTERS_MAX: usize = 4;

/// Applies filters in their order; no step has more than `max` bytes.
///
/// # Errors
/// [`Fault::TooComplex`]; [`Fault::Malformed`] for filters of images, and for others that are not known.
pub(super) fn decode(
    data: &[u8],
    filters: &[(Vec<u8>, Dict)],
    max: usize,
    fuel: &Fuel,
) -> Result<Vec<u8>, Fault> {
    if filters.len() > FILTERS_MAX {
        return Err(Fault::TooComplex);
    }
    fuel.take(data.len())?;
    let mut decoded = None;
    for (name, parameters) in filters {
        let input = decoded.as_deref().unwrap_or(data);
        let output = match name.as_slice() {
            b"FlateDecode" | b"Fl" => predicted(inflate(input, max)?, parameters)?,
            b"LZWDecode" | b"LZW" => {
                let early = parameters.get("EarlyChange").number() != Some(0.0);
                predicted(lzw(input, early, max)?, parameters)?
            }
            b"ASCIIHexDecode" | b"AHx" => ascii_hex(input),
            b"ASCII85Decode" | b"A85" => ascii85(input),
            b"RunLengthDecode" | b"RL" => run_length(input, max)?,
            _ => return Err(Fault::Malformed),
        };
        fuel.take(output.len())?;
        decoded = Some(output);
    }
    let decoded = decoded.unwrap_or_else(|| data.to_vec());
    if decoded.len() > max {
        return Err(Fault::TooComplex);
    }
    Ok(decoded)
}

/// Damaged data has the content that precedes the damage.
fn inflate(data: &[u8], max: usize) -> Result<Vec<u8>, Fault> {
    let rest = |error: DecompressError| match error.status {
        TINFLStatus::HasMoreOutput => Err(Fault::TooComplex),
        _ => Ok(error.output),
    };
    let inflated = decompress_to_vec_zlib_with_limit(data, max).or_else(rest)?;
    if inflated.is_empty() && !data.is_empty() {
        // Some writers leave out the header of zlib.
        return decompress_to_vec_with_limit(data, max).or_else(rest);
    }
    Ok(inflated)
}

fn ascii_hex(data: &[u8]) -> Vec<u8> {
    let digits = data.iter().take_while(|byte| **byte != b'>');
    let digits: Vec<u32> = digits
        .filter_map(|byte| char::from(*byte).to_digit(16))
        .collect();
    let pairs = digits.chunks(2).map(|pair| match pair {
        [high, low] => high * 16 + low,
        [high] => high * 16,
        _ => 0,
    });
    pairs.filter_map(|byte| u8::try_from(byte).ok()).collect()
}

fn ascii85(data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut group = 0_u32;
    let mut count = 0_usize;
    for byte in data.iter().copied().filter(|byte| !is_space(*byte)) {
        match byte {
            b'z' if count == 0 => out.extend([0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    out.extend(group.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            _ => break,
        }
    }
    if count > 1 {
        for _ in count..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        out.extend(group.to_be_bytes().iter().take(count - 1));
    }
    out
}

fn run_length(data: &[u8], max: usize) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first() {
        let length = usize::from(*length);
        match length {
            0..=127 => {
                let (literal, after) = after.split_at(after.len().min(length + 1));
                out.extend_from_slice(literal);
                rest = after;
            }
            128 => break,
            _ => {
                let Some((byte, after)) = after.split_first() else {
                    break;
                };
                out.extend(std::iter::repeat_n(*byte, 257 - length));
                rest = after;
            }
        }
        if out.len() > max {
            return Err(Fault::TooComplex);
        }
    }
    Ok(out)
}

/// LZW with codes of 9 to 12 bits. Sequences are kept as their last byte and the code of what precedes it.
fn lzw(data: &[u8], early: bool, max: usize) -> Result<Vec<u8>, Fault> {
    const CLEAR: usize = 256;
    const END: usize = 257;
    let mut table: Vec<(usize, u8)> = Vec::new();
    let mut out = Vec::new();
    let mut previous: Option<usize> = None;
    let (mut bits, mut held, mut width) = (0_u32, 0_u32, 9_u32);
    let mut sequence = Vec::new();
    for byte in data {
        bits = (bits << 8) | u32::from(*byte);
        held += 8;
        if held < width {
            continue;
        }
        held -= width;
        let code = usize::try_from((bits >> held) & ((1 << width) - 1)).unwrap_or(END);
        bits &= (1 << held) - 1;
        if code == CLEAR {
            table.clear();
            previous = None;
            width = 9;
            continue;
        }
        if code == END {
            break;
        }
        let next = table.len() + 258;
        let known = if code < next { Some(code) } else { previous };
        let Some(mut at) = known else { break };
        sequence.clear();
        while let Some((before, last)) = at.checked_sub(258).and_then(|at| table.get(at)) {
            sequence.push(*last);
            at = *before;
        }
        let Ok(first) = u8::try_from(at) else { break };
        sequence.push(first);
        out.extend(sequence.iter().rev());
        if code >= next {
            out.push(first);
        }
        if out.len() > max {
            return Err(Fault::TooComplex);
        }
        if let Some(previous) = previous
            && next < 4096
        {
            table.push((previous, first));
        }
        previous = Some(code.min(table.len() + 257));
        let codes = table.len() + 258 + usize::from(early);
        width = match codes {
            0..512 => 9,
            512..1024 => 10,
            1024..2048 => 11,
            _ => 12,
        };
    }
    Ok(out)
}

/// Undoes a predictor (ISO 32000-2, section 7.4.4.4).
fn predicted(data: Vec<u8>, parameters: &Dict) -> Result<Vec<u8>, Fault> {
    let number = |key: &str, default: usize| parameters.get(key).index().unwrap_or(default);
    let predictor = number("Predictor", 1);
    if predictor < 2 {
        return Ok(data);
    }
    let (colors, bits) = (number("Colors", 1), number("BitsPerComponent", 8));
    let columns = number("Columns", 1);
    if !(1..=64).contains(&colors)
        || !(1..=32).contains(&bits)
        || !(1..=1_000_000).contains(&columns)
    {
        return Err(Fault::Malformed);
    }
    let pixel = (colors * bits).div_ceil(8);
    let row = (colors * bits * columns).div_ceil(8);
    if predictor == 2 {
        let mut data = data;
        if bits == 8 {
            for row in data.chunks_mut(row) {
                for at in pixel..row.len() {
                    let left = row.get(at - pixel).copied().unwrap_or_default();
                    if let Some(byte) = row.get_mut(at) {
                        *byte = byte.wrapping_add(left);
                    }
                }
            }
        }
        return Ok(data);
    }
    let mut out: Vec<u8> = Vec::with_capacity(data.len());
    let mut above = vec![0_u8; row];
    for line in data.chunks(row + 1) {
        let Some((kind, line)) = line.split_first() else {
            break;
        };
        let mut current = vec![0_u8; row];
        for (at, byte) in line.iter().enumerate() {
            let before = |values: &[u8]| {
                let at = at.checked_sub(pixel)?;
                values.get(at).copied()
            };
            let left = before(&current).unwrap_or_default();
            let corner = before(&above).unwrap_or_default();
            let up = above.get(at).copied().unwrap_or_default();
            let predicted = match kind {
                1 => left,
                2 => up,
                3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
                4 => paeth(left, up, corner),
                _ => 0,
            };
            if let Some(place) = current.get_mut(at) {
                *place = byte.wrapping_add(predicted);
            }
        }
        out.extend(current.iter().take(line.len()));
        above = current;
    }
    Ok(out)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
    let distance = |value: u8| (estimate - i16::from(value)).abs();
    if distance(left) <= distance(up) && distance(left) <= distance(corner) {
        left
    } else if distance(up) <= distance(corner) {
        up
    } else {
        corner
    }
}
