//! The grants of `spin.toml` are exactly what the components import, and the imports
//! follow the architecture: routes use neither storage nor network themselves; `llm`, `oauth`, `mail`
//! and `realtime` have network and no storage; storage capabilities have no network; moderation and
//! documents have neither;
//! `identity` alone has both.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};
use wit_component::DecodedWasm;
use wit_parser::WorldItem;

use crate::harness::{App, ChangedManifest, manifest, manifest_table};

/// The keys that Spin 4.1 knows in `inherit_configuration`; it ignores others without a word.
const KNOWN_KEYS: [&str; 7] = [
    "ai_models",
    "allowed_outbound_hosts",
    "environment",
    "files",
    "key_value_stores",
    "sqlite_databases",
    "variables",
];

/// The interfaces a component imports, as `namespace:package/interface`.
fn imports(source: &str) -> BTreeSet<String> {
    let path = manifest().parent().unwrap().join(source);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes).unwrap() else {
        panic!("{source} is no component");
    };
    resolve.worlds[world]
        .imports
        .values()
        .filter_map(|item| match item {
            WorldItem::Interface { id, .. } => Some(*id),
            _ => None,
        })
        .filter_map(|id| {
            let interface = &resolve.interfaces[id];
            let package = &resolve.packages[interface.package?].name;
            let name = interface.name.as_ref()?;
            Some(format!("{}:{}/{name}", package.namespace, package.name))
        })
        .collect()
}

/// The key of `inherit_configuration` (and of a component's table) that an import needs.
fn grant_for(import: &str) -> Option<&'static str> {
    let (package, interface) = import.split_once('/').unwrap();
    match (package, interface) {
        ("spin:key-value" | "wasi:keyvalue", _) => Some("key_value_stores"),
        ("wasi:http", "client" | "outgoing-handler") => Some("allowed_outbound_hosts"),
        ("wasi:sockets", _) => Some("allowed_outbound_hosts"),
        // Counts for a key-value store that is Redis; granted only with `redis_counters`.
        ("spin:redis", _) => None,
        ("spin:mysql" | "spin:postgres" | "spin:mqtt", _) => Some("allowed_outbound_hosts"),
        ("spin:variables" | "wasi:config", _) => Some("variables"),
        ("spin:llm", _) | ("fermyon:spin", "llm") => Some("ai_models"),
        ("spin:sqlite", _) => Some("sqlite_databases"),
        ("wasi:filesystem", _) => Some("files"),
        _ => None,
    }
}

/// Whether it has storage: a key-value store or a database, which may be a server.
fn has_storage(imports: &BTreeSet<String>) -> bool {
    let grants = grants_for(imports);
    let is_postgres = |import: &String| import.starts_with("spin:postgres/");
    grants.contains("key_value_stores")
        || grants.contains("sqlite_databases")
        || imports.iter().any(is_postgres)
}

/// Whether it can send requests elsewhere.
fn has_network(imports: &BTreeSet<String>) -> bool {
    imports.iter().any(|import| {
        !import.starts_with("spin:postgres/") && grant_for(import) == Some("allowed_outbound_hosts")
    })
}

fn grants_for(imports: &BTreeSet<String>) -> BTreeSet<&'static str> {
    imports
        .iter()
        .filter_map(|import| grant_for(import))
        .collect()
}

struct Component {
    table: Table,
    imports: BTreeSet<String>,
}

/// All components of `spin.toml`, built.
async fn components() -> BTreeMap<String, Component> {
    // The application's start builds them.
    App::shared().await;
    manifest_table()["component"]
        .as_table()
        .unwrap()
        .iter()
        .map(|(id, table)| {
            let table = table.as_table().unwrap().clone();
            let imports = imports(table["source"].as_str().unwrap());
            (id.clone(), Component { table, imports })
        })
        .collect()
}

/// Ids of the components that handle a route.
fn routed() -> BTreeSet<String> {
    let manifest = manifest_table();
    let triggers = manifest["trigger"]["http"].as_array().unwrap();
    triggers
        .iter()
        .map(|trigger| trigger["component"].as_str().unwrap().to_owned())
        .collect()
}

fn dependencies(component: &Component) -> Vec<(String, Table)> {
    let Some(table) = component.table.get("dependencies") else {
        return Vec::new();
    };
    let table = table.as_table().unwrap();
    table
        .iter()
        .map(|(name, value)| (name.clone(), value.as_table().unwrap().clone()))
        .collect()
}

