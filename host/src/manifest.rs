//! `spin.toml`, manifest version 2, as far as the embedded host has what it asks for. What Spin
//! would reject is rejected; what Spin has and this host lacks is an error that says so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

/// A manifest that was read and checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The directory of `spin.toml`; paths in it are relative to this.
    pub root: PathBuf,
    /// `[application] name`.
    pub name: String,
    /// `[variables]` by name.
    pub variables: BTreeMap<String, Variable>,
    /// `[[trigger.http]]` in the order written.
    pub triggers: Vec<Trigger>,
    /// `[component.*]` by id.
    pub components: BTreeMap<String, Component>,
}

/// An entry of `[variables]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    /// What it is for.
    pub description: Option<String>,
    /// Must be given by the environment; has no default.
    #[serde(default)]
    pub required: bool,
    /// The value when the environment gives none.
    pub default: Option<String>,
    /// Not to be shown.
    #[serde(default)]
    pub secret: bool,
}

/// An entry of `[[trigger.http]]`.
#[derive(Clone, Debug)]
pub struct Trigger {
    /// The path pattern; `None` for `{ private = true }`, which no request reaches from outside.
    pub route: Option<String>,
    /// Id of the component that answers.
    pub component: String,
    /// Components that requests pass through first, outermost first.
    pub middleware: Vec<Middleware>,
}

/// An element of `dependencies.middleware`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(deny_unknown_fields)]
pub struct Middleware {
    /// Id of a component of this manifest.
    pub component: String,
    /// What it may use of the grants of the component that answers.
    #[serde(default)]
    pub inherit_configuration: Inherit,
}

/// A `[component.*]` table.
#[derive(Clone, Debug)]
pub struct Component {
    /// The WebAssembly file, absolute or relative to the working directory.
    pub source: PathBuf,
    /// What it is for.
    pub description: String,
    /// Name as the component sees it, to a template over `[variables]`.
    pub variables: BTreeMap<String, String>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// Patterns of hosts it may call, possibly templates.
    pub allowed_outbound_hosts: Vec<String>,
    /// Labels of stores it may open.
    pub key_value_stores: BTreeSet<String>,
    /// Models it may ask of the host's own serverless AI. This host has none.
    pub ai_models: BTreeSet<String>,
    /// Components that stand in for its imports, by package or interface name.
    pub dependencies: BTreeMap<String, Dependency>,
    /// How it is built.
    pub build: Option<Build>,
}

/// A value of `[component.*.dependencies]`.
#[derive(Clone, Debug)]
pub struct Dependency {
    /// The WebAssembly file.
    pub path: PathBuf,
    /// The export to use where it is not named like the import.
    pub export: Option<String>,
    /// What it may use of the grants of the component it is composed into.
    pub inherit_configuration: Inherit,
}

/// `inherit_configuration`: nothing unless said otherwise.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Hash)]
#[serde(untagged)]
pub enum Inherit {
    /// Everything or nothing.
    All(bool),
    /// Only the named sets, for example `key_value_stores`. Unknown names are ignored, as in Spin.
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
    /// The command, or several to be run one after the other.
    pub command: Commands,
    /// Where to run it, relative to the manifest.
    pub workdir: Option<PathBuf>,
    /// Files whose change asks for a build (for `spin watch`).
    #[serde(default)]
    pub watch: Vec<String>,
}

