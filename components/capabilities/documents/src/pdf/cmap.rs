//! Character maps (ISO 32000-2, section 9.10.3): the characters of a font's codes.

use std::collections::{BTreeMap, HashMap};

use super::object::{Item, Object, Parser};

/// Most entries of a map.
const ENTRIES_MAX: usize = 70_000;

/// Characters by code.
#[derive(Debug, Default)]
pub(super) struct Cmap {
    single: HashMap<u32, String>,
    /// By the first code: the last code, and the character of the first one.
    ranges: BTreeMap<u32, (u32, u32)>,
    /// The lengths of codes.
    code_bytes: Vec<usize>,
}

impl Cmap {
    /// Reads a map; what is not understood is left out.
    pub(super) fn parse(data: &[u8]) -> Self {
        let mut cmap = Self::default();
        let mut parser = Parser::new(data, 0);
        let mut operands: Vec<Object> = Vec::new();
        while let Some(item) = parser.next() {
            match item {
                Item::Object(object) if operands.len() < 4 * ENTRIES_MAX => operands.push(object),
                Item::Object(_) | Item::End => {}
                Item::Keyword(word) => {
                    match word.as_slice() {
                        b"endbfchar" => cmap.add_characters(&operands),
                        b"endbfrange" => cmap.add_ranges(&operands),
                        b"endcodespacerange" => cmap.add_lengths(&operands),
                        _ => {}
                    }
                    operands.clear();
                }
            }
        }
        cmap
    }

    /// The characters of a code.
    pub(super) fn get(&self, code: u32) -> Option<String> {
        if let Some(text) = self.single.get(&code) {
            return Some(text.clone());
        }
        let (first, (last, character)) = self.ranges.range(..=code).next_back()?;
        if code > *last {
            return None;
        }
        let character = character.checked_add(code.checked_sub(*first)?)?;
        char::from_u32(character).map(String::from)
    }

    /// Whether all codes have one byte.
    pub(super) fn is_narrow(&self) -> bool {
        !self.code_bytes.is_empty() && self.code_bytes.iter().all(|bytes| *bytes == 1)
    }

    fn add_lengths(&mut self, operands: &[Object]) {
        for object in operands.iter().take(64) {
            if let Object::String(bytes) = object {
                self.code_bytes.push(bytes.len());
            }
        }
    }

    fn add_characters(&mut self, operands: &[Object]) {
        for pair in operands.chunks(2) {
            if let [Object::String(code), Object::String(text)] = pair
                && self.single.len() < ENTRIES_MAX
            {
                self.single.insert(value(code), utf16(text));
            }
        }
    }

    fn add_ranges(&mut self, operands: &[Object]) {
        for range in operands.chunks(3) {
            let [Object::String(first), Object::String(last), to] = range else {
                continue;
            };
            let (first, last) = (value(first), value(last));
            match to {
                Object::String(text) if self.ranges.len() < ENTRIES_MAX => {
                    let text = utf16(text);
                    let mut characters = text.chars();
                    match (characters.next(), characters.next()) {
                        (Some(one), None) => {
                            self.ranges.insert(first, (last, u32::from(one)));
                        }
                        _ => {
                            self.single.insert(first, text);
                        }
                    }
                }
                Object::Array(texts) => {
                    for (code, text) in (first..=last).zip(texts) {
                        if let Object::String(text) = text
                            && self.single.len() < ENTRIES_MAX
                        {
                            self.single.insert(code, utf16(text));
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// A code: its first four bytes as a number.
fn value(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .take(4)
        .fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.chunks(2).take(64).map(|unit| match unit {
        [high, low] => u16::from_be_bytes([*high, *low]),
        [low] => u16::from(*low),
        _ => 0,
    });
    char::decode_utf16(units)
        .filter_map(Result::ok)
        .filter(|c| *c != '\0')
        .collect()
}
