//! All files together, checked, with what each component is granted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::files::{
    ApplicationFile, CapabilityFile, CargoFile, Grants, Group, LibraryFile, MiddlewareFile,
    RouteFile, Stored, Text, UserData,
};
use crate::source::{Error, Errors, Source};

/// The application's own file.
pub(crate) const FILE: &str = "application.toml";
const COMPONENT: &str = "component.toml";

/// The application as its files describe it.
#[derive(Debug)]
pub struct Application {
    pub(crate) root: PathBuf,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    pub(crate) groups: Vec<Group>,
    /// In alphabetical order of their ids.
    pub(crate) routes: Vec<Route>,
    /// The capabilities in use, and those that could replace one of them.
    pub(crate) capabilities: Vec<Capability>,
    pub(crate) middleware: Vec<Middleware>,
}

/// A component that handles requests.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) id: String,
    pub(crate) package: String,
    pub(crate) description: String,
    pub(crate) paths: Vec<String>,
    /// Names of contracts.
    pub(crate) capabilities: BTreeSet<String>,
    /// Each variable with the one that gives its value, in the order of the application's file.
    pub(crate) variables: Vec<(String, String)>,
    /// Values by kind; a kind may have none.
    pub(crate) grants: BTreeMap<&'static str, Vec<String>>,
    pub(crate) middleware: Vec<String>,
    /// Relative to the root.
    pub(crate) watch: Vec<String>,
    /// Whether its folder has integration tests.
    pub(crate) has_tests: bool,
}

/// A component behind a contract.
#[derive(Clone, Debug)]
pub(crate) struct Capability {
    /// The name of its folder.
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) description: String,
    /// With namespace and version, as `goldfish:identity@0.1.0`.
    pub(crate) contract: String,
    /// The name of the contract, as `identity`.
    pub(crate) contract_name: String,
    pub(crate) user_data: Option<UserData>,
    pub(crate) variables: BTreeSet<String>,
    pub(crate) grants: BTreeMap<&'static str, Vec<String>>,
    /// Whether routes that call its contract are composed with it.
    pub(crate) in_use: bool,
}

/// A component that a route may be composed with, as middleware.
#[derive(Clone, Debug)]
pub(crate) struct Middleware {
    pub(crate) id: String,
    pub(crate) package: String,
    pub(crate) description: String,
}

impl Capability {
    /// Its id in `spin.toml`.
    pub(crate) fn id(&self) -> String {
        format!("capability-{}", self.name)
    }

    /// The keys of `inherit_configuration`.
    pub(crate) fn inherited(&self) -> BTreeSet<&'static str> {
        let mut kinds: BTreeSet<_> = self.grants.keys().copied().collect();
        if !self.variables.is_empty() {
            kinds.insert("variables");
        }
        kinds
    }
}

/// How an application differs from its files, for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Changes<'a> {
    /// Other components behind contracts: the contract's name and the component's folder.
    pub components: &'a [(&'a str, &'a str)],
    /// Whether `redis_counters` is treated as true.
    pub redis_counters: bool,
}

/// The variable with the host of the Redis server.
const REDIS_HOST: &str = "redis_host";

/// The variable with the host of the PostgreSQL server.
const DATABASE_HOST: &str = "database_host";

/// Whether an entry of `allowed_outbound_hosts` is a database.
pub(crate) fn is_database(host: &str) -> bool {
    host.starts_with("postgres://") || template(host).as_deref() == Some(DATABASE_HOST)
}

impl Application {
    /// Reads the files below `root`.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its place.
    pub fn read(root: &Path) -> Result<Self, Errors> {
        Self::read_with(root, &Changes::default())
    }

    /// Reads the files below `root`, with changes.
    ///
    /// # Errors
    /// Everything that is wrong with them, each with its place.
    pub fn read_with(root: &Path, changes: &Changes<'_>) -> Result<Self, Errors> {
        let mut reader = Reader {
            root,
            errors: Vec::new(),
        };
        let application = reader.read(changes);
        match application {
            Some(application) if reader.errors.is_empty() => Ok(application),
            _ => Err(Errors(reader.errors)),
        }
    }

    /// The component behind a contract.
    pub(crate) fn capability(&self, contract_name: &str) -> Option<&Capability> {
        self.capabilities
            .iter()
            .find(|capability| capability.in_use && capability.contract_name == contract_name)
    }

