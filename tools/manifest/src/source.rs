//! Files that are read and written, and errors that name a place in one.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use serde::de::DeserializeOwned;

/// A file that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source {
    /// Relative to the root of the repository, with `/`.
    pub(crate) path: String,
    text: String,
}

impl Source {
    /// Reads the file `path` below `root`.
    pub(crate) fn read(root: &Path, path: &str) -> Result<Self, Error> {
        match std::fs::read_to_string(root.join(path)) {
            Ok(text) => Ok(Self {
                path: path.to_owned(),
                text,
            }),
            Err(error) => Err(Error {
                path: path.to_owned(),
                line: 1,
                message: format!("cannot be read: {error}"),
            }),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Parses TOML.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Error> {
        toml::from_str(&self.text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            self.error(&span, error.message())
        })
    }

    /// An error at a place in this file.
    pub(crate) fn error(&self, span: &Range<usize>, message: impl Into<String>) -> Error {
        let before = self.text.bytes().take(span.start);
        Error {
            path: self.path.clone(),
            line: before.filter(|byte| *byte == b'\n').count() + 1,
            message: message.into(),
        }
    }
}

/// An error at a line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Relative to the root of the repository.
    pub path: String,
    /// Counted from 1.
    pub line: usize,
    /// A sentence without the place.
    pub message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Everything that was found to be wrong; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(pub Vec<Error>);

impl fmt::Display for Errors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Error::to_string).collect();
        formatter.write_str(&lines.join("\n"))
    }
}

impl From<Error> for Errors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

/// A file that this tool writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedFile {
    /// Relative to the root of the repository.
    pub path: String,
    /// All of it.
    pub text: String,
}
