//! Objects (ISO 32000-2, section 7.3).

use std::ops::Range;

use super::lexer::{Lexer, Token};

/// Deepest nesting of arrays and dictionaries.
const DEPTH_MAX: u32 = 32;
/// Most values within one object.
const NODES_MAX: u32 = 100_000;

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Object {
    #[default]
    Null,
    Number(f64),
    Name(Vec<u8>),
    String(Vec<u8>),
    Array(Vec<Object>),
    Dict(Dict),
    /// The number of another object.
    Reference(u32),
    /// A dictionary, and where its data is in the file.
    Stream(Dict, Range<usize>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Dict(Vec<(Vec<u8>, Object)>);

impl Dict {
    /// The value as it is written; null if there is none.
    pub(super) fn get(&self, key: &str) -> &Object {
        const NULL: &Object = &Object::Null;
        let found = self.0.iter().find(|(name, _)| name == key.as_bytes());
        found.map_or(NULL, |(_, value)| value)
    }

    /// Whether the value is that name.
    pub(super) fn is(&self, key: &str, name: &str) -> bool {
        self.get(key).name() == Some(name.as_bytes())
    }

    pub(super) fn get_bytes(&self, key: &[u8]) -> Option<&Object> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value)
    }
}

impl Object {
    pub(super) fn name(&self) -> Option<&[u8]> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(super) fn index(&self) -> Option<usize> {
        let number = self.number()?;
        // The limit keeps the conversion exact.
        ((0.0..=4_294_967_295.0).contains(&number)).then_some(number as usize)
    }

    /// The dictionary, also that of a stream.
    pub(super) fn dict(&self) -> Option<&Dict> {
        match self {
            Self::Dict(dict) | Self::Stream(dict, _) => Some(dict),
            _ => None,
        }
    }

    pub(super) fn array(&self) -> Option<&[Object]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }
}

/// Parses objects one after another.
pub(super) struct Parser<'a> {
    pub(super) lexer: Lexer<'a>,
    nodes: u32,
}

/// A value, or a keyword in its place.
#[derive(Debug, PartialEq)]
pub(super) enum Item {
    Object(Object),
    Keyword(Vec<u8>),
    /// The end of an array or a dictionary that has not begun.
    End,
}

impl<'a> Parser<'a> {
    pub(super) fn new(data: &'a [u8], at: usize) -> Self {
        Self {
            lexer: Lexer::new(data, at),
            nodes: NODES_MAX,
        }
    }

    /// The next object or keyword; none at the end, and if an object is too large or nested too deeply.
    pub(super) fn next(&mut self) -> Option<Item> {
        self.nodes = NODES_MAX;
        self.item(0)
    }

    /// The next object; none if there is something else.
    pub(super) fn object(&mut self) -> Option<Object> {
        match self.next()? {
            Item::Object(object) => Some(object),
            Item::Keyword(_) | Item::End => None,
        }
    }

    fn item(&mut self, depth: u32) -> Option<Item> {
        self.nodes = self.nodes.checked_sub(1)?;
        if depth > DEPTH_MAX {
            return None;
        }
        Some(Item::Object(match self.lexer.next()? {
            Token::Number(number) => self.reference(number).unwrap_or(Object::Number(number)),
            Token::Name(name) => Object::Name(name),
            Token::String(string) => Object::String(string),
            Token::ArrayStart => Object::Array(self.array(depth)?),
            Token::DictStart => Object::Dict(self.dict(depth)?),
            Token::ArrayEnd | Token::DictEnd => return Some(Item::End),
            Token::Keyword(word) => match word.as_slice() {
                b"null" | b"true" | b"false" => Object::Null,
                _ => return Some(Item::Keyword(word)),
            },
        }))
    }

    fn array(&mut self, depth: u32) -> Option<Vec<Object>> {
        let mut items = Vec::new();
        loop {
            match self.item(depth + 1)? {
                Item::Object(object) => items.push(object),
                Item::Keyword(_) => {}
                Item::End => return Some(items),
            }
        }
    }

    fn dict(&mut self, depth: u32) -> Option<Dict> {
        let mut entries = Vec::new();
        loop {
            self.nodes = self.nodes.checked_sub(1)?;
            match self.lexer.next()? {
                Token::Name(name) => match self.item(depth + 1)? {
                    Item::Object(value) => entries.push((name, value)),
                    Item::Keyword(_) => {}
                    Item::End => return Some(Dict(entries)),
                },
                Token::DictEnd => return Some(Dict(entries)),
                _ => {}
            }
        }
    }

    /// `12 0 R`, of which 12 was read.
    fn reference(&mut self, number: f64) -> Option<Object> {
        let is_whole = number >= 0.0 && number <= f64::from(u32::MAX) && number.fract() == 0.0;
        if !is_whole {
            return None;
        }
        let mut ahead = self.lexer.clone();
        if !matches!(ahead.next()?, Token::Number(_)) {
            return None;
        }
        if !matches!(ahead.next()?, Token::Keyword(word) if word == b"R") {
            return None;
        }
        self.lexer = ahead;
        Some(Object::Reference(number as u32))
    }
}
