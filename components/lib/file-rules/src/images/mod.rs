//! Images: their sizes, and the removal of metadata without a change to the picture.
//!
//! | format | removed | kept |
//! |---|---|---|
//! | JPEG | EXIF with GPS, XMP, IPTC, comments, other application segments, everything after the end | the orientation (in an EXIF segment of its own), JFIF, ICC profile, Adobe segment |
//! | PNG | `eXIf`, `tEXt`, `zTXt`, `iTXt`, `tIME`, everything after the end | all other chunks |
//! | WebP | EXIF and XMP (overwritten by zeros in an unknown chunk) | all other chunks |
//!
//! Other formats are stored as they are.
//!
//! Each filter is fed with the bytes as they arrive and holds no more than one segment of 64 KiB.

pub(crate) mod jpeg;
pub(crate) mod png;
pub(crate) mod webp;

/// Why an image cannot be filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not an image of the format that its first bytes say.
    Malformed,
    /// It has more pixels than are accepted.
    TooManyPixels,
}

/// Width times height, for formats that have the size at their beginning (PNG, GIF, WebP); none if the
/// head has none.
pub(crate) fn pixels(head: &[u8]) -> Option<u64> {
    let number = |at: usize, length: usize, big_endian: bool| {
        let bytes = head.get(at..at.checked_add(length)?)?;
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if big_endian {
            bytes.iter().fold(0, fold)
        } else {
            bytes.iter().rev().fold(0, fold)
        })
    };
    let size = |width: Option<u64>, height: Option<u64>| width?.checked_mul(height?);
    if head.starts_with(b"\x89PNG") {
        return size(number(16, 4, true), number(20, 4, true));
    }
    if head.starts_with(b"GIF8") {
        return size(number(6, 2, false), number(8, 2, false));
    }
    if !head.starts_with(b"RIFF") || head.get(8..12)? != b"WEBP" {
        return None;
    }
    match head.get(12..16)? {
        // The size minus one, in 24 bits each.
        b"VP8X" => size(
            number(24, 3, false).map(|width| width + 1),
            number(27, 3, false).map(|height| height + 1),
        ),
        // 14 bits each, after the frame tag and the start code.
        b"VP8 " => size(
            number(26, 2, false).map(|width| width & 0x3fff),
            number(28, 2, false).map(|height| height & 0x3fff),
        ),
        // 14 bits each, minus one, after a signature.
        b"VP8L" => {
            let bits = number(21, 4, false)?;
            Some(((bits & 0x3fff) + 1) * ((bits >> 14 & 0x3fff) + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_of_each_format_are_those_of_its_head() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x75\x30\0\0\x75\x30";
        assert_eq!(pixels(png), Some(900_000_000));
        assert_eq!(pixels(b"GIF89a\x02\x01\x03\0"), Some(0x102 * 3));
        let vp8x = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x13\0\0";
        assert_eq!(pixels(vp8x), Some(10 * 20));
        let vp8 = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x0a\0\x14\0";
        assert_eq!(pixels(vp8), Some(10 * 20));
        let vp8l = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x09\xc0\x04\0";
        assert_eq!(pixels(vp8l), Some(10 * 20));
        for short in [&png[..20], b"GIF89a", b"RIFF\0\0\0\0WEBPVP8X", b"", b"text"] {
            assert_eq!(pixels(short), None);
        }
    }
}
