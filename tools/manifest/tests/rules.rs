//! The output of the tool for small applications, and the errors that it reports.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use goldfish_manifest::{Application, Errors, generate, spin_toml};

/// A folder with the files of an application; it is removed when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const APPLICATION: &str = r#"name = "app"
version = "1.0.0"
description = "An application."

[[group]]
title = "Everything"
variables = [
  { name = "base_url", default = "https://example.com", description = "A URL." },
  { name = "api_key", secret = true, description = "A key." },
  { name = "origins", description = "Origins." },
  { name = "max_bytes", default = "1", description = "A bound." },
  { name = "max_large_bytes", default = "2", description = "Another bound." },
]
"#;

const STORE: &str = r#"description = "Stores."
contract = "goldfish:store@0.1.0"
user-data = "content"

[grants]
key_value_stores = ["default"]
"#;

const NETWORK: &str = r#"description = "Asks."
contract = "goldfish:network@0.2.0"
variables = ["api_key", "base_url"]

[grants]
allowed_outbound_hosts = ["{{ base_url }}"]
"#;

const ROUTE: &str = r#"description = "Shows."
paths = ["/things/..."]
capabilities = ["store", "network"]

[replaced_variables]
max_bytes = "max_large_bytes"
"#;

/// A valid application, with some files changed (or added) to others.
fn folder(changes: &[(&str, &str)]) -> Folder {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("goldfish-manifest-{}-{number}", std::process::id());
    let folder = Folder(std::env::temp_dir().join(name));
    let write = |path: &str, text: &str| {
        let path = folder.0.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let cargo = |package: &str, dependencies: &str| {
        format!("[package]\nname = \"{package}\"\n[dependencies]\n{dependencies}\n")
    };
    let edge = "edge = { workspace = true }";
    for (path, text) in [
        ("components/lib/edge/Cargo.toml", cargo("edge", "")),
        (
            "components/routes/things/Cargo.toml",
            cargo("route-things", edge),
        ),
        (
            "components/routes/plain/Cargo.toml",
            cargo("route-plain", edge),
        ),
        (
            "components/capabilities/store/Cargo.toml",
            cargo("store", ""),
        ),
        (
            "components/capabilities/network/Cargo.toml",
            cargo("network", ""),
        ),
    ] {
        write(path, &text);
    }
    for (path, text) in [
        ("application.toml", APPLICATION),
        (
            "components/lib/edge/component.toml",
            "variables = [\"origins\", \"max_bytes\"]",
        ),
        ("components/routes/things/component.toml", ROUTE),
        (
            "components/routes/plain/component.toml",
            "description = \"Plain.\"\npaths = [\"/\"]",
        ),
        ("components/capabilities/store/component.toml", STORE),
        ("components/capabilities/network/component.toml", NETWORK),
        ("wit/store/world.wit", "package goldfish:store@0.1.0;"),
        ("wit/network/world.wit", "package goldfish:network@0.2.0;"),
    ] {
        write(path, text);
    }
    for (path, text) in changes {
        write(path, text);
    }
    folder
}

fn manifest(changes: &[(&str, &str)]) -> toml::Table {
    let folder = folder(changes);
    let application = Application::read(&folder.0).unwrap_or_else(|errors| panic!("{errors}"));
    spin_toml(&application).text.parse().unwrap()
}

/// The errors, each as `path:line: message`.
fn errors(changes: &[(&str, &str)]) -> Vec<String> {
    let folder = folder(changes);
    let Errors(errors) = Application::read(&folder.0).unwrap_err();
    errors.iter().map(ToString::to_string).collect()
}

/// The only error.
fn error(changes: &[(&str, &str)]) -> String {
    let errors = errors(changes);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().unwrap()
}

fn strings(value: &toml::Value) -> Vec<&str> {
    let values = value.as_array().unwrap().iter();
    values.map(|value| value.as_str().unwrap()).collect()
}

#[test]
fn a_route_is_granted_what_its_capabilities_and_libraries_need() {
    let manifest = manifest(&[]);
    let things = &manifest["component"]["things"];
    assert_eq!(strings(&things["key_value_stores"]), ["default"]);
    assert_eq!(
        strings(&things["allowed_outbound_hosts"]),
        ["{{ base_url }}"]
    );
    let variables = things["variables"].as_table().unwrap();
    let names: Vec<_> = variables.keys().map(String::as_str).collect();
    assert_eq!(names, ["api_key", "base_url", "max_bytes", "origins"]);
    assert_eq!(variables["origins"].as_str(), Some("{{ origins }}"));
    assert_eq!(
        variables["max_bytes"].as_str(),
        Some("{{ max_large_bytes }}")
    );

    let plain = manifest["component"]["plain"].as_table().unwrap();
    assert!(!plain.contains_key("key_value_stores"));
    assert!(!plain.contains_key("allowed_outbound_hosts"));
    assert!(!plain.contains_key("dependencies"));
    assert_eq!(plain["variables"].as_table().unwrap().len(), 2);
}

#[test]
fn a_dependency_inherits_only_the_kinds_that_it_needs() {
    let manifest = manifest(&[]);
    let dependencies = &manifest["component"]["things"]["dependencies"];
    let inherited = |contract: &str| strings(&dependencies[contract]["inherit_configuration"]);
    assert_eq!(inherited("goldfish:store@0.1.0"), ["key_value_stores"]);
    assert_eq!(
        inherited("goldfish:network@0.2.0"),
        ["allowed_outbound_hosts", "variables"]
    );
}

#[test]
fn a_kind_without_values_is_inherited_and_grants_nothing() {
    let network = NETWORK.replace("[grants]", "[grants]\nai_models = []");
    let manifest = manifest(&[("components/capabilities/network/component.toml", &network)]);
    let things = manifest["component"]["things"].as_table().unwrap();
    assert!(!things.contains_key("ai_models"));
    assert_eq!(
        strings(&things["dependencies"]["goldfish:network@0.2.0"]["inherit_configuration"]),
        ["ai_models", "allowed_outbound_hosts", "variables"]
    );
}

#[test]
fn a_route_over_user_data_calls_every_capability_that_holds_some() {
    let route = "description = \"Erases.\"\npaths = [\"/\"]\nuser-data = \"all\"";
    let manifest = manifest(&[("components/routes/plain/component.toml", route)]);
    let dependencies = manifest["component"]["plain"]["dependencies"]
        .as_table()
        .unwrap();
    let contracts: Vec<_> = dependencies.keys().map(String::as_str).collect();
    assert_eq!(contracts, ["goldfish:store@0.1.0"]);
}

/// A new capability and the file that walks over user data.
fn walker(data: &str) -> String {
    let capability = format!(
        "description = \"Remembers.\"\ncontract = \"goldfish:memory@0.1.0\"\nuser-data = \"{data}\""
    );
    let folder = folder(&[
        ("components/capabilities/memory/component.toml", &capability),
        (
            "components/capabilities/memory/Cargo.toml",
            "[package]\nname = \"memory\"\n",
        ),
        ("wit/memory/world.wit", "package goldfish:memory@0.1.0;"),
        ("docs/architecture.md", PAGE),
    ]);
    let application = Application::read(&folder.0).unwrap_or_else(|errors| panic!("{errors}"));
    let files = generate(&application).unwrap_or_else(|errors| panic!("{errors}"));
    let interface = files
        .iter()
        .find(|file| file.path == "wit/memory/user-data.wit");
    assert!(interface.unwrap().text.contains("interface user-data {"));
    let walker = files
        .into_iter()
        .find(|file| file.path.ends_with("user-data/src/holders.rs"));
    walker.unwrap().text
}

const PAGE: &str = "# Architecture
<!-- Generated by `cargo manifest` from here on. Do not edit. -->
<!-- The generated part ends here. -->
";

#[test]
fn a_new_capability_with_user_data_is_erased_and_checked() {
    for (data, function) in [
        ("content", "erase_content"),
        ("records", "erase_records"),
        ("account", "erase_account"),
    ] {
        let text = walker(data);
        let (_, body) = text.split_once(&format!("async fn {function}(")).unwrap();
        let body = body.split("\n}").next().unwrap();
        assert!(
            body.contains("contracts::memory::user_data::erase(user.to_owned())"),
            "{text}"
        );
        let (_, check) = text.split_once("async fn check(").unwrap();
        assert!(
            check.contains("contracts::memory::user_data::check()"),
            "{text}"
        );
        assert!(
            check.contains("contracts::store::user_data::check()"),
            "{text}"
        );
    }
}

#[test]
fn a_route_over_content_calls_only_capabilities_that_hold_content() {
    let records = STORE.replace("\"content\"", "\"records\"");
    let route = "description = \"Erases.\"\npaths = [\"/\"]\nuser-data = \"content\"";
    let manifest = manifest(&[
        ("components/routes/plain/component.toml", route),
        ("components/capabilities/store/component.toml", &records),
    ]);
    let plain = manifest["component"]["plain"].as_table().unwrap();
    assert!(!plain.contains_key("dependencies"));
}

const OTHER: &str = r#"description = "Stores elsewhere."
contract = "goldfish:store@0.1.0"
"#;
const OTHER_CARGO: &str = "[package]\nname = \"elsewhere\"\n";

#[test]
fn one_line_replaces_the_component_behind_a_contract() {
    let other = [
        ("components/capabilities/elsewhere/component.toml", OTHER),
        ("components/capabilities/elsewhere/Cargo.toml", OTHER_CARGO),
    ];
    assert_eq!(
        error(&other),
        "application.toml:1: \"store\" has 2 components (elsewhere, store): name one under [capabilities]"
    );
    let application = APPLICATION.replacen(
        "[[group]]",
        "[capabilities]\nstore = \"elsewhere\"\n[[group]]",
        1,
    );
    let manifest = manifest(&[other[0], other[1], ("application.toml", &application)]);
    let dependency = &manifest["component"]["things"]["dependencies"]["goldfish:store@0.1.0"];
    assert_eq!(
        dependency["component"].as_str(),
        Some("capability-elsewhere")
    );
    assert!(strings(&dependency["inherit_configuration"]).is_empty());
    assert!(
        manifest["component"]
            .as_table()
            .unwrap()
            .contains_key("capability-store")
    );
}

#[test]
fn an_unknown_variable_is_an_error_at_its_line() {
    let network = NETWORK.replace("\"api_key\", ", "\"api_key\",\n  \"api_kee\",\n  ");
    assert_eq!(
        error(&[("components/capabilities/network/component.toml", &network)]),
        "components/capabilities/network/component.toml:4: unknown variable \"api_kee\": it is not in application.toml"
    );
    let network = NETWORK.replace("{{ base_url }}", "{{ base }}");
    assert_eq!(
        error(&[("components/capabilities/network/component.toml", &network)]),
        "components/capabilities/network/component.toml:6: unknown variable \"base\": it is not in application.toml"
    );
    let library = "variables = [\"origins\", \"max_bytes\", \"origin\"]";
    assert_eq!(
        error(&[("components/lib/edge/component.toml", library)]),
        "components/lib/edge/component.toml:1: unknown variable \"origin\": it is not in application.toml"
    );
}

#[test]
fn a_variable_that_nothing_reads_is_an_error_at_its_line() {
    let route = ROUTE.replace("max_bytes = \"max_large_bytes\"", "");
    assert_eq!(
        error(&[("components/routes/things/component.toml", &route)]),
        "application.toml:12: no component reads the variable \"max_large_bytes\""
    );
}

#[test]
fn a_variable_that_is_declared_twice_or_misnamed_is_an_error() {
    let application = APPLICATION.replace("\"max_large_bytes\", default", "\"origins\", default");
    let all = errors(&[("application.toml", &application)]);
    assert_eq!(
        all[0],
        "application.toml:12: variable \"origins\" is declared twice"
    );
    let application = APPLICATION.replace("\"max_large_bytes\", default", "\"Max-large\", default");
    let all = errors(&[("application.toml", &application)]);
    assert_eq!(
        all[0],
        "application.toml:12: variable \"Max-large\" must be lower-case words joined by '_'"
    );
}

#[test]
fn a_capability_that_is_not_there_is_an_error_at_its_line() {
    let route = ROUTE.replace("\"network\"", "\"network\", \"mail\"");
    assert_eq!(
        error(&[("components/routes/things/component.toml", &route)]),
        "components/routes/things/component.toml:3: there is no capability \"mail\": \
         no component in components/capabilities exports it"
    );
    let application = APPLICATION.replacen(
        "[[group]]",
        "[capabilities]\nstore = \"disk\"\n[[group]]",
        1,
    );
    let all = errors(&[("application.toml", &application)]);
    assert_eq!(
        all[0],
        "application.toml:6: no component in components/capabilities/disk exports the contract \"store\""
    );
}

#[test]
fn a_contract_without_a_folder_is_an_error_at_its_line() {
    let store = STORE.replace("goldfish:store@0.1.0", "goldfish:disk@0.1.0");
    let all = errors(&[("components/capabilities/store/component.toml", &store)]);
    assert_eq!(
        all[0],
        "components/capabilities/store/component.toml:2: contract \"goldfish:disk@0.1.0\" \
         must be namespace:name@version, with a folder wit/name"
    );
}

#[test]
fn a_capability_with_storage_that_does_not_state_its_user_data_is_an_error() {
    let store = STORE.replace("user-data = \"content\"\n", "");
    for grant in [
        "key_value_stores = [\"default\"]",
        "sqlite_databases = [\"default\"]",
        "allowed_outbound_hosts = [\"postgres://localhost:5432\"]",
    ] {
        let store = store.replace("key_value_stores = [\"default\"]", grant);
        assert_eq!(
            error(&[("components/capabilities/store/component.toml", &store)]),
            "components/capabilities/store/component.toml:2: has storage and must state \
             `user-data`: none, content, records or account"
        );
    }
}

#[test]
fn two_routes_on_one_path_are_an_error_at_its_line() {
    let plain = "description = \"Plain.\"\npaths = [\n  \"/things/:id\",\n  \"/things/:name\",\n]";
    assert_eq!(
        error(&[("components/routes/plain/component.toml", plain)]),
        "components/routes/plain/component.toml:4: \"/things/:name\" is served by the route \"plain\" too"
    );
    let plain = "description = \"Plain.\"\npaths = [\"/things/...\"]";
    assert_eq!(
        error(&[("components/routes/plain/component.toml", plain)]),
        "components/routes/things/component.toml:2: \"/things/...\" is served by the route \"plain\" too"
    );
}

#[test]
fn a_path_that_spin_does_not_take_is_an_error_at_its_line() {
    for (path, expected) in [
        ("things", "must begin with '/'"),
        ("/a//b", "has an empty segment"),
        ("/a/.../b", "goes on after its wildcard"),
    ] {
        let plain = format!("description = \"Plain.\"\npaths = [\"{path}\"]");
        assert_eq!(
            error(&[("components/routes/plain/component.toml", &plain)]),
            format!("components/routes/plain/component.toml:2: path {path:?} {expected}")
        );
    }
}

#[test]
fn an_unknown_key_is_an_error_at_its_line() {
    for (path, text) in [
        (
            "application.toml",
            format!("{APPLICATION}\n[capabilites]\n"),
        ),
        (
            "components/routes/things/component.toml",
            format!("timeout = 1\n{ROUTE}"),
        ),
        (
            "components/capabilities/store/component.toml",
            format!("{STORE}key_value_store = []\n"),
        ),
        (
            "components/lib/edge/component.toml",
            "variables = []\ngrants = 1".to_owned(),
        ),
    ] {
        let all = errors(&[(path, &text)]);
        let line = 1 + text
            .lines()
            .position(|line| {
                [
                    "[capabilites]",
                    "timeout = 1",
                    "key_value_store = []",
                    "grants = 1",
                ]
                .contains(&line)
            })
            .unwrap();
        let beginning = format!("{path}:{line}: unknown field");
        assert!(
            all.iter().any(|error| error.starts_with(&beginning)),
            "{all:#?}"
        );
    }
}

#[test]
fn a_component_without_a_description_of_itself_is_an_error() {
    let cargo = "[package]\nname = \"route-new\"\n";
    let message = error(&[("components/routes/new/Cargo.toml", cargo)]);
    assert!(
        message.starts_with("components/routes/new/component.toml:1: cannot be read"),
        "{message}"
    );
}

#[test]
fn replacing_a_variable_that_the_route_does_not_read_is_an_error() {
    let route = ROUTE.replace("max_bytes =", "max_things =");
    let all = errors(&[("components/routes/things/component.toml", &route)]);
    assert_eq!(
        all[0],
        "components/routes/things/component.toml:6: this route does not read \"max_things\""
    );
}
