//! A file as it arrives: its type is decided by its first bytes, its limits hold while it arrives, and
//! metadata of images is removed on the way.

use crate::images::jpeg::Jpeg;
use crate::images::png::Png;
use crate::images::webp::Webp;
use crate::images::{self, Fault};
use crate::media_type::{self, HEAD_BYTES};
use crate::{Purpose, Rejection};

/// What the client says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// What it is for.
    pub purpose: Purpose,
    /// The clean name; see [`crate::name::clean`].
    pub name: String,
    /// The media type; empty if none is declared.
    pub media_type: String,
}

/// A file that is arriving. Memory is bounded, whatever arrives.
#[derive(Debug)]
pub struct Intake {
    declared: Declared,
    max_bytes: u64,
    received: u64,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Its beginning, as far as it has arrived.
    Head(Vec<u8>),
    Judged(&'static str, Filter),
}

#[derive(Debug)]
enum Filter {
    Nothing,
    Jpeg(Jpeg),
    Png(Png),
    Webp(Webp),
}

impl Intake {
    /// A file of which nothing has arrived. `max_bytes` is the limit for what arrives.
    pub fn new(declared: Declared, max_bytes: u64) -> Self {
        Self {
            declared,
            max_bytes,
            received: 0,
            stage: Stage::Head(Vec::new()),
        }
    }

    /// Takes the next bytes and appends those that are to be stored to `out`.
    ///
    /// # Errors
    /// As soon as it is clear that the file is not accepted.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Rejection> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.received = self.received.saturating_add(length);
        if self.received > self.max_bytes {
            return Err(Rejection::TooLarge(self.max_bytes));
        }
        match &mut self.stage {
            Stage::Judged(_, filter) => filter.push(bytes, out),
            Stage::Head(head) => {
                head.extend_from_slice(bytes);
                if head.len() < HEAD_BYTES {
                    return Ok(());
                }
                self.judge(out)
            }
        }
    }

    /// The media type; none before enough has arrived.
    pub fn media_type(&self) -> Option<&'static str> {
        match &self.stage {
            Stage::Head(_) => None,
            Stage::Judged(media_type, _) => Some(media_type),
        }
    }

    /// Ends the file, appends what is still to be stored, and returns its media type.
    ///
    /// # Errors
    /// If the file is not accepted.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Result<&'static str, Rejection> {
        if matches!(self.stage, Stage::Head(_)) {
            self.judge(out)?;
        }
        match &self.stage {
            Stage::Judged(media_type, filter) => filter.finish().map(|()| *media_type),
            Stage::Head(_) => Err(malformed()),
        }
    }

    /// Decides by the head, and begins to filter.
    fn judge(&mut self, out: &mut Vec<u8>) -> Result<(), Rejection> {
        let Stage::Head(head) = &mut self.stage else {
            return Ok(());
        };
        let head = std::mem::take(head);
        let Declared {
            purpose,
            name,
            media_type,
        } = &self.declared;
        let found = media_type::detect(&head, name, media_type);
        if !purpose.accepts(found) {
            return Err(unsupported(found, *purpose));
        }
        let declared = media_type::essence(media_type);
        let says_nothing = declared.is_empty() || declared == media_type::UNKNOWN;
        // `image/jpg` is common, but was never registered.
        let is_accepted = says_nothing || declared == "image/jpg" || purpose.accepts(&declared);
        if !is_accepted {
            return Err(unsupported(&declared, *purpose));
        }
        let max_pixels = purpose.max_pixels();
        if images::pixels(&head).is_some_and(|pixels| pixels > max_pixels) {
            return Err(rejected(Fault::TooManyPixels));
        }
        let mut filter = match found {
            "image/jpeg" => Filter::Jpeg(Jpeg::new(max_pixels)),
            "image/png" | "image/apng" => Filter::Png(Png::default()),
            "image/webp" => Filter::Webp(Webp::default()),
            _ => Filter::Nothing,
        };
        filter.push(&head, out)?;
        self.stage = Stage::Judged(found, filter);
        Ok(())
    }
}

