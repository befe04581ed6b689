//! A value of a JSON document together with its JSON pointer (RFC 6901).

use serde_json::{Map, Value};

static NULL: Value = Value::Null;

/// A value of the document and its JSON pointer. The pointer is where the value is defined, also
/// when it was reached through a reference.
#[derive(Clone)]
pub(crate) struct Node<'a> {
    pub(crate) pointer: String,
    pub(crate) value: &'a Value,
}

impl<'a> Node<'a> {
    /// The value at a pointer; null if there is none.
    pub(crate) fn at(document: &'a Value, pointer: String) -> Self {
        let value = document.pointer(&pointer).unwrap_or(&NULL);
        Self { pointer, value }
    }

    /// The member with this name; missing if there is none.
    pub(crate) fn get(&self, name: &str) -> Self {
        let value = self.value.get(name);
        Self {
            pointer: match value {
                Some(_) => format!("{}/{}", self.pointer, escaped(name)),
                None => format!("{}/{} (missing)", self.pointer, escaped(name)),
            },
            value: value.unwrap_or(&NULL),
        }
    }

    /// Whether the document has this value.
    pub(crate) fn exists(&self) -> bool {
        !self.pointer.ends_with(" (missing)")
    }

    /// The member with this name, if it is a string.
    pub(crate) fn text(&self, name: &str) -> Option<&'a str> {
        self.value.get(name).and_then(Value::as_str)
    }

    /// The members of an object; none of any other value.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, Self)> + use<'a> {
        let pointer = self.pointer.clone();
        entries(Some(self.value)).map(move |(name, value)| {
            let pointer = format!("{pointer}/{}", escaped(name));
            (name, Self { pointer, value })
        })
    }

    /// The items of an array; none of any other value.
    pub(crate) fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let pointer = self.pointer.clone();
        let items = self.value.as_array().map_or(&[][..], Vec::as_slice);
        items.iter().enumerate().map(move |(index, value)| Self {
            pointer: format!("{pointer}/{index}"),
            value,
        })
    }

    /// The target of `$ref`, or the value itself if it has none.
    pub(crate) fn resolved(self, document: &'a Value) -> Self {
        match self
            .text("$ref")
            .and_then(|reference| reference.strip_prefix('#'))
        {
            Some(pointer) => Self::at(document, pointer.to_owned()),
            None => self,
        }
    }
}

/// The members of an object; none of any other value.
pub(crate) fn entries(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let object = value.and_then(Value::as_object);
    object
        .into_iter()
        .flat_map(Map::iter)
        .map(|(name, value)| (name.as_str(), value))
}

/// Escapes a name for a JSON pointer.
pub(crate) fn escaped(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}
