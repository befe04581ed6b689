//! WebP (RFC 9649). The length of the whole file is at its beginning, so metadata is overwritten rather
//! than cut out: readers skip chunks that they do not know.

use super::Fault;

/// `RIFF`, the length, `WEBP`.
const FILE_HEADER: usize = 12;
/// Type and length.
const CHUNK_HEADER: usize = 8;
/// A type that nobody knows, for chunks that are overwritten.
const BLANK: &[u8] = b"JUNK";
/// The bits of `VP8X` that announce EXIF and XMP.
const METADATA_FLAGS: u8 = 0x08 | 0x04;

/// Overwrites metadata in a WebP image as it arrives. Its size is checked by its head.
#[derive(Debug, Default)]
pub(crate) struct Webp {
    /// A header, as far as it has arrived.
    header: Vec<u8>,
    has_file_header: bool,
    has_picture: bool,
    /// Bytes left of the current chunk.
    left: u64,
    how: How,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum How {
    #[default]
    Copy,
    /// Zeros instead.
    Blank,
    /// The next byte has flags; then copy.
    Flags,
}

impl Webp {
    /// Takes the next bytes and appends what is kept to `out`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        while let Some((first, after)) = bytes.split_first() {
            if self.left == 0 {
                self.header.push(*first);
                bytes = after;
                self.read_header(out)?;
                continue;
            }
            if self.how == How::Flags {
                out.push(first & !METADATA_FLAGS);
                (self.how, self.left) = (How::Copy, self.left.saturating_sub(1));
                bytes = after;
                continue;
            }
            let most = usize::try_from(self.left).unwrap_or(usize::MAX);
            let (taken, rest) = bytes.split_at(bytes.len().min(most));
            match self.how {
                How::Blank => out.resize(out.len().saturating_add(taken.len()), 0),
                How::Copy | How::Flags => out.extend_from_slice(taken),
            }
            self.left = self
                .left
                .saturating_sub(u64::try_from(taken.len()).unwrap_or(self.left));
            bytes = rest;
        }
        Ok(())
    }

    /// Whether what arrived is a whole image.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        // A padding byte may be missing at the end.
        let is_whole = self.header.is_empty() && self.left <= 1;
        (self.has_picture && is_whole)
            .then_some(())
            .ok_or(Fault::Malformed)
    }

    fn read_header(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if !self.has_file_header {
            if self.header.len() == FILE_HEADER {
                out.append(&mut self.header);
                self.has_file_header = true;
            }
            return Ok(());
        }
        if self.header.len() < CHUNK_HEADER {
            return Ok(());
        }
        let (Some((kind, length)), true) = (
            self.header.split_first_chunk::<4>(),
            self.header.len() == CHUNK_HEADER,
        ) else {
            return Err(Fault::Malformed);
        };
        let length = length.try_into().map_err(|_| Fault::Malformed)?;
        let length = u64::from(u32::from_le_bytes(length));
        self.how = match kind {
            b"EXIF" | b"XMP " => How::Blank,
            b"VP8X" => How::Flags,
            _ => How::Copy,
        };
        self.has_picture |= matches!(kind, b"VP8 " | b"VP8L" | b"ANMF");
        if self.how == How::Blank {
            out.extend_from_slice(BLANK);
            out.extend(self.header.iter().skip(BLANK.len()));
        } else {
            out.extend_from_slice(&self.header);
        }
        // Chunks have an even number of bytes.
        self.left = length.saturating_add(length % 2);
        self.header.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        let padding: &[u8] = if data.len() % 2 == 1 { b"\0" } else { b"" };
        [kind, &length.to_le_bytes()[..], data, padding].concat()
    }

    fn filtered(bytes: &[u8], piece: usize) -> Result<Vec<u8>, Fault> {
        let (mut webp, mut out) = (Webp::default(), Vec::new());
        for some in bytes.chunks(piece) {
            webp.push(some, &mut out)?;
        }
        webp.finish()?;
        Ok(out)
    }

    #[test]
    fn push_overwrites_metadata_and_clears_its_flags() {
        let image = |flags: u8, kinds: [&[u8; 4]; 2], text: &[u8]| {
            let chunks = [
                chunk(b"VP8X", &[flags, 0, 0, 0, 9, 0, 0, 9, 0, 0]),
                chunk(b"VP8 ", b"picture"),
                chunk(kinds[0], text),
                chunk(kinds[1], text),
            ];
            [b"RIFF\x99\0\0\0WEBP".to_vec(), chunks.concat()].concat()
        };
        let dirty = image(0x1c, [b"EXIF", b"XMP "], b"SECRET!");
        let clean = image(0x10, [b"JUNK", b"JUNK"], &[0; 7]);
        for piece in [1, 2, 9, 1000] {
            assert_eq!(filtered(&dirty, piece), Ok(clean.clone()), "{piece}");
        }
    }

    #[test]
    fn push_of_malformed_images_is_a_fault() {
        for wrong in [
            b"RIFF\0\0\0\0WEBP".to_vec(),
            [
                b"RIFF\0\0\0\0WEBP".to_vec(),
                chunk(b"VP8 ", b"picture")[..10].to_vec(),
            ]
            .concat(),
            [b"RIFF\0\0\0\0WEBP".to_vec(), chunk(b"EXIF", b"ab")].concat(),
        ] {
            assert_eq!(filtered(&wrong, 2), Err(Fault::Malformed), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn push_of_any_bytes_never_grows(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..20) {
            if let Ok(out) = filtered(&bytes, piece) {
                prop_assert!(out.len() <= bytes.len());
            }
        }
    }
}
