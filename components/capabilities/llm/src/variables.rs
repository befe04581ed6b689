//! The variables of the variables.

use std::collections::BTreeMap;

/// Variables by name. No `Debug`: some are keys.
#[derive(Clone, Default)]
pub(crate) struct Variables(BTreeMap<&'static str, String>);

impl Variables {
    /// The value, without white space around it; empty when the variable is not set.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", |value| value.trim())
    }

    /// The value, or what to use when it is empty.
    pub(crate) fn get_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        match self.get(name) {
            "" => default,
            value => value,
        }
    }

    /// The items of a comma-separated list, without empty ones.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.get(name)
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(str::to_owned)
            .collect()
    }

    /// A positive number of seconds, or the default.
    pub(crate) fn seconds(&self, name: &str, default: u64) -> std::time::Duration {
        let seconds = self
            .get(name)
            .parse()
            .ok()
            .filter(|seconds| *seconds > 0.0 && *seconds < 1e6);
        std::time::Duration::from_secs_f64(seconds.unwrap_or(default as f64))
    }

    /// A whole number within a range, or the default.
    pub(crate) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u32>,
        default: u32,
    ) -> u32 {
        let number = self.get(name).parse().ok();
        number
            .filter(|number| range.contains(number))
            .unwrap_or(default)
    }
}

impl FromIterator<(&'static str, String)> for Variables {
    fn from_iter<T: IntoIterator<Item = (&'static str, String)>>(pairs: T) -> Self {
        Self(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn empty_means_default() {
        let variables: Variables = [
            ("a", " ".to_owned()),
            ("b", " x , ,y".to_owned()),
            ("c", "0.5".to_owned()),
        ]
        .into_iter()
        .collect();
        assert_eq!(variables.get_or("a", "d"), "d");
        assert_eq!(variables.get("missing"), "");
        assert_eq!(variables.list("b"), ["x", "y"]);
        assert_eq!(variables.seconds("c", 3), Duration::from_millis(500));
        assert_eq!(variables.seconds("a", 3), Duration::from_secs(3));
        let variables: Variables = [("n", "4".to_owned()), ("m", "-1".to_owned())]
            .into_iter()
            .collect();
        assert_eq!(variables.number("n", 1..=9, 3), 4);
        assert_eq!(variables.number("n", 1..=3, 3), 3);
        assert_eq!(variables.number("m", 1..=3, 2), 2);
    }
}