fn strings(value: Option<&Value>) -> Vec<&str> {
    let Some(value) = value else {
        return Vec::new();
    };
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item.as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn routes_import_neither_storage_nor_network() {
    let components = components().await;
    for id in routed() {
        let grants = grants_for(&components[&id].imports);
        let own: Vec<_> = grants
            .iter()
            .filter(|grant| **grant != "variables")
            .collect();
        assert!(
            own.is_empty(),
            "route {id} imports {:?}",
            components[&id].imports
        );
    }
}

#[tokio::test]
async fn capabilities_import_storage_or_network_as_listed() {
    let components = components().await;
    let listed = [
        ("capability-llm", false, true),
        ("capability-conversations", true, false),
        ("capability-quota", true, false),
        ("capability-response-cache", true, false),
        // Each where the files are, and nowhere else.
        ("capability-files-kv", true, false),
        ("capability-files-s3", false, true),
        // It requests key sets and new tokens from identity providers, and looks up revocations.
        ("capability-identity", true, true),
        // The capability that creates and changes accounts cannot send data outside.
        ("capability-accounts", true, false),
        ("capability-accounts-strict-passwords", true, false),
        ("capability-oauth", false, true),
        ("capability-mail", false, true),
        ("capability-realtime", false, true),
        ("capability-messaging-sqlite", true, false),
        // Its storage is a server.
        ("capability-messaging-postgres", true, false),
        ("capability-streams-sqlite", true, false),
        ("capability-streams-postgres", true, false),
        ("capability-documents", false, false),
        ("capability-moderation", false, false),
        ("capability-moderation-words", false, false),
    ];
    for (id, storage, network) in listed {
        let imports = &components[id].imports;
        assert_eq!(has_storage(imports), storage, "{id}: {imports:?}");
        assert_eq!(has_network(imports), network, "{id}: {imports:?}");
    }
    let capabilities = components.keys().filter(|id| id.starts_with("capability-"));
    assert_eq!(
        capabilities.count(),
        listed.len(),
        "a new capability is to be listed here"
    );
}

#[tokio::test]
async fn redis_is_imported_with_storage_only_and_granted_with_redis_counters_only() {
    let components = components().await;
    for (id, component) in &components {
        let imports = &component.imports;
        if imports
            .iter()
            .any(|import| import.starts_with("spin:redis/"))
        {
            assert!(grants_for(imports).contains("key_value_stores"), "{id}");
        }
    }
    let granted = |manifest: &Table, host: &str| {
        let routes = manifest["component"].as_table().unwrap().iter();
        let granted = routes.filter(|(_, component)| {
            strings(component.get("allowed_outbound_hosts")).contains(&host)
        });
        granted.map(|(id, _)| id.clone()).collect::<BTreeSet<_>>()
    };
    let host = "{{ redis_host }}";
    assert_eq!(granted(&manifest_table(), host), BTreeSet::new());
    let changed = ChangedManifest::with_redis_counters();
    let changed: Table = std::fs::read_to_string(changed.path())
        .unwrap()
        .parse()
        .unwrap();
    let with_storage = components
        .iter()
        .filter(|(_, component)| component.table.contains_key("key_value_stores"));
    let with_storage: BTreeSet<_> = with_storage.map(|(id, _)| id.clone()).collect();
    assert_eq!(granted(&changed, host), with_storage);
    assert!(with_storage.len() > 5, "{with_storage:?}");
}

#[tokio::test]
async fn capabilities_do_not_import_each_other() {
    // Composition is one level deep.
    let components = components().await;
    for (id, component) in &components {
        if !routed().contains(id) {
            let ours = component
                .imports
                .iter()
                .find(|import| import.starts_with("goldfish:") && !import.ends_with("/types"));
            assert_eq!(ours, None, "{id}");
            assert!(dependencies(component).is_empty(), "{id}");
        }
    }
}

#[tokio::test]
async fn middleware_imports_nothing_that_needs_a_grant() {
    let components = components().await;
    for (id, component) in &components {
        if !routed().contains(id) && !id.starts_with("capability-") {
            // It calls `wasi:http/handler`, never the network.
            let grants = grants_for(&component.imports);
            assert!(grants.is_empty(), "{id}: {grants:?}");
        }
    }
}

#[tokio::test]
async fn every_goldfish_import_has_one_dependency() {
    let components = components().await;
    for id in routed() {
        let component = &components[&id];
        let imported: BTreeSet<_> = component
            .imports
            .iter()
            .filter(|import| import.starts_with("goldfish:"))
            .map(|import| import.split('/').next().unwrap().to_owned())
            .collect();
        let composed: BTreeSet<_> = dependencies(component)
            .iter()
            .map(|(name, _)| name.split(['@', '/']).next().unwrap().to_owned())
            .collect();
        assert_eq!(imported, composed, "{id}");
    }
}

#[tokio::test]
async fn dependencies_inherit_exactly_what_they_import() {
    let components = components().await;
    for id in routed() {
        for (name, dependency) in dependencies(&components[&id]) {
            let listed = dependency["inherit_configuration"].as_array();
            assert!(
                listed.is_some(),
                "{id} → {name}: `true` would grant everything"
            );
            let inherited: BTreeSet<_> = strings(dependency.get("inherit_configuration"))
                .into_iter()
                .collect();
            for key in &inherited {
                assert!(
                    KNOWN_KEYS.contains(key),
                    "{id} → {name}: Spin ignores {key:?}"
                );
            }
            let target = dependency["component"].as_str().unwrap();
            assert_eq!(
                inherited,
                grants_for(&components[target].imports),
                "{id} → {target}"
            );
        }
    }
}

#[tokio::test]
async fn routes_grant_exactly_what_their_dependencies_need() {
    let components = components().await;
    for (id, component) in &components {
        let mut needed = BTreeSet::new();
        if routed().contains(id) {
            needed.extend(grants_for(&component.imports));
            for (_, dependency) in dependencies(component) {
                let target = dependency["component"].as_str().unwrap();
                needed.extend(grants_for(&components[target].imports));
            }
        }
        // The operator configures which of Spin's own models exist.
        for key in KNOWN_KEYS.iter().filter(|key| **key != "ai_models") {
            let granted = component.table.get(*key).is_some_and(|value| match value {
                Value::Array(list) => !list.is_empty(),
                Value::Table(table) => !table.is_empty(),
                _ => true,
            });
            assert_eq!(granted, needed.contains(key), "{key} of {id}");
        }
        for key in ["key_value_stores", "sqlite_databases"] {
            let expected: &[&str] = match needed.contains(key) {
                true => &["default"],
                false => &[],
            };
            let granted = strings(component.table.get(key));
            assert_eq!(granted, expected, "{key} of {id}");
        }
    }
}

/// Routes whose bodies are prompts, which may contain images.
const WITH_IMAGES: [&str; 5] = [
    "anthropic-messages",
    "chat",
    "completions",
    "embeddings",
    "responses",
];

#[tokio::test]
async fn variables_are_described_and_used() {
    let manifest = manifest_table();
    let declared = manifest["variables"].as_table().unwrap();
    for (name, variable) in declared {
        let description = variable.get("description").and_then(Value::as_str);
        assert!(
            description.is_some_and(|text| !text.is_empty()),
            "{name} has no description"
        );
        let secret = variable
            .get("secret")
            .and_then(Value::as_bool)
            .unwrap_or_default();
        let secretive = ["_key", "_token", "_secret", "_password"];
        // The URLs of servers may contain a password.
        let urls = ["redis_url", "database_url"];
        let expected =
            secretive.iter().any(|end| name.ends_with(end)) || urls.contains(&name.as_str());
        assert_eq!(secret, expected, "{name}: is it a secret?");
        assert!(
            variable.get("default").is_some(),
            "{name} keeps a first run from starting"
        );
    }
    let mut used = BTreeSet::new();
    let mut templates = Vec::new();
    for (id, component) in &components().await {
        if let Some(variables) = component.table.get("variables") {
            for (name, value) in variables.as_table().unwrap() {
                let value = value.as_str().unwrap();
                let is_larger = name == "max_body_bytes" && WITH_IMAGES.contains(&id.as_str());
                let source = if is_larger { "max_prompt_bytes" } else { name };
                assert_eq!(value, format!("{{{{ {source} }}}}"), "{id} renames {name}");
                templates.push(value.to_owned());
            }
        }
        let hosts = strings(component.table.get("allowed_outbound_hosts"));
        templates.extend(hosts.into_iter().map(str::to_owned));
    }
    for template in templates {
        if let Some((_, rest)) = template.split_once("{{") {
            let name = rest.split("}}").next().unwrap().trim().to_owned();
            assert!(declared.contains_key(&name), "{name} is not declared");
            used.insert(name);
        }
    }
    // Variables of components and grants that are not in use are not passed on.
    let is_unused = |name: &&String| {
        let unused = ["redis_host", "database_url", "database_host"];
        name.starts_with("moderation_")
            || name.starts_with("s3_")
            || unused.contains(&name.as_str())
    };
    let declared: BTreeSet<_> = declared
        .keys()
        .filter(|name| !is_unused(name))
        .cloned()
        .collect();
    assert_eq!(declared, used, "declared, and handed to a component");
}

#[tokio::test]
async fn components_have_a_build_command_and_description() {
    for (id, component) in &components().await {
        let command = component.table["build"]["command"].as_str().unwrap();
        assert!(command.contains("wasm32-wasip2"), "{id}: {command}");
        assert!(component.table.contains_key("description"), "{id}");
    }
}