    /// The components that a route is composed with, in alphabetical order of their contracts.
    pub(crate) fn capabilities_of<'a>(
        &'a self,
        route: &'a Route,
    ) -> impl Iterator<Item = &'a Capability> {
        let names = route.capabilities.iter();
        names.filter_map(|name| self.capability(name))
    }
}

/// A crate in a folder of `components`.
struct Crate {
    /// The name of the folder.
    name: String,
    /// Relative to the root.
    folder: String,
    package: String,
    /// Libraries of this workspace, by package name, that its `Cargo.toml` names.
    libraries: BTreeSet<String>,
}

/// A library: what it reads and what it depends on.
struct Library {
    variables: Vec<String>,
    libraries: BTreeSet<String>,
}

/// Reads and checks, and collects what is wrong.
struct Reader<'a> {
    root: &'a Path,
    errors: Vec<Error>,
}

impl Reader<'_> {
    fn read(&mut self, changes: &Changes<'_>) -> Option<Application> {
        let source = Source::read(self.root, FILE);
        let source = self.keep(source)?;
        let file = self.keep(source.parse::<ApplicationFile>())?;
        let declared = self.declared(&source, &file);
        let libraries = self.libraries(&declared);

        let mut capabilities = self.capabilities(&declared, &libraries);
        self.choose(&source, &file, &mut capabilities, changes.components);
        if file.redis_counters || changes.redis_counters {
            grant_redis(&mut capabilities);
        }
        let middleware = self.middleware();
        let mut application = Application {
            root: self.root.to_owned(),
            name: file.name,
            version: file.version,
            description: file.description,
            groups: file.groups,
            routes: Vec::new(),
            capabilities,
            middleware,
        };
        self.routes(&mut application, &declared, &libraries);
        self.unused_variables(&source, &application, &declared);
        Some(application)
    }

    fn keep<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.errors.push(error)).ok()
    }

    /// The names of all variables, in their order.
    fn declared(&mut self, source: &Source, file: &ApplicationFile) -> Vec<String> {
        let mut declared = Vec::new();
        for variable in file.groups.iter().flat_map(|group| &group.variables) {
            let name = variable.name.get_ref();
            let is_valid = name.starts_with(|c: char| c.is_ascii_lowercase())
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            let message = if !is_valid {
                "must be lower-case words joined by '_'"
            } else if declared.contains(name) {
                "is declared twice"
            } else {
                declared.push(name.clone());
                continue;
            };
            let message = format!("variable {name:?} {message}");
            self.errors
                .push(source.error(&variable.name.span(), message));
        }
        declared
    }

    /// The crates in a folder of `components`, in alphabetical order.
    fn crates(&mut self, kind: &str) -> Vec<Crate> {
        let parent = format!("components/{kind}");
        let mut names = Vec::new();
        // A folder that is not there has no crates.
        for entry in std::fs::read_dir(self.root.join(&parent))
            .into_iter()
            .flatten()
            .flatten()
        {
            if entry.path().join("Cargo.toml").is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        let mut crates = Vec::new();
        for name in names {
            let folder = format!("{parent}/{name}");
            let source = Source::read(self.root, &format!("{folder}/Cargo.toml"));
            let file = source.and_then(|source| source.parse::<CargoFile>());
            if let Some(file) = self.keep(file) {
                crates.push(Crate {
                    name,
                    folder,
                    package: file.package.name,
                    libraries: file.dependencies.keys().cloned().collect(),
                });
            }
        }
        crates
    }

    fn libraries(&mut self, declared: &[String]) -> BTreeMap<String, Library> {
        let mut libraries = BTreeMap::new();
        for one in self.crates("lib") {
            let path = format!("{}/{COMPONENT}", one.folder);
            let mut variables = Vec::new();
            if self.root.join(&path).is_file() {
                let source = Source::read(self.root, &path);
                if let Some((source, file)) = self.parse::<LibraryFile>(source) {
                    variables = self.declared_names(&source, &file.variables, declared);
                }
            }
            let library = Library {
                variables,
                libraries: one.libraries,
            };
            libraries.insert(one.package, library);
        }
        libraries
    }

    fn parse<T: serde::de::DeserializeOwned>(
        &mut self,
        source: Result<Source, Error>,
    ) -> Option<(Source, T)> {
        let source = self.keep(source)?;
        let file = self.keep(source.parse())?;
        Some((source, file))
    }

    fn component<T: serde::de::DeserializeOwned>(&mut self, one: &Crate) -> Option<(Source, T)> {
        let source = Source::read(self.root, &format!("{}/{COMPONENT}", one.folder));
        self.parse(source)
    }

    /// Returns the declared names. The others are errors.
    fn declared_names(
        &mut self,
        source: &Source,
        names: &[Text],
        declared: &[String],
    ) -> Vec<String> {
        let mut known_names = Vec::new();
        for name in names {
            if declared.contains(name.get_ref()) {
                known_names.push(name.get_ref().clone());
            } else {
                let message = format!("unknown variable {:?}: it is not in {FILE}", name.get_ref());
                self.errors.push(source.error(&name.span(), message));
            }
        }
        known_names
    }

    fn capabilities(
        &mut self,
        declared: &[String],
        libraries: &BTreeMap<String, Library>,
    ) -> Vec<Capability> {
        let mut capabilities = Vec::new();
        for one in self.crates("capabilities") {
            let Some((source, file)) = self.component::<CapabilityFile>(&one) else {
                continue;
            };
            let contract = file.contract.get_ref();
            let name = contract
                .split_once(':')
                .and_then(|(_, rest)| rest.split_once('@'))
                .map(|(name, _)| name);
            let folder = name.map(|name| self.root.join("wit").join(name));
            let (Some(name), true) = (name, folder.is_some_and(|folder| folder.is_dir())) else {
                let message = format!(
                    "contract {contract:?} must be namespace:name@version, with a folder wit/name"
                );
                self.errors
                    .push(source.error(&file.contract.span(), message));
                continue;
            };
            let hosts = file.grants.allowed_outbound_hosts.iter().flatten();
            let has_storage = file.grants.key_value_stores.is_some()
                || file.grants.sqlite_databases.is_some()
                || hosts.into_iter().any(|host| is_database(host.get_ref()));
            if has_storage && file.user_data.is_none() {
                let message =
                    "has storage and must state `user-data`: none, content, records or account";
                self.errors
                    .push(source.error(&file.contract.span(), message));
            }
            let mut variables: BTreeSet<_> = self
                .declared_names(&source, &file.variables, declared)
                .into_iter()
                .collect();
            variables.extend(variables_of(&one.libraries, libraries));
            capabilities.push(Capability {
                grants: self.grants(&source, &file.grants, declared),
                name: one.name,
                package: one.package,
                description: file.description,
                contract: contract.clone(),
                contract_name: name.to_owned(),
                user_data: file.user_data.and_then(Stored::data),
                variables,
                in_use: false,
            });
        }
        capabilities
    }

    /// Checks the variables that grants are made of.
    fn grants(
        &mut self,
        source: &Source,
        grants: &Grants,
        declared: &[String],
    ) -> BTreeMap<&'static str, Vec<String>> {
        let mut values = BTreeMap::new();
        for (kind, list) in grants.kinds() {
            let Some(list) = list else { continue };
            for value in list {
                if let Some(name) = template(value.get_ref())
                    && !declared.contains(&name)
                {
                    let message = format!("unknown variable {name:?}: it is not in {FILE}");
                    self.errors.push(source.error(&value.span(), message));
                }
            }
            let list = list.iter().map(|value| value.get_ref().clone()).collect();
            values.insert(kind, list);
        }
        values
    }

    /// Decides which component implements each contract.
    fn choose(
        &mut self,
        source: &Source,
        file: &ApplicationFile,
        capabilities: &mut [Capability],
        replaced: &[(&str, &str)],
    ) {
        let mut chosen: BTreeMap<String, String> = BTreeMap::new();
        for (contract, name) in &file.capabilities {
            let fits = capabilities.iter().any(|capability| {
                capability.name == *name.get_ref()
                    && capability.contract_name == *contract.get_ref()
            });
            if !fits {
                let message = format!(
                    "no component in components/capabilities/{} exports the contract {:?}",
                    name.get_ref(),
                    contract.get_ref()
                );
                self.errors.push(source.error(&name.span(), message));
            }
            chosen.insert(contract.get_ref().clone(), name.get_ref().clone());
        }
        for (contract, name) in replaced {
            chosen.insert((*contract).to_owned(), (*name).to_owned());
        }
        let mut implementations: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for capability in capabilities.iter_mut() {
            let names = implementations
                .entry(capability.contract_name.clone())
                .or_default();
            names.push(capability.name.clone());
        }
        for (contract, names) in implementations {
            if names.len() > 1 && !chosen.contains_key(&contract) {
                let message = format!(
                    "{contract:?} has {} components ({}): name one under [capabilities]",
                    names.len(),
                    names.join(", ")
                );
                self.errors.push(source.error(&(0..0), message));
            }
            // Any of several, so that the callers of the contract are not reported too.
            if let Some(first) = names.into_iter().next() {
                chosen.entry(contract).or_insert(first);
            }
        }
        for capability in capabilities {
            capability.in_use = chosen.get(&capability.contract_name) == Some(&capability.name);
        }
    }

    fn middleware(&mut self) -> Vec<Middleware> {
        let mut middleware = Vec::new();
        for one in self.crates("middleware") {
            if let Some((_, file)) = self.component::<MiddlewareFile>(&one) {
                middleware.push(Middleware {
                    id: one.name,
                    package: one.package,
                    description: file.description,
                });
            }
        }
        middleware
    }

    fn routes(
        &mut self,
        application: &mut Application,
        declared: &[String],
        libraries: &BTreeMap<String, Library>,
    ) {
        // The component that serves a path, by the path without the names of its parameters.
        let mut patterns: BTreeMap<String, String> = BTreeMap::new();
        for one in self.crates("routes") {
            let Some((source, file)) = self.component::<RouteFile>(&one) else {
                continue;
            };
            for path in &file.paths {
                if let Err(message) = check_path(path.get_ref()) {
                    self.errors.push(source.error(&path.span(), message));
                    continue;
                }
                let pattern = anonymous(path.get_ref());
                if let Some(other) = patterns.insert(pattern, one.name.clone()) {
                    let message =
                        format!("{:?} is served by the route {other:?} too", path.get_ref());
                    self.errors.push(source.error(&path.span(), message));
                }
            }
            for name in &file.middleware {
                let mut all_middleware = application.middleware.iter();
                if !all_middleware.any(|middleware| middleware.id == *name.get_ref()) {
                    let message = format!(
                        "there is no component components/middleware/{}",
                        name.get_ref()
                    );
                    self.errors.push(source.error(&name.span(), message));
                }
            }
            let capabilities = self.capabilities_used(&source, &file, application);
            let route = self.route(
                one,
                &source,
                file,
                capabilities,
                application,
                declared,
                libraries,
            );
            application.routes.push(route);
        }
    }

    /// Names of the contracts that a route calls.
    fn capabilities_used(
        &mut self,
        source: &Source,
        file: &RouteFile,
        application: &Application,
    ) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for name in &file.capabilities {
            if application.capability(name.get_ref()).is_none() {
                let message = format!(
                    "there is no capability {:?}: no component in components/capabilities exports it",
                    name.get_ref()
                );
                self.errors.push(source.error(&name.span(), message));
                continue;
            }
            if !names.insert(name.get_ref().clone()) {
                let message = format!("{:?} is named twice", name.get_ref());
                self.errors.push(source.error(&name.span(), message));
            }
        }
        if let Some(walk) = file.user_data {
            let holders = application.capabilities.iter().filter(|capability| {
                let data = capability.user_data;
                capability.in_use && data.is_some_and(|data| walk.covers(data))
            });
            names.extend(holders.map(|capability| capability.contract_name.clone()));
        }
        names
    }

    #[allow(clippy::too_many_arguments, reason = "all that a route is made of")]
    fn route(
        &mut self,
        one: Crate,
        source: &Source,
        file: RouteFile,
        capabilities: BTreeSet<String>,
        application: &Application,
        declared: &[String],
        libraries: &BTreeMap<String, Library>,
    ) -> Route {
        let own = self.declared_names(source, &file.variables, declared);
        let mut read: BTreeSet<_> = own.into_iter().collect();
        read.extend(variables_of(&one.libraries, libraries));
        let mut grants: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        let composed = capabilities.iter();
        for capability in composed.filter_map(|name| application.capability(name)) {
            read.extend(capability.variables.iter().cloned());
            for (kind, values) in &capability.grants {
                let all = grants.entry(kind).or_default();
                for value in values {
                    if !all.contains(value) {
                        all.push(value.clone());
                    }
                }
            }
        }
        let mut values: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &file.replaced_variables {
            self.declared_names(source, std::slice::from_ref(value), declared);
            if read.contains(name.get_ref()) {
                values.insert(name.get_ref().clone(), value.get_ref().clone());
            } else {
                let message = format!("this route does not read {:?}", name.get_ref());
                self.errors.push(source.error(&name.span(), message));
            }
        }
        let variables = declared.iter().filter(|name| read.contains(*name));
        let variables = variables.map(|name| {
            let value = values.get(name).unwrap_or(name);
            (name.clone(), value.clone())
        });
        Route {
            variables: variables.collect(),
            paths: file
                .paths
                .into_iter()
                .map(toml::Spanned::into_inner)
                .collect(),
            capabilities,
            grants,
            middleware: file
                .middleware
                .into_iter()
                .map(toml::Spanned::into_inner)
                .collect(),
            has_tests: self.root.join(&one.folder).join("suite.rs").is_file(),
            watch: file
                .watch
                .iter()
                .map(|path| format!("{}/{path}", one.folder))
                .collect(),
            id: one.name,
            package: one.package,
            description: file.description,
        }
    }

    /// A variable that no component can read, in use or not, is an error.
    fn unused_variables(
        &mut self,
        source: &Source,
        application: &Application,
        declared: &[String],
    ) {
        // Used if `redis_counters` is true.
        let mut used = BTreeSet::from([REDIS_HOST.to_owned()]);
        for route in &application.routes {
            used.extend(route.variables.iter().map(|(_, value)| value.clone()));
        }
        for capability in &application.capabilities {
            used.extend(capability.variables.iter().cloned());
            let values = capability.grants.values().flatten();
            used.extend(values.filter_map(|value| template(value)));
        }
        let variables = application.groups.iter().flat_map(|group| &group.variables);
        for variable in variables {
            let name = variable.name.get_ref();
            if declared.contains(name) && !used.contains(name) {
                let message = format!("no component reads the variable {name:?}");
                self.errors
                    .push(source.error(&variable.name.span(), message));
            }
        }
    }
}

