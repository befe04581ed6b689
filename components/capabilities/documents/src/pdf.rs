//! Text of PDF documents (ISO 32000), for input that nobody vouches for.
//!
//! | module | |
//! |---|---|
//! | `lexer` | tokens |
//! | `object` | objects: numbers, names, strings, arrays, dictionaries, streams |
//! | `document` | where the objects of a file are, and its pages |
//! | `filters` | the content of streams |
//! | `fonts`, `encodings`, `cmap` | characters by the codes of a font |
//! | `matrix`, `layout` | where characters stand, and which spaces and lines follow from that |
//! | `page` | what the operators of a page show |
//!
//! Every step takes from one budget ([`fuel`]), nesting and counts have limits, and each buffer has a maximum.

mod cmap;
mod document;
mod encodings;
mod filters;
mod fonts;
mod fuel;
mod layout;
mod lexer;
mod matrix;
mod object;
mod page;

#[cfg(test)]
mod tests;

use document::Document;
use layout::Layout;

pub(crate) use fuel::Fault;

/// Reads the text of a document page by page.
pub(crate) struct PdfText<'a> {
    document: Document<'a>,
    page_objects: Vec<document::Page>,
    /// The text so far.
    pub(crate) text: String,
    /// How many pages it is of.
    pub(crate) pages: u32,
    characters: usize,
    is_full: bool,
}

impl<'a> PdfText<'a> {
    /// A document of which no page was read.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, Fault> {
        let document = Document::open(bytes)?;
        let page_objects = document.pages()?;
        Ok(Self {
            document,
            page_objects,
            text: String::new(),
            pages: 0,
            characters: 0,
            is_full: false,
        })
    }

    /// How many pages the document has.
    pub(crate) fn total_pages(&self) -> u32 {
        u32::try_from(self.page_objects.len()).unwrap_or(u32::MAX)
    }

    /// Whether the text ends before the document does.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_full || self.pages < self.total_pages()
    }

    /// Reads the next page, as far as the text has no more than `max_characters`. False if there is none, or no
    /// room.
    ///
    /// # Errors
    /// If the document takes too much work. A damaged page has the text that can be read.
    pub(crate) fn next_page(&mut self, max_characters: u32) -> Result<bool, Fault> {
        let at = usize::try_from(self.pages).unwrap_or(usize::MAX);
        let Some(page) = self.page_objects.get(at) else {
            return Ok(false);
        };
        if self.is_full {
            return Ok(false);
        }
        let max = usize::try_from(max_characters).unwrap_or(usize::MAX);
        let mut layout = Layout::new(max.saturating_mul(4));
        page::show(&self.document, page, &mut layout)?;
        let text = layout.finish();
        self.pages = self.pages.saturating_add(1);
        if text.is_empty() {
            return Ok(true);
        }
        let separator = if self.text.is_empty() { "" } else { "\n\n" };
        for character in separator.chars().chain(text.chars()) {
            if self.characters >= max {
                self.is_full = true;
                break;
            }
            self.text.push(character);
            self.characters = self.characters.saturating_add(1);
        }
        Ok(true)
    }
}
