//! Application variables and the templates (`{{ name }}`) over them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::manifest::Manifest;

/// Values by name.
pub type Values = BTreeMap<String, String>;

/// What Spin's environment provider reads.
const PREFIX: &str = "SPIN_VARIABLE_";

/// Where values come from, the first that has one wins: `given` (the command line), the process
/// environment, the `.env` file, the default.
pub struct Sources<'a> {
    /// From the command line.
    pub given: &'a [(String, String)],
    /// `SPIN_VARIABLE_*` of the process.
    pub environment: Values,
    /// `SPIN_VARIABLE_*` of the `.env` file.
    pub file: Values,
}

impl<'a> Sources<'a> {
    /// `given`, and if `environment` is set also the process' environment and `root`'s `.env`.
    ///
    /// # Errors
    /// If there is a `.env` file that cannot be read.
    pub fn new(given: &'a [(String, String)], environment: bool, root: &Path) -> Result<Self> {
        let mut sources = Self {
            given,
            environment: Values::new(),
            file: Values::new(),
        };
        if environment {
            sources.environment = std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
                .filter(|(name, _)| name.starts_with(PREFIX))
                .map(|(name, value)| match value.into_string() {
                    Ok(value) => Ok((name, value)),
                    Err(_) => bail!("environment variable {name} is not valid UTF-8"),
                })
                .collect::<Result<_>>()?;
            let path = root.join(".env");
            if path.is_file() {
                // A parse error would quote the line, and with it perhaps a secret.
                let unreadable = || format!("{} cannot be read as a .env file", path.display());
                for item in dotenvy::from_path_iter(&path)
                    .ok()
                    .with_context(unreadable)?
                {
                    let (name, value) = item.ok().with_context(unreadable)?;
                    sources.file.insert(name, value);
                }
            }
        }
        Ok(sources)
    }
}

/// The value of every variable of the application.
///
/// # Errors
/// If a required one has none (all such are named), or `given` has a name that the manifest lacks.
pub fn resolve(manifest: &Manifest, sources: &Sources<'_>) -> Result<Values> {
    for (name, _) in sources.given {
        if !manifest.variables.contains_key(name) {
            bail!("there is no variable {name:?} in the manifest");
        }
    }
    let mut values = Values::new();
    let mut missing = Vec::new();
    for (name, variable) in &manifest.variables {
        let key = format!("{PREFIX}{}", name.to_ascii_uppercase());
        let given = sources.given.iter().rev().find(|(given, _)| given == name);
        let value = given
            .map(|(_, value)| value)
            .or_else(|| sources.environment.get(&key))
            .or_else(|| sources.file.get(&key))
            .or(variable.default.as_ref());
        match value {
            Some(value) => {
                values.insert(name.clone(), value.clone());
            }
            None => missing.push(format!("{name} (set {key} or --variable {name}=…)")),
        }
    }
    if !missing.is_empty() {
        bail!("required variables have no value: {}", missing.join(", "));
    }
    Ok(values)
}

/// Replaces each `{{ name }}` by its value.
///
/// # Errors
/// If braces are unmatched or a name is unknown.
pub fn render(template: &str, values: &Values) -> Result<String> {
    let mut rendered = String::new();
    let mut rest = template;
    while let Some((literal, after)) = rest.split_once("{{") {
        let Some((name, remainder)) = after.split_once("}}") else {
            bail!("unmatched '{{{{' in template {template:?}");
        };
        let name = name.trim();
        let value = values
            .get(name)
            .with_context(|| format!("template {template:?} names unknown variable {name:?}"))?;
        rendered.push_str(literal);
        rendered.push_str(value);
        rest = remainder;
    }
    rendered.push_str(rest);
    Ok(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        Manifest::parse(
            r#"
            spin_manifest_version = 2
            trigger.http = []
            [application]
            name = "app"
            [variables]
            a = { default = "default" }
            b = { required = true }
            "#,
            Path::new("."),
        )
        .unwrap()
    }

    fn one(name: &str, value: &str) -> Values {
        Values::from([(name.to_owned(), value.to_owned())])
    }

    #[test]
    fn the_nearest_source_wins() {
        let given = [
            ("a".to_owned(), "given".to_owned()),
            ("b".to_owned(), "b".to_owned()),
        ];
        let mut sources = Sources {
            given: &given,
            environment: one("SPIN_VARIABLE_A", "environment"),
            file: one("SPIN_VARIABLE_A", "file"),
        };
        let a = |sources: &Sources<'_>| resolve(&manifest(), sources).unwrap()["a"].clone();
        assert_eq!(a(&sources), "given");
        sources.given = &given[1..];
        assert_eq!(a(&sources), "environment");
        sources.environment.clear();
        assert_eq!(a(&sources), "file");
        sources.file.clear();
        assert_eq!(a(&sources), "default");
    }

    #[test]
    fn a_missing_required_variable_is_named() {
        let sources = Sources::new(&[], false, Path::new(".")).unwrap();
        let error = resolve(&manifest(), &sources).unwrap_err().to_string();
        assert!(error.contains("b (set SPIN_VARIABLE_B"), "{error}");
    }

    #[test]
    fn unknown_names_are_told() {
        let given = [("c".to_owned(), String::new())];
        let sources = Sources::new(&given, false, Path::new(".")).unwrap();
        assert!(resolve(&manifest(), &sources).is_err());
    }

    #[test]
    fn templates() {
        let values = one("x", "1");
        assert_eq!(render("a{{ x }}b{{x}}", &values).unwrap(), "a1b1");
        assert_eq!(render("", &values).unwrap(), "");
        assert!(render("{{ x", &values).is_err());
        assert!(render("{{ y }}", &values).is_err());
    }
}
