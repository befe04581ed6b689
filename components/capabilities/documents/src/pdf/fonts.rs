//! Fonts: the characters and widths of their codes.

use std::collections::HashMap;

use super::cmap::Cmap;
use super::document::Document;
use super::encodings::{Encoding, of_glyph_name};
use super::fuel::Fault;
use super::object::{Dict, Object};

/// Most bytes of a character map.
const CMAP_MAX: usize = 2 * 1024 * 1024;
/// Most widths of a font.
const WIDTHS_MAX: usize = 70_000;
/// What finding a font, and a glyph by its name, costs.
const FONT_WORK: usize = 50_000;
const NAME_WORK: usize = 4_096;
/// The width of a character whose width is not known, in units of the font size.
const DEFAULT_WIDTH: f64 = 0.5;

/// A font, as far as it matters for text.
#[derive(Default)]
pub(super) struct Font {
    /// Bytes of a code.
    bytes: usize,
    to_unicode: Option<Cmap>,
    /// Of codes of one byte.
    characters: HashMap<u32, String>,
    /// Whether a code is a unit of UTF-16.
    is_utf16: bool,
    /// In units of the font size.
    widths: HashMap<u32, f64>,
    default_width: f64,
}

/// What a code shows.
pub(super) struct Shown {
    pub(super) text: String,
    /// In units of the font size.
    pub(super) width: f64,
    /// Whether spacing of words applies.
    pub(super) is_space: bool,
}

impl Font {
    /// A font about which nothing is known.
    pub(super) fn unknown() -> Self {
        let mut font = Self {
            bytes: 1,
            default_width: DEFAULT_WIDTH,
            ..Self::default()
        };
        font.add_encoding(Encoding::WinAnsi);
        font
    }

    pub(super) fn read(document: &Document<'_>, font: &Dict) -> Result<Self, Fault> {
        document.fuel.take(FONT_WORK)?;
        let to_unicode = document.get(font, "ToUnicode")?;
        let to_unicode = match document.content(&to_unicode, CMAP_MAX) {
            Ok(content) => Some(Cmap::parse(&content)),
            Err(Fault::Malformed) => None,
            Err(fault) => return Err(fault),
        };
        let mut read = Self {
            bytes: 1,
            to_unicode,
            default_width: DEFAULT_WIDTH,
            ..Self::default()
        };
        if font.is("Subtype", "Type0") {
            read.read_composite(document, font)?;
        } else {
            read.read_simple(document, font)?;
        }
        Ok(read)
    }

    fn read_simple(&mut self, document: &Document<'_>, font: &Dict) -> Result<(), Fault> {
        let encoding = document.get(font, "Encoding")?;
        let base = match &encoding {
            Object::Dict(dict) => document.get(dict, "BaseEncoding")?,
            other => other.clone(),
        };
        let is_true_type = font.is("Subtype", "TrueType");
        let default = if is_true_type {
            Encoding::WinAnsi
        } else {
            Encoding::Standard
        };
        self.add_encoding(Encoding::of_name(base.name()).unwrap_or(default));
        if let Object::Dict(dict) = &encoding {
            let differences = document.get(dict, "Differences")?;
            let mut code = 0_u32;
            for item in differences.array().unwrap_or_default().iter().take(1024) {
                match item {
                    Object::Number(number) => code = *number as u32,
                    Object::Name(name) => {
                        document.fuel.take(NAME_WORK)?;
                        match of_glyph_name(name) {
                            Some(text) => self.characters.insert(code, text),
                            None => self.characters.remove(&code),
                        };
                        code = code.wrapping_add(1);
                    }
                    _ => {}
                }
            }
        }
        let first = document.get(font, "FirstChar")?.number().unwrap_or(0.0) as u32;
        let widths = document.get(font, "Widths")?;
        // Type 3 fonts have units of their own.
        let unit = match document.get(font, "FontMatrix")?.array() {
            Some([Object::Number(unit), ..]) => unit.abs(),
            _ => 0.001,
        };
        for (width, code) in widths
            .array()
            .unwrap_or_default()
            .iter()
            .zip(first..)
            .take(256)
        {
            if let Some(width) = document.resolve(width)?.number() {
                self.widths.insert(code, width * unit);
            }
        }
        Ok(())
    }

