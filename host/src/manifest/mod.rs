//! `spin.toml`, manifest version 2. A manifest that Spin rejects is rejected; a feature of Spin that
//! this host lacks is an error that says so.

mod parse;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// A valid manifest.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The directory of `spin.toml`, which its paths are relative to.
    pub root: PathBuf,
    /// `[application] name`.
    pub name: String,
    /// `[variables]` by name.
    pub variables: BTreeMap<String, Variable>,
    /// `[[trigger.http]]` in the order of the file.
    pub triggers: Vec<Trigger>,
    /// `[component.*]` by id.
    pub components: BTreeMap<String, Component>,
}

/// An entry of `[variables]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// The description.
    pub description: Option<String>,
    /// Whether the environment must provide a value.
    #[serde(default)]
    pub required: bool,
    /// The value if the environment provides none.
    pub default: Option<String>,
    /// Whether the value must not be shown.
    #[serde(default)]
    pub secret: bool,
}

/// An entry of `[[trigger.http]]`.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The path pattern; `None` for `{ private = true }`, which is not reachable from outside.
    pub route: Option<String>,
    /// Id of the component that handles the requests.
    pub component: String,
    /// The middleware that requests pass through, outermost first.
    pub middleware: Vec<Middleware>,
}

/// An element of `dependencies.middleware`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(deny_unknown_fields)]
pub struct Middleware {
    /// Id of a component of this manifest.
    pub component: String,
    /// The grants of the trigger's component that it inherits.
    #[serde(default)]
    pub inherit_configuration: Inherit,
}

/// A `[component.*]` table.
#[derive(Clone, Debug)]
pub struct Component {
    /// The WebAssembly file, absolute or relative to the working directory.
    pub source: PathBuf,
    /// The description.
    pub description: String,
    /// The component's names of variables, each with a template over `[variables]`.
    pub variables: BTreeMap<String, String>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Patterns of hosts that the component may connect to; may be templates.
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of the key-value stores that the component may open.
    pub key_value_stores: BTreeSet<String>,
    /// Labels of the SQLite databases that the component may open.
    pub sqlite_databases: BTreeSet<String>,
    /// Models of Spin's serverless AI that the component may use. This host has no models.
    pub ai_models: BTreeSet<String>,
    /// Components that satisfy imports, by the name of a package or interface.
    pub dependencies: BTreeMap<String, Dependency>,
    /// How the component is built.
    pub build: Option<Build>,
}

/// A value of `[component.*.dependencies]`.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The WebAssembly file.
    pub path: PathBuf,
    /// The name of the export, if it differs from the import's.
    pub export: Option<String>,
    /// The grants that it inherits from the component that it is composed into.
    pub inherit_configuration: Inherit,
}

/// `inherit_configuration`; by default nothing is inherited.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(untagged)]
pub enum Inherit {
    /// Everything or nothing.
    All(bool),
    /// Only these keys, for example `key_value_stores`. Unknown keys are ignored, as in Spin.
    Some(Vec<String>),
}

impl Default for Inherit {
    fn default() -> Self {
        Self::All(false)
    }
}

/// `[component.*.build]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// One command, or several that run one after the other.
    pub command: Commands,
    /// The working directory of the commands, relative to the manifest.
    pub workdir: Option<PathBuf>,
    /// Files that `spin watch` watches.
    #[serde(default)]
    pub watch: Vec<String>,
}

/// The commands of a build.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Commands {
    /// One command.
    Single(String),
    /// Several commands.
    Multiple(Vec<String>),
}

impl Commands {
    /// The commands in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        match self {
            Self::Single(command) => std::slice::from_ref(command),
            Self::Multiple(commands) => commands.as_slice(),
        }
        .iter()
        .map(String::as_str)
    }
}

impl Manifest {
    /// Reads `spin.toml` at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, is not valid, or uses a feature that this host lacks; the message
    /// says where.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let root = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        Self::parse(&text, root.unwrap_or(Path::new(".")))
            .with_context(|| format!("in {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "app"
        [variables]
        key = { default = "", secret = true }
        [[trigger.http]]
        route = "/a/..."
        component = "a"
        dependencies.middleware = [{ component = "m" }]
        [[trigger.http]]
        route = { private = true }
        component = "m"
        [component.a]
        source = "a.wasm"
        key_value_stores = ["default"]
        [component.a.variables]
        key = "{{ key }}"
        [component.a.dependencies]
        "x:y/z@0.1.0" = { path = "z.wasm", inherit_configuration = ["key_value_stores"] }
        "x:w@0.1.0" = { component = "m" }
        [component.a.build]
        command = "cargo build -p a"
        watch = ["src/**/*.rs"]
        [component.m]
        source = "m.wasm"
    "#;

    fn error(text: &str) -> String {
        let error = Manifest::parse(text, Path::new("/r")).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn parse_reads_triggers_components_and_dependencies() {
        let manifest = Manifest::parse(SMALL, Path::new("/r")).unwrap();
        assert_eq!(manifest.triggers[0].route.as_deref(), Some("/a/..."));
        assert_eq!(manifest.triggers[0].middleware[0].component, "m");
        assert_eq!(manifest.triggers[1].route, None);
        let a = &manifest.components["a"];
        assert_eq!(a.source, Path::new("/r/a.wasm"));
        let z = &a.dependencies["x:y/z@0.1.0"];
        assert_eq!(z.path, Path::new("/r/z.wasm"));
        assert_eq!(
            z.inherit_configuration,
            Inherit::Some(vec!["key_value_stores".into()])
        );
        let w = &a.dependencies["x:w@0.1.0"];
        assert_eq!(w.path, Path::new("/r/m.wasm"));
        assert_eq!(w.inherit_configuration, Inherit::All(false));
    }

    #[test]
    fn parse_with_an_invalid_manifest_fails() {
        let cases = [
            (SMALL.replace("version = 2", "version = 1"), "must be 2"),
            (
                SMALL.replace("key_value_stores = [\"default\"]", "kv = 1"),
                "unknown field `kv`",
            ),
            (
                SMALL.replace("[\"default\"]", "[\"other\"]"),
                "unknown key_value_stores label",
            ),
            (
                SMALL.replace("default = \"\", ", ""),
                "either `default` or `required",
            ),
            (
                SMALL.replace("component = \"a\"", "component = \"b\""),
                "component \"b\"",
            ),
            (
                SMALL.replace("private = true", "private = false"),
                "private = true",
            ),
            (
                SMALL.replace(
                    "[component.m]",
                    "[component.b_c]\nsource = \"b\"\n[component.m]",
                ),
                "component id",
            ),
            (SMALL.replace("trigger.http", "trigger.redis"), "redis"),
            (
                SMALL.replace("{ path = \"z.wasm\",", "{ version = \"1\","),
                "registries",
            ),
            (
                SMALL.replace("dependencies.middleware", "dependencies.other"),
                "only allowed",
            ),
        ];
        for (text, expected) in cases {
            let message = error(&text);
            assert!(message.contains(expected), "{message}");
        }
    }
}
