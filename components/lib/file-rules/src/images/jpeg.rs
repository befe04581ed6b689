//! JPEG (ITU-T T.81, annex B).

use super::Fault;

const MARKER: u8 = 0xff;
const START: u8 = 0xd8;
const END: u8 = 0xd9;
const SCAN: u8 = 0xda;
const EXIF: &[u8] = b"Exif\0\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
/// The tag of the orientation (EXIF 2.32, section 4.6.4).
const ORIENTATION: u64 = 0x0112;

/// Removes metadata from a JPEG image as it arrives.
#[derive(Debug)]
pub(crate) struct Jpeg {
    state: State,
    /// The payload of a segment that is read as a whole.
    segment: Vec<u8>,
    max_pixels: u64,
    has_size: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes of the start marker that were read.
    Start(u8),
    /// Before a marker.
    Between,
    /// After 0xff.
    Code,
    /// After the code of a marker with a length.
    Length(u8),
    /// After the first byte of the length.
    LengthLow(u8, u8),
    /// So many bytes of a segment are still to be collected.
    Collect(u8, usize),
    /// So many bytes are to be copied or dropped; whether they begin a scan, whether they are copied.
    Rest {
        left: usize,
        scan: bool,
        copy: bool,
    },
    /// In the compressed picture.
    Scan,
    /// After 0xff in the compressed picture.
    ScanCode,
    End,
}

impl Jpeg {
    pub(crate) fn new(max_pixels: u64) -> Self {
        Self {
            state: State::Start(0),
            segment: Vec::new(),
            max_pixels,
            has_size: false,
        }
    }

    /// Takes the next bytes and appends what is kept to `out`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        while let Some((first, after)) = bytes.split_first() {
            match self.state {
                State::Rest { left, scan, copy } => {
                    let (taken, rest) = bytes.split_at(bytes.len().min(left));
                    if copy {
                        out.extend_from_slice(taken);
                    }
                    self.rest(left.saturating_sub(taken.len()), scan, copy);
                    bytes = rest;
                }
                State::Collect(code, left) => {
                    let (taken, rest) = bytes.split_at(bytes.len().min(left));
                    self.segment.extend_from_slice(taken);
                    match left.saturating_sub(taken.len()) {
                        0 => self.collected(code, out)?,
                        left => self.state = State::Collect(code, left),
                    }
                    bytes = rest;
                }
                State::Scan => {
                    let end = bytes.iter().position(|byte| *byte == MARKER);
                    let (taken, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                    out.extend_from_slice(taken);
                    bytes = rest;
                    if let Some((_, after)) = rest.split_first() {
                        self.state = State::ScanCode;
                        bytes = after;
                    }
                }
                // What comes after the end is no part of the picture.
                State::End => return Ok(()),
                _ => {
                    self.step(*first, out)?;
                    bytes = after;
                }
            }
        }
        Ok(())
    }

    /// Whether what arrived is an image. Some programs leave the end marker out.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        match self.state {
            State::Scan | State::ScanCode | State::End if self.has_size => Ok(()),
            _ => Err(Fault::Malformed),
        }
    }

    /// Takes one byte outside of segments and scans.
    fn step(&mut self, byte: u8, out: &mut Vec<u8>) -> Result<(), Fault> {
        self.state = match (self.state, byte) {
            (State::Start(0), MARKER) => State::Start(1),
            (State::Start(1), START) => {
                out.extend([MARKER, START]);
                State::Between
            }
            (State::Between, MARKER) => State::Code,
            // Fill bytes.
            (State::Code, MARKER) => State::Code,
            (State::ScanCode, MARKER) => State::ScanCode,
            (State::ScanCode, 0x00 | 0xd0..=0xd7) => {
                out.extend([MARKER, byte]);
                State::Scan
            }
            (State::Code | State::ScanCode, END) => {
                out.extend([MARKER, END]);
                State::End
            }
            (State::Code, 0x01 | 0xd0..=0xd7) => {
                out.extend([MARKER, byte]);
                State::Between
            }
            (State::Code | State::ScanCode, 0xc0..=0xcf | 0xda..=0xfe) => State::Length(byte),
            (State::Length(code), high) => State::LengthLow(code, high),
            (State::LengthLow(code, high), low) => {
                return self.segment_of(code, high, low, out);
            }
            _ => return Err(Fault::Malformed),
        };
        Ok(())
    }

    /// Decides on a segment by its code and length.
    fn segment_of(&mut self, code: u8, high: u8, low: u8, out: &mut Vec<u8>) -> Result<(), Fault> {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let left = length.checked_sub(2).ok_or(Fault::Malformed)?;
        let is_read = matches!(code, 0xe1 | 0xe2) || is_frame(code);
        if is_read {
            self.segment.clear();
            self.state = State::Collect(code, left);
            if left == 0 {
                return self.collected(code, out);
            }
            return Ok(());
        }
        // JFIF and Adobe's color transform say how the picture is shown.
        let is_metadata = matches!(code, 0xe0..=0xef | 0xfe) && !matches!(code, 0xe0 | 0xee);
        if !is_metadata {
            out.extend([MARKER, code, high, low]);
        }
        self.rest(left, code == SCAN, !is_metadata);
        Ok(())
    }

    /// Goes on with a segment of which so many bytes are left.
    fn rest(&mut self, left: usize, scan: bool, copy: bool) {
        self.state = match left {
            0 if scan => State::Scan,
            0 => State::Between,
            _ => State::Rest { left, scan, copy },
        };
    }

    /// Decides on a segment by its content.
    fn collected(&mut self, code: u8, out: &mut Vec<u8>) -> Result<(), Fault> {
        let segment = std::mem::take(&mut self.segment);
        if is_frame(code) {
            let [_, h1, h0, w1, w0, ..] = segment.as_slice() else {
                return Err(Fault::Malformed);
            };
            let height = u64::from(u16::from_be_bytes([*h1, *h0]));
            let width = u64::from(u16::from_be_bytes([*w1, *w0]));
            if height.saturating_mul(width) > self.max_pixels {
                return Err(Fault::TooManyPixels);
            }
            self.has_size = true;
        }
        let orientation = (code == 0xe1).then(|| orientation(&segment)).flatten();
        if is_frame(code) || code == 0xe2 && segment.starts_with(ICC) {
            append(out, code, &segment);
        } else if let Some(orientation) = orientation {
            append(out, code, &orientation_only(orientation));
        }
        self.state = State::Between;
        Ok(())
    }
}