/// Grants the Redis server that counts to all capabilities that use the key-value store.
fn grant_redis(capabilities: &mut [Capability]) {
    let with_storage = capabilities
        .iter_mut()
        .filter(|capability| capability.grants.contains_key("key_value_stores"));
    for capability in with_storage {
        let hosts = capability.grants.entry("allowed_outbound_hosts");
        hosts.or_default().push(format!("{{{{ {REDIS_HOST} }}}}"));
    }
}

/// The variables that the libraries and their dependencies read.
fn variables_of(
    names: &BTreeSet<String>,
    libraries: &BTreeMap<String, Library>,
) -> BTreeSet<String> {
    let mut variables = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&String> = names.iter().collect();
    while let Some(name) = open.pop() {
        let Some(library) = libraries.get(name).filter(|_| seen.insert(name)) else {
            continue;
        };
        variables.extend(library.variables.iter().cloned());
        open.extend(&library.libraries);
    }
    variables
}

/// The name of the variable in `{{ name }}`.
fn template(value: &str) -> Option<String> {
    let (_, rest) = value.split_once("{{")?;
    let (name, _) = rest.split_once("}}")?;
    Some(name.trim().to_owned())
}

fn check_path(path: &str) -> Result<(), String> {
    let Some(rest) = path.strip_prefix('/') else {
        return Err(format!("path {path:?} must begin with '/'"));
    };
    let segments: Vec<_> = rest.split('/').collect();
    let last = segments.len().saturating_sub(1);
    for (number, segment) in segments.iter().enumerate() {
        if segment.is_empty() && !rest.is_empty() {
            return Err(format!("path {path:?} has an empty segment"));
        }
        if *segment == "..." && number != last {
            return Err(format!("path {path:?} goes on after its wildcard"));
        }
    }
    Ok(())
}

/// The pattern without the names of its parameters: two that are equal match the same paths.
fn anonymous(path: &str) -> String {
    let segments = path
        .split('/')
        .map(|segment| match segment.strip_prefix(':') {
            Some(_) => ":",
            None => segment,
        });
    segments.collect::<Vec<_>>().join("/")
}