/// One command or several.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Commands {
    /// One.
    Single(String),
    /// Several.
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
    /// If it cannot be read, is not valid, or needs what this host lacks; the message says where.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let root = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        Self::parse(&text, root.unwrap_or(Path::new(".")))
            .with_context(|| format!("in {}", path.display()))
    }

    /// Parses the text of a manifest whose paths are relative to `root`.
    ///
    /// # Errors
    /// As [`Manifest::read`].
    pub fn parse(text: &str, root: &Path) -> Result<Self> {
        let raw: RawManifest = toml::from_str(text)?;
        ensure!(
            raw.spin_manifest_version == 2,
            "spin_manifest_version must be 2, not {}",
            raw.spin_manifest_version
        );
        for (name, variable) in &raw.variables {
            ensure!(
                is_snake_id(name),
                "variable name {name:?} must be lower-case words joined by '_'"
            );
            ensure!(
                variable.required != variable.default.is_some(),
                "variable {name:?} must have either `default` or `required = true`"
            );
        }
        let mut components = BTreeMap::new();
        for (id, component) in &raw.component {
            ensure!(
                is_kebab_id(id),
                "component id {id:?} must be lower-case words joined by '-'"
            );
            let component = component
                .check(root, &raw.component)
                .with_context(|| format!("component {id:?}"))?;
            components.insert(id.clone(), component);
        }
        let Triggers { http } = raw.trigger;
        let triggers = http
            .into_iter()
            .map(|trigger| trigger.check(&components))
            .collect::<Result<_>>()?;
        Ok(Self {
            root: root.to_path_buf(),
            name: raw.application.name,
            variables: raw.variables,
            triggers,
            components,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    spin_manifest_version: u32,
    application: Application,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    trigger: Triggers,
    #[serde(default)]
    component: BTreeMap<String, RawComponent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "named so that they are known; only Spin's tools read them"
)]
struct Application {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    authors: Vec<String>,
    #[serde(default)]
    targets: Vec<toml::Value>,
    #[serde(default)]
    trigger: toml::Table,
    #[serde(default)]
    tool: toml::Table,
}

/// Other triggers than HTTP are unknown fields here, and so an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Triggers {
    http: Vec<RawTrigger>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTrigger {
    #[serde(default, rename = "id")]
    _id: String,
    route: Route,
    component: String,
    executor: Option<Executor>,
    #[serde(default)]
    dependencies: BTreeMap<String, Vec<Middleware>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Executor {
    r#type: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Route {
    Pattern(String),
    Private { private: bool },
}

impl RawTrigger {
    fn check(self, components: &BTreeMap<String, Component>) -> Result<Trigger> {
        let known = |id: &str| {
            let found = components.contains_key(id);
            ensure!(
                found,
                "a trigger names component {id:?}, which there is not"
            );
            Ok(())
        };
        known(&self.component)?;
        if let Some(Executor { r#type }) = self.executor {
            ensure!(
                r#type == "http",
                "executor {type:?} is not supported by the embedded host"
            );
        }
        let mut middleware = Vec::new();
        for (slot, chain) in self.dependencies {
            ensure!(
                slot == "middleware",
                "the HTTP trigger's only allowed trigger dependency is `middleware`, not {slot:?}"
            );
            middleware = chain;
        }
        for link in &middleware {
            known(&link.component)?;
        }
        let route = match self.route {
            Route::Pattern(pattern) => Some(pattern),
            Route::Private { private: true } => None,
            Route::Private { private: false } => bail!(
                "route of component {:?} must be a pattern or {{ private = true }}",
                self.component
            ),
        };
        Ok(Trigger {
            route,
            component: self.component,
            middleware,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawComponent {
    source: toml::Value,
    #[serde(default)]
    description: String,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    files: Vec<toml::Value>,
    #[serde(default, rename = "exclude_files")]
    _exclude_files: Vec<String>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    key_value_stores: BTreeSet<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default)]
    ai_models: BTreeSet<String>,
    #[serde(rename = "targets")]
    _targets: Option<Vec<toml::Value>>,
    build: Option<Build>,
    #[serde(default, rename = "tool")]
    _tool: toml::Table,
    #[serde(default)]
    dependencies_inherit_configuration: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, RawDependency>,
    /// Variants for `spin build --profile`, which this host does not offer.
    #[serde(default, rename = "profile")]
    _profile: toml::Table,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawDependency {
    Local(LocalDependency),
    Component(ComponentDependency),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocalDependency {
    path: PathBuf,
    export: Option<String>,
    inherit_configuration: Option<Inherit>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ComponentDependency {
    component: String,
    export: Option<String>,
    inherit_configuration: Option<Inherit>,
}

impl RawComponent {
    fn check(&self, root: &Path, all: &BTreeMap<String, RawComponent>) -> Result<Component> {
        ensure!(
            self.files.is_empty(),
            "`files` is not supported by the embedded host"
        );
        ensure!(
            self.sqlite_databases.is_empty(),
            "`sqlite_databases` is not supported by the embedded host"
        );
        // Without a runtime configuration Spin knows one store, and refuses to start on others.
        for label in &self.key_value_stores {
            ensure!(
                label == "default",
                "unknown key_value_stores label {label:?}"
            );
        }
        for name in self.variables.keys() {
            ensure!(
                is_snake_id(name),
                "variable name {name:?} must be lower-case words joined by '_'"
            );
        }
        let mut dependencies = BTreeMap::new();
        for (name, dependency) in &self.dependencies {
            let dependency = self
                .dependency(dependency, root, all)
                .with_context(|| format!("dependency {name:?}"))?;
            let whole_package = name.contains(':') && !name.contains('/');
            ensure!(
                !(whole_package && dependency.export.is_some()),
                "dependency {name:?} names a package and cannot have an `export`"
            );
            dependencies.insert(name.clone(), dependency);
        }
        Ok(Component {
            source: root.join(local(&self.source)?),
            description: self.description.clone(),
            variables: self.variables.clone(),
            environment: self.environment.clone(),
            allowed_outbound_hosts: self.allowed_outbound_hosts.clone(),
            key_value_stores: self.key_value_stores.clone(),
            ai_models: self.ai_models.clone(),
            dependencies,
            build: self.build.clone(),
        })
    }

    fn dependency(
        &self,
        dependency: &RawDependency,
        root: &Path,
        all: &BTreeMap<String, RawComponent>,
    ) -> Result<Dependency> {
        let (path, export, inherit) = match dependency {
            RawDependency::Local(local) => (
                local.path.clone(),
                &local.export,
                &local.inherit_configuration,
            ),
            RawDependency::Component(other) => {
                let target = all
                    .get(&other.component)
                    .with_context(|| format!("there is no component {:?}", other.component))?;
                let path = local(&target.source)?;
                (path, &other.export, &other.inherit_configuration)
            }
            RawDependency::Other(_) => {
                bail!(
                    "must be {{ path = … }} or {{ component = … }}; registries and URLs are not supported by the embedded host"
                )
            }
        };
        if self.dependencies_inherit_configuration && inherit.is_some() {
            bail!(
                "`inherit_configuration` contradicts `dependencies_inherit_configuration = true`"
            );
        }
        let inherit = match inherit {
            Some(inherit) => inherit.clone(),
            None => Inherit::All(self.dependencies_inherit_configuration),
        };
        Ok(Dependency {
            path: root.join(path),
            export: export.clone(),
            inherit_configuration: inherit,
        })
    }
}

fn local(source: &toml::Value) -> Result<PathBuf> {
    match source.as_str() {
        Some(path) => Ok(path.into()),
        None => bail!("only a local `source` is supported by the embedded host"),
    }
}

fn is_kebab_id(id: &str) -> bool {
    is_words(id, '-', |c| c.is_ascii_alphanumeric())
}

fn is_snake_id(id: &str) -> bool {
    is_words(id, '_', |c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// Words of such characters, each beginning with a letter, with one separator between two.
fn is_words(id: &str, separator: char, allowed: fn(char) -> bool) -> bool {
    id.split(separator).all(|word| {
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(allowed)
    })
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
    fn reads_what_it_knows() {
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
    fn rejects_what_spin_rejects() {
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