/// Whether the segment begins a frame and has the size of the picture.
fn is_frame(code: u8) -> bool {
    matches!(code, 0xc0..=0xcf) && !matches!(code, 0xc4 | 0xc8 | 0xcc)
}

fn append(out: &mut Vec<u8>, code: u8, payload: &[u8]) {
    // A payload was read from a segment, so it fits into one.
    let length = u16::try_from(payload.len().saturating_add(2)).unwrap_or(u16::MAX);
    out.extend([MARKER, code]);
    out.extend(length.to_be_bytes());
    out.extend_from_slice(payload);
}

/// How the picture is to be turned, 2 to 8; none if it is not to be turned.
fn orientation(segment: &[u8]) -> Option<u8> {
    let tiff = segment.strip_prefix(EXIF)?;
    let is_big = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let number = |at: usize, length: usize| {
        let bytes = tiff.get(at..at.checked_add(length)?)?;
        let fold = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if is_big {
            bytes.iter().fold(0, fold)
        } else {
            bytes.iter().rev().fold(0, fold)
        })
    };
    let directory = usize::try_from(number(4, 4)?).ok()?;
    let entries = usize::try_from(number(directory, 2)?).ok()?;
    let first = directory.checked_add(2)?;
    let entry = (0..entries)
        .map_while(|index| first.checked_add(index.checked_mul(12)?))
        .find(|at| number(*at, 2) == Some(ORIENTATION))?;
    let value = number(entry.checked_add(8)?, 2)?;
    u8::try_from(value)
        .ok()
        .filter(|value| (2..=8).contains(value))
}

