//! What a model receives of a file: an image as it is, text and the text of PDF documents as text.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::{
    conversations::types::Attachment,
    documents::extraction::{self, Limits},
    files::{
        files,
        types::{ByteRange, Error},
    },
};
use spin_sdk::wit_bindgen::{StreamReader, StreamResult};

/// Most bytes of all images of a prompt, and of a PDF document.
const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// Most characters of a file's text (Unicode scalar values).
const MAX_CHARACTERS: u32 = 100_000;
/// Most characters of all files of earlier messages.
const MAX_EARLIER_CHARACTERS: usize = 400_000;
/// Most files of earlier messages.
const MAX_EARLIER_FILES: usize = 20;
/// Most pages of a PDF document.
const MAX_PAGES: u32 = 100;
/// Most bytes of one read.
const BUFFER: usize = 64 * 1024;

/// Why a model does not receive a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It was deleted.
    Gone,
    /// The model takes no images.
    NoImages,
    /// No model receives such files.
    Unsupported,
    /// It cannot be read as its type. A predicate of which it is the subject.
    Unreadable(String),
    /// The limits of the prompt are used up.
    NoRoom,
    /// The store failed. For the log.
    Unavailable(String),
}

/// The content of a file for a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A data URL.
    Image(String),
    Text(FileText),
}

/// The text of a file, or its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileText {
    pub(super) text: String,
    /// Which beginning it is, if it is not all of it.
    pub(super) cut: Option<String>,
}

/// The format of a text that is kept with its file: the number of this version, which changes with what is read of a
/// document, in a line of its own; which beginning it is, in another one; and the text.
const KEPT: &str = "1";

impl FileText {
    fn to_kept(&self) -> String {
        let cut = self.cut.as_deref().unwrap_or_default();
        format!("{KEPT}\n{cut}\n{}", self.text)
    }

    /// None if another version has kept it.
    fn parse(kept: &str) -> Option<Self> {
        let (version, rest) = kept.split_once('\n')?;
        let (cut, text) = rest.split_once('\n').filter(|_| version == KEPT)?;
        Some(Self {
            text: text.to_owned(),
            cut: (!cut.is_empty()).then(|| cut.to_owned()),
        })
    }
}

enum Kind {
    /// With the media type under which models know it.
    Image(&'static str),
    Text,
    Pdf,
    Other,
}

/// What may still be added to a prompt.
pub(crate) struct Budget {
    /// Whether the model takes images.
    images: bool,
    image_bytes: u64,
    earlier_characters: usize,
    earlier_files: usize,
    /// Failures of the store that the model was told of as files that cannot be read, for the log.
    pub(crate) warnings: Vec<String>,
}

impl Budget {
    pub(crate) fn new(images: bool) -> Self {
        Self {
            images,
            image_bytes: MAX_BYTES,
            earlier_characters: MAX_EARLIER_CHARACTERS,
            earlier_files: MAX_EARLIER_FILES,
            warnings: Vec::new(),
        }
    }

    /// Reads an attachment of the message that is answered.
    pub(super) async fn read(
        &mut self,
        user: &str,
        attachment: &Attachment,
    ) -> Result<Content, Fault> {
        let size = attachment.size;
        match kind(&attachment.media_type) {
            Kind::Image(_) if !self.images => Err(Fault::NoImages),
            Kind::Image(media_type) => {
                let left = self.image_bytes.checked_sub(size).ok_or(Fault::NoRoom)?;
                self.image_bytes = left;
                let bytes = read_bytes(user, attachment, size).await?;
                let mut url = format!("data:{media_type};base64,");
                STANDARD.encode_string(&bytes, &mut url);
                Ok(Content::Image(url))
            }
            Kind::Text => {
                // A character has at most four bytes.
                let most = u64::from(MAX_CHARACTERS).saturating_mul(4);
                let bytes = read_bytes(user, attachment, size.min(most)).await?;
                decode(&bytes, size > most).map(Content::Text)
            }
            Kind::Pdf if size > MAX_BYTES => {
                Err(Fault::Unreadable("is a PDF of more than 10 MiB".to_owned()))
            }
            Kind::Pdf => self.read_pdf(user, attachment).await.map(Content::Text),
            Kind::Other => Err(Fault::Unsupported),
        }
    }

