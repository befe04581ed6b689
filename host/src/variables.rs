//! Values of application variables, and the templates (`{{ name }}`) that use them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::manifest::Manifest;

/// Values of variables by name.
pub type Values = BTreeMap<String, String>;

/// The prefix of environment variables that Spin's environment provider reads.
const PREFIX: &str = "SPIN_VARIABLE_";

/// The sources of values in the order of precedence: the command line, the process environment, the
/// `.env` file. After these comes the default of the manifest.
pub struct Sources<'a> {
    /// `--variable` arguments.
    pub command_line: &'a [(String, String)],
    /// `SPIN_VARIABLE_*` of the process.
    pub environment: Values,
    /// `SPIN_VARIABLE_*` of the `.env` file.
    pub file: Values,
}

impl<'a> Sources<'a> {
    /// Reads the sources. `environment` says whether the process environment and the file `.env` in
    /// `root` are read.
    ///
    /// # Errors
    /// If the `.env` file exists and cannot be read.
    pub fn new(
        command_line: &'a [(String, String)],
        environment: bool,
        root: &Path,
    ) -> Result<Self> {
        let mut sources = Self {
            command_line,
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
                // The parse error is dropped because it quotes the line, which may hold a secret.
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

/// Resolves the value of every variable of the application.
///
/// # Errors
/// If required variables have no value (the error names all of them), or if the command line sets a
/// variable that is not in the manifest.
pub fn resolve(manifest: &Manifest, sources: &Sources<'_>) -> Result<Values> {
    for (name, _) in sources.command_line {
        if !manifest.variables.contains_key(name) {
            bail!("the manifest has no variable {name:?}");
        }
    }
    let mut values = Values::new();
    let mut missing = Vec::new();
    for (name, variable) in &manifest.variables {
        let key = format!("{PREFIX}{}", name.to_ascii_uppercase());
        let argument = sources
            .command_line
            .iter()
            .rev()
            .find(|(argument, _)| argument == name);
        let value = argument
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

/// Replaces each `{{ name }}` in a template by the variable's value.
///
/// # Errors
/// If the braces are unbalanced or a name is unknown.
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
    fn resolve_takes_the_value_of_the_first_source() {
        let given = [
            ("a".to_owned(), "given".to_owned()),
            ("b".to_owned(), "b".to_owned()),
        ];
        let mut sources = Sources {
            command_line: &given,
            environment: one("SPIN_VARIABLE_A", "environment"),
            file: one("SPIN_VARIABLE_A", "file"),
        };
        let a = |sources: &Sources<'_>| resolve(&manifest(), sources).unwrap()["a"].clone();
        assert_eq!(a(&sources), "given");
        sources.command_line = &given[1..];
        assert_eq!(a(&sources), "environment");
        sources.environment.clear();
        assert_eq!(a(&sources), "file");
        sources.file.clear();
        assert_eq!(a(&sources), "default");
    }

    #[test]
    fn resolve_without_a_required_variable_names_it() {
        let sources = Sources::new(&[], false, Path::new(".")).unwrap();
        let error = resolve(&manifest(), &sources).unwrap_err().to_string();
        assert!(error.contains("b (set SPIN_VARIABLE_B"), "{error}");
    }

    #[test]
    fn resolve_with_an_unknown_variable_fails() {
        let given = [("c".to_owned(), String::new())];
        let sources = Sources::new(&given, false, Path::new(".")).unwrap();
        assert!(resolve(&manifest(), &sources).is_err());
    }

    #[test]
    fn render_replaces_names_by_values() {
        let values = one("x", "1");
        assert_eq!(render("a{{ x }}b{{x}}", &values).unwrap(), "a1b1");
        assert_eq!(render("", &values).unwrap(), "");
        assert!(render("{{ x", &values).is_err());
        assert!(render("{{ y }}", &values).is_err());
    }
}
