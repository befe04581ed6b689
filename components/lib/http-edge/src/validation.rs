//! Checks the fields of a request and collects every error.

use std::ops::RangeInclusive;

use crate::error::{ApiError, Detail};

/// Collects what is wrong with a request, so that a client learns of all of it at once.
#[derive(Debug, Default)]
pub struct Validator(Vec<Detail>);

impl Validator {
    /// No errors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the error `message` about `path` unless `valid`.
    pub fn require(&mut self, valid: bool, path: &str, message: &str) -> &mut Self {
        if !valid {
            self.add(path, message.to_owned());
        }
        self
    }

    /// Requires a text of at most `limit` characters. The error says how long the text is.
    pub fn max_length(&mut self, path: &str, text: &str, limit: usize) -> &mut Self {
        let length = text.chars().count();
        if length > limit {
            let (length, limit) = (grouped(length), grouped(limit));
            let message = format!("is {length} characters, the limit is {limit}");
            self.add(path, message);
        }
        self
    }

    /// Requires a number within `range`.
    pub fn range(&mut self, path: &str, value: u32, range: RangeInclusive<u32>) -> &mut Self {
        if !range.contains(&value) {
            let message = format!("must be {} to {}", range.start(), range.end());
            self.add(path, message);
        }
        self
    }

    /// Returns all errors, if there are any.
    pub fn finish(&mut self) -> Result<(), ApiError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(ApiError::Validation(std::mem::take(&mut self.0)))
    }

    fn add(&mut self, path: &str, message: String) {
        self.0.push(Detail {
            path: path.to_owned(),
            message,
        });
    }
}

/// A number with commas between its thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finish_after_several_errors_returns_all() {
        let error = Validator::new()
            .require(false, "a", "is bad")
            .require(true, "b", "is bad")
            .range("c", 0, 1..=100)
            .range("d", 100, 1..=100)
            .max_length("e", "ééé", 3)
            .max_length("f", &"é".repeat(10_001), 10_000)
            .finish()
            .unwrap_err();
        let ApiError::Validation(details) = error else {
            panic!("{error:?}");
        };
        let actual: Vec<_> = details
            .iter()
            .map(|detail| (detail.path.as_str(), detail.message.as_str()))
            .collect();
        assert_eq!(
            actual,
            [
                ("a", "is bad"),
                ("c", "must be 1 to 100"),
                ("f", "is 10,001 characters, the limit is 10,000"),
            ]
        );
    }

    #[test]
    fn grouped_puts_a_comma_between_thousands() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