    /// The text of a PDF document. It is kept with the file, so that it is read out of the document only once.
    async fn read_pdf(&mut self, user: &str, attachment: &Attachment) -> Result<FileText, Fault> {
        let id = &attachment.id;
        let kept = files::get_text(user.to_owned(), id.clone()).await;
        let kept = kept.map_err(fault)?.as_deref().and_then(FileText::parse);
        if let Some(text) = kept {
            return Ok(text);
        }
        let text = read_pdf(user, attachment).await?;
        match files::put_text(user.to_owned(), id.clone(), text.to_kept()).await {
            Ok(()) | Err(Error::TooLarge(_)) => {}
            Err(Error::NotFound) => return Err(Fault::Gone),
            Err(error) => self
                .warnings
                .push(format!("the text of a PDF document is not kept: {error:?}")),
        }
        Ok(text)
    }

    /// Reads an attachment of an earlier message.
    pub(super) async fn read_earlier(
        &mut self,
        user: &str,
        attachment: &Attachment,
    ) -> Result<Content, Fault> {
        if self.earlier_characters == 0 {
            return Err(Fault::NoRoom);
        }
        self.earlier_files = self.earlier_files.checked_sub(1).ok_or(Fault::NoRoom)?;
        let content = self.read(user, attachment).await?;
        if let Content::Text(file) = &content {
            let characters = file.text.chars().count();
            let left = self.earlier_characters.checked_sub(characters);
            self.earlier_characters = left.unwrap_or(0);
            left.ok_or(Fault::NoRoom)?;
        }
        Ok(content)
    }
}

fn kind(media_type: &str) -> Kind {
    match media_type {
        "image/png" | "image/apng" => Kind::Image("image/png"),
        "image/jpeg" => Kind::Image("image/jpeg"),
        "image/gif" => Kind::Image("image/gif"),
        "image/webp" => Kind::Image("image/webp"),
        "application/pdf" => Kind::Pdf,
        "application/json" | "application/xml" | "image/svg+xml" => Kind::Text,
        text if text.starts_with("text/") && text != "text/rtf" => Kind::Text,
        _ => Kind::Other,
    }
}

fn fault(error: Error) -> Fault {
    match error {
        Error::NotFound => Fault::Gone,
        Error::Unavailable(cause) => Fault::Unavailable(cause),
        Error::UnsupportedType(_)
        | Error::TooLarge(_)
        | Error::StorageFull(_)
        | Error::Invalid(_)
        | Error::Incomplete => Fault::Unavailable(format!("a file cannot be read: {error:?}")),
    }
}

/// The first `end` bytes of a file.
async fn read_bytes(user: &str, attachment: &Attachment, end: u64) -> Result<Vec<u8>, Fault> {
    if end == 0 {
        return Ok(Vec::new());
    }
    let range = ByteRange { start: 0, end };
    let opened = files::open(user.to_owned(), attachment.id.clone(), range).await;
    let (mut content, complete) = opened.map_err(fault)?;
    let mut bytes = Vec::with_capacity(usize::try_from(end).unwrap_or(0));
    read_all(&mut content, &mut bytes).await;
    complete.await.map_err(fault)?;
    Ok(bytes)
}

async fn read_all(content: &mut StreamReader<u8>, bytes: &mut Vec<u8>) {
    loop {
        let (status, some) = content.read(Vec::with_capacity(BUFFER)).await;
        bytes.extend_from_slice(&some);
        if !matches!(status, StreamResult::Complete(_)) {
            return;
        }
    }
}

/// The content goes from the store to the component that reads it.
async fn read_pdf(user: &str, attachment: &Attachment) -> Result<FileText, Fault> {
    let range = ByteRange {
        start: 0,
        end: attachment.size,
    };
    let opened = files::open(user.to_owned(), attachment.id.clone(), range).await;
    let (content, complete) = opened.map_err(fault)?;
    let limits = Limits {
        max_bytes: MAX_BYTES,
        max_pages: MAX_PAGES,
        max_characters: MAX_CHARACTERS,
    };
    let extracted = extraction::pdf_text(content, limits).await;
    complete.await.map_err(fault)?;
    let extracted = extracted.map_err(|error| {
        Fault::Unreadable(match error {
            extraction::Error::Invalid(why) => why,
            extraction::Error::TooLarge(_) => "is a PDF of more than 10 MiB".to_owned(),
        })
    })?;
    if extracted.text.trim().is_empty() {
        let why = "has no text, and PDF documents are sent as text; it may be a scan";
        return Err(Fault::Unreadable(why.to_owned()));
    }
    let (pages, total) = (extracted.pages, extracted.total_pages);
    let cut = match (extracted.is_cut, pages < total) {
        (false, _) => None,
        (true, true) => Some(format!("the first {pages} of {total} pages")),
        (true, false) => Some(first_characters()),
    };
    Ok(FileText {
        text: extracted.text,
        cut,
    })
}

fn first_characters() -> String {
    format!("the first {MAX_CHARACTERS} characters")
}

/// Text in UTF-8, or in UTF-16 with a byte order mark. `has_more` says that the file goes on.
fn decode(bytes: &[u8], has_more: bool) -> Result<FileText, Fault> {
    let wrong = || Fault::Unreadable("is not text in UTF-8".to_owned());
    let text = match bytes {
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest, has_more),
        rest => utf8(rest, has_more),
    };
    let text = text.ok_or_else(wrong)?;
    let most = usize::try_from(MAX_CHARACTERS).unwrap_or(usize::MAX);
    let end = text.char_indices().nth(most).map(|(end, _)| end);
    let cut = (has_more || end.is_some()).then(first_characters);
    let mut text = text;
    text.truncate(end.unwrap_or(text.len()));
    Ok(FileText { text, cut })
}