/// An EXIF segment with nothing but the orientation.
fn orientation_only(orientation: u8) -> Vec<u8> {
    let mut payload = EXIF.to_vec();
    payload.extend(b"MM\0*\0\0\0\x08");
    payload.extend(b"\0\x01\x01\x12\0\x03\0\0\0\x01\0");
    payload.extend([orientation, 0, 0, 0, 0, 0, 0]);
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segment(code: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        append(&mut bytes, code, payload);
        bytes
    }

    fn frame(width: u16, height: u16) -> Vec<u8> {
        let mut payload = vec![8];
        payload.extend(height.to_be_bytes());
        payload.extend(width.to_be_bytes());
        payload.extend([1, 1, 0x11, 0]);
        segment(0xc0, &payload)
    }

    /// An image with these segments before its frame.
    fn image(segments: &[Vec<u8>]) -> Vec<u8> {
        let scan = [
            segment(SCAN, &[1, 1, 0, 0, 63, 0]),
            b"\x12\xff\0\x34\xff\xd0\x56".to_vec(),
        ];
        [
            vec![MARKER, START],
            segments.concat(),
            frame(2, 2),
            scan.concat(),
            vec![MARKER, END],
        ]
        .concat()
    }

    fn filtered(bytes: &[u8], piece: usize) -> Result<Vec<u8>, Fault> {
        let (mut jpeg, mut out) = (Jpeg::new(1000), Vec::new());
        for some in bytes.chunks(piece) {
            jpeg.push(some, &mut out)?;
        }
        jpeg.finish()?;
        Ok(out)
    }

    /// EXIF with an orientation and a text that is to go.
    fn exif(orientation: u8) -> Vec<u8> {
        let mut payload = EXIF.to_vec();
        payload.extend(b"II*\0\x08\0\0\0\x02\0");
        payload.extend(b"\x0f\x01\x02\0\x04\0\0\0SECR");
        payload.extend([
            0x12,
            0x01,
            3,
            0,
            1,
            0,
            0,
            0,
            orientation,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ]);
        payload.extend(b"GPS SECRET");
        segment(0xe1, &payload)
    }

    #[test]
    fn push_removes_metadata_and_keeps_the_picture_in_pieces_of_any_size() {
        let jfif = segment(0xe0, b"JFIF\0");
        let icc = segment(0xe2, b"ICC_PROFILE\0\x01\x01profile");
        let dirty = image(&[
            jfif.clone(),
            exif(1),
            segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0SECRET"),
            icc.clone(),
            segment(0xe2, b"MPF\0SECRET"),
            segment(0xed, b"Photoshop 3.0\0SECRET"),
            segment(0xfe, b"SECRET"),
            segment(0xee, b"Adobe"),
        ]);
        let clean = image(&[jfif, icc, segment(0xee, b"Adobe")]);
        let with_trailer = [dirty, b"PK\x03\x04 SECRET".to_vec()].concat();
        for piece in [1, 2, 3, 7, 64, 10_000] {
            assert_eq!(filtered(&with_trailer, piece), Ok(clean.clone()), "{piece}");
        }
        assert_eq!(filtered(&clean, 5), Ok(clean));
    }

    #[test]
    fn push_keeps_the_orientation_alone() {
        let out = filtered(&image(&[exif(6)]), 9).unwrap();
        let kept = segment(0xe1, &orientation_only(6));
        assert_eq!(out, image(std::slice::from_ref(&kept)));
        assert_eq!(orientation(&kept[4..]), Some(6));
        assert!(!out.windows(6).any(|window| window == b"SECRET"));
    }

    #[test]
    fn push_between_the_scans_of_a_progressive_image_removes_metadata() {
        let end = vec![MARKER, END];
        let mut dirty = image(&[]);
        dirty.truncate(dirty.len() - 2);
        let scan = segment(SCAN, &[1, 1, 0, 0, 63, 0]);
        let clean = [dirty.clone(), scan.clone(), b"ab".to_vec(), end.clone()].concat();
        let dirty = [dirty, segment(0xfe, b"SECRET"), scan, b"ab".to_vec(), end].concat();
        assert_eq!(filtered(&dirty, 4), Ok(clean));
    }

    #[test]
    fn push_of_malformed_or_huge_images_is_a_fault() {
        let end = image(&[]).len() - 2;
        // A missing end marker is no fault.
        assert!(filtered(&image(&[])[..end], 3).is_ok());
        for wrong in [
            &b"\xff\xd8"[..],
            b"\xff\xd8\xff\xd9",
            b"\xff\xd8\xff\xe1\0\0",
            b"\xff\xd8text",
            b"\xff\xd8\xff\x05",
            &image(&[])[..20],
        ] {
            assert_eq!(filtered(wrong, 2), Err(Fault::Malformed), "{wrong:?}");
        }
        let huge = [vec![MARKER, START], frame(30_000, 30_000)].concat();
        assert_eq!(filtered(&huge, 100), Err(Fault::TooManyPixels));
    }

    proptest! {
        #[test]
        fn push_of_any_bytes_is_the_same_in_any_pieces_and_never_longer(
            bytes in prop::collection::vec(prop_oneof![Just(0xff_u8), Just(0), Just(0xe1), any::<u8>()], 0..300),
            piece in 1_usize..20,
        ) {
            let bytes = [b"\xff\xd8".to_vec(), bytes].concat();
            let whole = filtered(&bytes, bytes.len());
            prop_assert_eq!(filtered(&bytes, piece), whole.clone());
            if let Ok(out) = whole {
                prop_assert!(out.len() <= bytes.len());
            }
        }
    }
}
