//! PNG (W3C, third edition).

use super::Fault;

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// Chunks that say nothing about how the picture looks.
const METADATA: [&[u8]; 5] = [b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME"];
/// Longest chunk (section 5.3).
const MAX_LENGTH: u32 = 0x7fff_ffff;
/// Bytes of the checksum after the data of a chunk.
const CHECKSUM: u64 = 4;

/// Removes metadata from a PNG image as it arrives. Its size is checked by its head.
#[derive(Debug, Default)]
pub(crate) struct Png {
    state: State,
    /// The signature, or length and type of a chunk, as far as they have arrived.
    header: Vec<u8>,
    has_picture: bool,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Signature,
    Header,
    /// So many bytes of a chunk are left; whether they are copied, and whether they are the last ones.
    Rest {
        left: u64,
        copy: bool,
        last: bool,
    },
    End,
}

impl Png {
    /// Takes the next bytes and appends what is kept to `out`.
    pub(crate) fn push(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        while !bytes.is_empty() {
            match self.state {
                State::Signature | State::Header => {
                    let room = SIGNATURE.len().saturating_sub(self.header.len());
                    let (taken, rest) = bytes.split_at(bytes.len().min(room));
                    self.header.extend_from_slice(taken);
                    bytes = rest;
                    if self.header.len() == SIGNATURE.len() {
                        self.read_header(out)?;
                        self.header.clear();
                    }
                }
                State::Rest { left, copy, last } => {
                    let most = usize::try_from(left).unwrap_or(usize::MAX);
                    let (taken, rest) = bytes.split_at(bytes.len().min(most));
                    if copy {
                        out.extend_from_slice(taken);
                    }
                    bytes = rest;
                    let taken = u64::try_from(taken.len()).unwrap_or(left);
                    self.state = match left.saturating_sub(taken) {
                        0 if last => State::End,
                        0 => State::Header,
                        left => State::Rest { left, copy, last },
                    };
                }
                State::End => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether what arrived is a whole image.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        match self.state {
            State::End if self.has_picture => Ok(()),
            _ => Err(Fault::Malformed),
        }
    }

    /// Takes the signature, or decides on a chunk.
    fn read_header(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        if matches!(self.state, State::Signature) {
            if self.header != SIGNATURE {
                return Err(Fault::Malformed);
            }
            out.extend_from_slice(SIGNATURE);
            self.state = State::Header;
            return Ok(());
        }
        let Some((length, kind)) = self.header.split_first_chunk::<4>() else {
            return Err(Fault::Malformed);
        };
        let length = u32::from_be_bytes(*length);
        if length > MAX_LENGTH || !kind.iter().all(u8::is_ascii_alphabetic) {
            return Err(Fault::Malformed);
        }
        self.has_picture |= kind == b"IDAT";
        let copy = !METADATA.contains(&kind);
        if copy {
            out.extend_from_slice(&self.header);
        }
        self.state = State::Rest {
            left: u64::from(length).saturating_add(CHECKSUM),
            copy,
            last: kind == b"IEND",
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        [&length.to_be_bytes()[..], kind, data, b"sum!"].concat()
    }

    fn filtered(bytes: &[u8], piece: usize) -> Result<Vec<u8>, Fault> {
        let (mut png, mut out) = (Png::default(), Vec::new());
        for some in bytes.chunks(piece) {
            png.push(some, &mut out)?;
        }
        png.finish()?;
        Ok(out)
    }

    #[test]
    fn push_removes_metadata_and_keeps_the_picture_in_pieces_of_any_size() {
        let head = [SIGNATURE.to_vec(), chunk(b"IHDR", &[0; 13])].concat();
        let picture = [
            chunk(b"gAMA", b"1234"),
            chunk(b"IDAT", &[7; 500]),
            chunk(b"IEND", b""),
        ]
        .concat();
        let metadata = [
            chunk(b"eXIf", b"SECRET"),
            chunk(b"tEXt", b"SECRET"),
            chunk(b"zTXt", b"SECRET"),
            chunk(b"iTXt", b"SECRET"),
            chunk(b"tIME", b"SECRET"),
        ];
        let dirty = [
            head.clone(),
            metadata.concat(),
            picture.clone(),
            b"<script>".to_vec(),
        ]
        .concat();
        let clean = [head, picture].concat();
        for piece in [1, 3, 8, 100, 10_000] {
            assert_eq!(filtered(&dirty, piece), Ok(clean.clone()), "{piece}");
        }
    }

    #[test]
    fn push_of_malformed_images_is_a_fault() {
        let end = chunk(b"IEND", b"");
        for wrong in [
            b"\x89PNG".to_vec(),
            b"\x89PNG\r\n\x1a\r".to_vec(),
            [SIGNATURE, &end].concat(),
            [SIGNATURE, b"\xff\xff\xff\xffIDAT"].concat(),
            [SIGNATURE, b"\0\0\0\0I<AT"].concat(),
            [SIGNATURE, &chunk(b"IDAT", b"cut short")[..12]].concat(),
        ] {
            assert_eq!(filtered(&wrong, 3), Err(Fault::Malformed), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn push_of_any_bytes_never_grows(bytes in prop::collection::vec(any::<u8>(), 0..300), piece in 1_usize..20) {
            let bytes = [SIGNATURE.to_vec(), bytes].concat();
            if let Ok(out) = filtered(&bytes, piece) {
                prop_assert!(out.len() <= bytes.len());
            }
        }
    }
}