fn utf8(bytes: &[u8], has_more: bool) -> Option<String> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.to_owned()),
        // The end of what was read may be within a character.
        Err(error) if has_more && error.error_len().is_none() => {
            let whole = bytes.get(..error.valid_up_to())?;
            std::str::from_utf8(whole).ok().map(str::to_owned)
        }
        Err(_) => None,
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [first, second] => unit([*first, *second]),
        _ => 0,
    });
    let characters = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(characters.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], has_more: bool) -> Option<(String, bool)> {
        let file = decode(bytes, has_more).ok()?;
        Some((file.text, file.cut.is_some()))
    }

    #[test]
    fn decode_takes_utf8_and_utf16_with_a_mark() {
        let whole = |text: &str| Some((text.to_owned(), false));
        assert_eq!(decoded("äx".as_bytes(), false), whole("äx"));
        assert_eq!(decoded(b"\xef\xbb\xbfx", false), whole("x"));
        assert_eq!(decoded(b"\xfe\xff\0x", false), whole("x"));
        assert_eq!(decoded(b"\xff\xfex\0\x3d\xd8\x1f\xdc", false), whole("x🐟"));
        assert_eq!(decoded(b"", false), whole(""));
        assert_eq!(decoded(b"a\xff", false), None);
        assert_eq!(decoded(b"a\xc3", false), None);
    }

    #[test]
    fn decode_of_a_longer_file_is_its_beginning() {
        assert_eq!(decoded(b"a\xc3", true), Some(("a".to_owned(), true)));
        assert_eq!(decoded(b"a\xffb", true), None);
        let long = "ä".repeat(100_001);
        let (text, is_cut) = decoded(long.as_bytes(), false).unwrap();
        assert_eq!((text.chars().count(), is_cut), (100_000, true));
    }

    #[test]
    fn kept_text_is_read_again_and_that_of_another_version_is_not() {
        for cut in [None, Some("the first 2 of 3 pages".to_owned())] {
            let text = "one\n\ntwo".to_owned();
            let file = FileText { text, cut };
            assert_eq!(FileText::parse(&file.to_kept()), Some(file));
        }
        for other in ["", "1", "1\n", "0\n\ntext"] {
            assert_eq!(FileText::parse(other), None, "{other}");
        }
    }

    #[test]
    fn kind_is_that_of_the_media_type() {
        assert!(matches!(kind("image/apng"), Kind::Image("image/png")));
        for text in [
            "text/plain",
            "text/markdown",
            "text/html",
            "application/json",
            "image/svg+xml",
        ] {
            assert!(matches!(kind(text), Kind::Text), "{text}");
        }
        for other in ["application/zip", "image/avif", "text/rtf", "video/mp4", ""] {
            assert!(matches!(kind(other), Kind::Other), "{other}");
        }
    }
}