impl Filter {
    fn push(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Rejection> {
        let pushed = match self {
            Self::Nothing => {
                out.extend_from_slice(bytes);
                Ok(())
            }
            Self::Jpeg(jpeg) => jpeg.push(bytes, out),
            Self::Png(png) => png.push(bytes, out),
            Self::Webp(webp) => webp.push(bytes, out),
        };
        pushed.map_err(rejected)
    }

    fn finish(&self) -> Result<(), Rejection> {
        let finished = match self {
            Self::Nothing => Ok(()),
            Self::Jpeg(jpeg) => jpeg.finish(),
            Self::Png(png) => png.finish(),
            Self::Webp(webp) => webp.finish(),
        };
        finished.map_err(rejected)
    }
}

fn rejected(fault: Fault) -> Rejection {
    match fault {
        Fault::Malformed => malformed(),
        Fault::TooManyPixels => Rejection::Invalid("has too many pixels".to_owned()),
    }
}

fn malformed() -> Rejection {
    Rejection::Invalid("is not a complete image of the format that it begins as".to_owned())
}

fn unsupported(found: &str, purpose: Purpose) -> Rejection {
    // What is declared is the client's text.
    let shown: String = found
        .chars()
        .filter(char::is_ascii_graphic)
        .take(80)
        .collect();
    Rejection::UnsupportedType(format!(
        "is {shown}, accepted are {}",
        purpose.media_types().join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(
        purpose: Purpose,
        declared: &str,
        bytes: &[u8],
    ) -> Result<(&'static str, Vec<u8>), Rejection> {
        let declared = Declared {
            purpose,
            name: "a".to_owned(),
            media_type: declared.to_owned(),
        };
        let (mut intake, mut out) = (Intake::new(declared, 100_000), Vec::new());
        for some in bytes.chunks(1000) {
            intake.push(some, &mut out)?;
        }
        let media_type = intake.finish(&mut out)?;
        Ok((media_type, out))
    }

    #[test]
    fn push_beyond_the_limit_is_too_large_at_once() {
        let declared = Declared {
            purpose: Purpose::File,
            name: "a".to_owned(),
            media_type: String::new(),
        };
        let (mut intake, mut out) = (Intake::new(declared, 10), Vec::new());
        assert_eq!(intake.push(&[0; 10], &mut out), Ok(()));
        assert_eq!(intake.push(&[0], &mut out), Err(Rejection::TooLarge(10)));
    }

    #[test]
    fn finish_of_other_files_returns_their_bytes_unchanged() {
        let text = "Hello ".repeat(5000).into_bytes();
        assert_eq!(take(Purpose::File, "", &text), Ok(("text/plain", text)));
        assert_eq!(take(Purpose::File, "", b""), Ok(("text/plain", Vec::new())));
    }

    #[test]
    fn push_of_a_type_that_the_purpose_does_not_take_is_unsupported() {
        for (declared, content) in [
            ("image/png", &b"<svg/>"[..]),
            ("image/png", b"plain"),
            ("text/html", b"GIF89a\x01\0\x01\0\x80\0\0"),
        ] {
            let taken = take(Purpose::Avatar, declared, content);
            assert!(
                matches!(taken, Err(Rejection::UnsupportedType(_))),
                "{taken:?}"
            );
        }
        let gif = b"GIF89a\x01\0\x01\0\x80\0\0";
        for declared in ["image/png", "", "application/octet-stream", "image/jpg"] {
            assert!(take(Purpose::Avatar, declared, gif).is_ok(), "{declared}");
        }
    }

    #[test]
    fn push_of_an_image_with_too_many_pixels_is_invalid() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x75\x30\0\0\x75\x30\x08\x06\0\0\0sum!";
        let gif = b"GIF89a\xff\xff\xff\xff\x80\0\0";
        for image in [&png[..], gif] {
            for purpose in [Purpose::File, Purpose::Avatar] {
                let taken = take(purpose, "", image);
                assert!(matches!(taken, Err(Rejection::Invalid(_))), "{taken:?}");
            }
        }
    }

    #[test]
    fn finish_of_an_incomplete_image_is_invalid() {
        for image in [
            &b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..],
            b"\xff\xd8\xff\xe0\0\x10JFIF",
        ] {
            let taken = take(Purpose::File, "", image);
            assert_eq!(taken, Err(malformed()));
        }
    }
}
