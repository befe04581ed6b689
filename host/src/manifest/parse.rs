//! Parses and validates the text of `spin.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;

use super::{Build, Component, Dependency, Inherit, Manifest, Middleware, Trigger, Variable};

impl Manifest {
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
    reason = "listed so that they are accepted; only Spin's own tools read them"
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

/// The HTTP trigger. Other triggers are unknown fields and thus errors.
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
        let check_exists = |id: &str| {
            ensure!(
                components.contains_key(id),
                "a trigger names component {id:?}, which does not exist"
            );
            Ok(())
        };
        check_exists(&self.component)?;
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
            check_exists(&link.component)?;
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
    sqlite_databases: BTreeSet<String>,
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
    /// Build profiles, which this host ignores as `spin up` without `--profile` does.
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
        // `default` is the only label; Spin refuses to start if one is not configured.
        for (key, labels) in [
            ("key_value_stores", &self.key_value_stores),
            ("sqlite_databases", &self.sqlite_databases),
        ] {
            for label in labels {
                ensure!(label == "default", "unknown {key} label {label:?}");
            }
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
            sqlite_databases: self.sqlite_databases.clone(),
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
                    .with_context(|| format!("component {:?} does not exist", other.component))?;
                let path = local(&target.source)?;
                (path, &other.export, &other.inherit_configuration)
            }
            RawDependency::Other(_) => {
                bail!(
                    "must be {{ path = … }} or {{ component = … }}; the embedded host does not support registries and URLs"
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
        None => bail!("the embedded host supports only a local `source`"),
    }
}

fn is_kebab_id(id: &str) -> bool {
    is_words(id, '-', |c| c.is_ascii_alphanumeric())
}

fn is_snake_id(id: &str) -> bool {
    is_words(id, '_', |c| c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// Whether `id` consists of words joined by `separator`, each of allowed characters and starting with
/// a letter.
fn is_words(id: &str, separator: char, allowed: fn(char) -> bool) -> bool {
    id.split(separator).all(|word| {
        word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(allowed)
    })
}