    fn read_composite(&mut self, document: &Document<'_>, font: &Dict) -> Result<(), Fault> {
        let encoding = document.get(font, "Encoding")?;
        let name = encoding.name().unwrap_or_default();
        self.is_utf16 = name.starts_with(b"Uni");
        let is_narrow = self.to_unicode.as_ref().is_some_and(Cmap::is_narrow);
        self.bytes = if is_narrow && !name.starts_with(b"Identity") {
            1
        } else {
            2
        };
        self.default_width = 1.0;
        let descendants = document.get(font, "DescendantFonts")?;
        let Some(descendant) = descendants.array().and_then(<[Object]>::first) else {
            return Ok(());
        };
        let descendant = document.resolve(descendant)?;
        let Some(descendant) = descendant.dict() else {
            return Ok(());
        };
        if let Some(width) = document.get(descendant, "DW")?.number() {
            self.default_width = width / 1000.0;
        }
        let widths = document.get(descendant, "W")?;
        let mut widths = widths.array().unwrap_or_default().iter();
        // `1 [500 600]` or `1 9 500`
        while let (Some(first), Some(second)) = (widths.next(), widths.next()) {
            let (first, second) = (document.resolve(first)?, document.resolve(second)?);
            let Some(first) = first.number() else { break };
            let first = first as u32;
            match second {
                Object::Array(list) => {
                    for (code, width) in (first..).zip(&list) {
                        self.add_width(code, width);
                    }
                }
                Object::Number(last) => {
                    let Some(width) = widths.next() else { break };
                    let last = (last as u32).min(first.saturating_add(0xffff));
                    document.fuel.take(64)?;
                    for code in first..=last {
                        self.add_width(code, width);
                    }
                }
                _ => break,
            }
        }
        Ok(())
    }

    fn add_width(&mut self, code: u32, width: &Object) {
        if let Some(width) = width.number()
            && self.widths.len() < WIDTHS_MAX
        {
            self.widths.insert(code, width / 1000.0);
        }
    }

    fn add_encoding(&mut self, encoding: Encoding) {
        for code in 0..=u8::MAX {
            if let Some(character) = encoding.get(code) {
                self.characters.insert(u32::from(code), character.into());
            }
        }
    }

    /// What the codes of a string show.
    pub(super) fn show<'a>(&'a self, string: &'a [u8]) -> impl Iterator<Item = Shown> + 'a {
        string.chunks(self.bytes.max(1)).map(|bytes| {
            let code = bytes
                .iter()
                .fold(0, |code, byte| code << 8 | u32::from(*byte));
            Shown {
                text: plain(self.text(code)),
                width: self
                    .widths
                    .get(&code)
                    .copied()
                    .unwrap_or(self.default_width),
                is_space: self.bytes == 1 && code == 32,
            }
        })
    }

    fn text(&self, code: u32) -> String {
        let mapped = self.to_unicode.as_ref().and_then(|cmap| cmap.get(code));
        if let Some(text) = mapped.or_else(|| self.characters.get(&code).cloned()) {
            return text;
        }
        let character = if self.is_utf16 {
            char::from_u32(code)
        } else {
            None
        };
        character.map(String::from).unwrap_or_default()
    }
}

/// Without ligatures and hard spaces, as one would type it.
fn plain(text: String) -> String {
    if text.is_ascii() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            'ﬀ' => out.push_str("ff"),
            'ﬁ' => out.push_str("fi"),
            'ﬂ' => out.push_str("fl"),
            'ﬃ' => out.push_str("ffi"),
            'ﬄ' => out.push_str("ffl"),
            '\u{a0}' => out.push(' '),
            '\u{ad}' => out.push('-'),
            other => out.push(other),
        }
    }
    out
}
