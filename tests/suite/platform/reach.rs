//! Measures what a capability can access: a probe is composed in its place, with the same grants.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use toml::{Table, Value};
use upstream::{Script, Upstream};

use super::probes;
use crate::harness::{App, ChangedManifest, Client, manifest, manifest_table};

/// A capability in a route, with a probe in its place at the path `/probe/<route>/<capability>`.
struct Place {
    route: String,
    capability: String,
    inherited: BTreeSet<String>,
}

impl Place {
    fn path(&self) -> String {
        format!("/probe/{}/{}", self.route, self.capability)
    }

    fn id(&self) -> String {
        format!("probe-{}-in-{}", self.capability, self.route)
    }
}

fn places(table: &Table) -> Vec<Place> {
    let mut places = Vec::new();
    for (route, component) in table["component"].as_table().unwrap() {
        let dependencies = component.get("dependencies").and_then(Value::as_table);
        for dependency in dependencies.into_iter().flat_map(Table::values) {
            let id = dependency["component"].as_str().unwrap();
            let inherited = dependency["inherit_configuration"].as_array().unwrap();
            let inherited = inherited.iter().map(|key| key.as_str().unwrap().to_owned());
            places.push(Place {
                route: route.clone(),
                capability: id.strip_prefix("capability-").unwrap().to_owned(),
                inherited: inherited.collect(),
            });
        }
    }
    places
}

/// The manifest with a probe for each capability of each route.
fn with_probes() -> ChangedManifest {
    probes::build(&["probe-route", "probe-capability"]);
    ChangedManifest::new(|table| {
        let places = places(table);
        let mut probe = Table::new();
        probe.insert("source".to_owned(), probes::wasm("probe-capability"));
        let components = table["component"].as_table_mut().unwrap();
        components.insert("probe-capability".to_owned(), probe.into());
        for place in &places {
            let mut component = components[&place.route].as_table().unwrap().clone();
            component.insert("source".to_owned(), probes::wasm("probe-route"));
            let inherited: Vec<_> = place.inherited.iter().cloned().map(Value::from).collect();
            let mut dependency = Table::new();
            dependency.insert("component".to_owned(), "probe-capability".into());
            dependency.insert("inherit_configuration".to_owned(), inherited.into());
            let mut dependencies = Table::new();
            dependencies.insert("goldfish:probe@0.1.0".to_owned(), dependency.into());
            component.insert("dependencies".to_owned(), dependencies.into());
            components.insert(place.id(), component.into());
        }
        let triggers = table["trigger"]["http"].as_array_mut().unwrap();
        for place in &places {
            let mut trigger = Table::new();
            trigger.insert("route".to_owned(), place.path().into());
            trigger.insert("component".to_owned(), place.id().into());
            triggers.push(trigger.into());
        }
    })
}

fn secrets(table: &Table) -> Vec<String> {
    let variables = table["variables"].as_table().unwrap().iter();
    let secrets = variables.filter(|(_, variable)| variable.get("secret") == Some(&true.into()));
    secrets.map(|(name, _)| name.clone()).collect()
}

fn marker(name: &str) -> String {
    // As long as the longest minimum length of a secret.
    format!("marker-of-{name}-0123456789-0123456789-0123456789")
}

async fn ask(client: &Client, place: &Place, query: &str) -> Option<String> {
    let response = client.get(&format!("{}?{query}", place.path())).await;
    assert_eq!(response.status, 200, "{response:?}");
    let reported = response.json();
    match &reported["value"] {
        Json::String(value) => Some(value.clone()),
        _ => {
            assert!(reported["error"].is_string(), "{reported}");
            None
        }
    }
}

/// The table of docs/grants.md: for each capability the secrets that it states, and the others that
/// it could read.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = manifest().parent().unwrap().join("docs/grants.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("## What a capability could read").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| **"));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').collect();
        let name = cells[1].trim().trim_matches('*').to_owned();
        let secrets = [cells[2], cells[3]].concat();
        let secrets = secrets.split('`').skip(1).step_by(2).map(str::to_owned);
        (name, secrets.collect())
    })
    .collect()
}

#[tokio::test]
async fn a_capability_can_access_exactly_what_the_documentation_lists() {
    let workos = Upstream::start(Script::new(["never"])).await.unwrap();
    let other = Upstream::start(Script::new(["never"])).await.unwrap();
    let origin = |upstream: &Upstream| {
        let url = upstream.anthropic_base_url();
        url.trim_end_matches('/').to_owned()
    };
    let table = manifest_table();
    let secrets = secrets(&table);
    let manifest = with_probes();
    let app = App::with_defaults().manifest(manifest.path());
    let app = app.variable("workos_base_url", origin(&workos));
    let set = |app: crate::harness::Builder, name: &String| app.variable(name, marker(name));
    let app = secrets.iter().fold(app, set).start().await;
    let client = app.client().undescribed();

    let places = places(&table);
    assert!(places.len() > 30, "{}", places.len());
    let mut readable: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for place in &places {
        let route = table["component"][&place.route].as_table().unwrap();
        let of_capability = readable.entry(place.capability.clone()).or_default();
        for name in &secrets {
            let value = ask(&client, place, &format!("variable={name}")).await;
            let is_of_route = route["variables"].get(name).is_some();
            let expected = is_of_route && place.inherited.contains("variables");
            let expected = expected.then(|| marker(name));
            assert_eq!(value, expected, "{name}, {}", place.id());
            if value.is_some() {
                of_capability.insert(name.clone());
            }
        }

        let store = ask(&client, place, "").await;
        let expected = place.inherited.contains("key_value_stores");
        assert_eq!(store.is_some(), expected, "{}", place.id());

        let database = ask(&client, place, "sqlite=1").await;
        let granted = route.contains_key("sqlite_databases");
        let expected = granted && place.inherited.contains("sqlite_databases");
        assert_eq!(database.is_some(), expected, "{}", place.id());

        // No route is granted this one.
        let address = "postgres=postgres://u@db.example/d";
        assert_eq!(ask(&client, place, address).await, None, "{}", place.id());

        let inherits_hosts = place.inherited.contains("allowed_outbound_hosts");
        let hosts = route
            .get("allowed_outbound_hosts")
            .and_then(Value::as_array);
        let grants = |host: &str| {
            let mut hosts = hosts.into_iter().flatten();
            inherits_hosts && hosts.any(|granted| granted.as_str() == Some(host))
        };
        let any_port = grants("http://127.0.0.1:*");
        for (upstream, expected) in [
            (&workos, any_port || grants("{{ workos_base_url }}")),
            (&other, any_port),
        ] {
            let response = ask(&client, place, &format!("url={}/", origin(upstream))).await;
            assert_eq!(response.is_some(), expected, "{}", place.id());
        }
    }
    assert_eq!(readable, documented(), "measured, and in docs/grants.md");
}
