//! The description of the API (OpenAPI 3.1), put together from what lies beside the routes: each
//! has an `openapi.yaml` with its paths and schemas, and `docs/frame.yaml` has what they share.
//!
//! A fragment is OpenAPI but for what can be said once for all: an operation lists the statuses of
//! its `errors`, and gets those that its body, its credentials and its rate limit bring with them.
//!
//! The whole is kept in a file, since what it is made with has no place in the build of a component;
//! the suite fails unless that file is what this makes.
//!
//! [`Contract`] tells whether requests and answers keep to the description.
//!
//! May read files, and nothing else.

mod contract;
mod errors;
mod fragment;

pub use contract::{Breach, Contract, Operation};

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use errors::Families;
use fragment::Fragment;

/// What is said once for all routes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    info: Map<String, Value>,
    /// In the order in which they are shown.
    tags: Vec<Value>,
    /// Of operations that say nothing else.
    security: Value,
    components: Map<String, Value>,
    errors: Families,
}

/// Where the whole is kept, below the folder of the routes.
pub const WRITTEN: &str = "docs/openapi.json";

/// The description as it is kept.
///
/// # Errors
/// What is wrong with a fragment; a sentence.
pub fn text(routes: &Path) -> Result<String, String> {
    Ok(format!("{:#}\n", document(routes)?))
}

fn sources(routes: &Path) -> Result<Vec<PathBuf>, String> {
    let told = |error: std::io::Error| format!("{}: {error}", routes.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(routes).map_err(told)? {
        let path = entry.map_err(told)?.path().join("openapi.yaml");
        if path.is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn document(routes: &Path) -> Result<Value, String> {
    let frame: Frame = read(&routes.join("docs/frame.yaml"))?;
    let mut fragments = Vec::new();
    for path in sources(routes)? {
        fragments.push(read::<Fragment>(&path)?);
    }
    // A tag without a text of its own comes last.
    let mut tags = frame.tags;
    for fragment in &fragments {
        if !tags.iter().any(|tag| is_named(tag, &fragment.tag)) {
            tags.push(json!({ "name": fragment.tag }));
        }
    }
    let place = |fragment: &Fragment| tags.iter().position(|tag| is_named(tag, &fragment.tag));
    fragments.sort_by_key(place);

    let mut components = frame.components;
    frame.errors.describe(&mut components)?;
    let mut paths = Map::new();
    for fragment in fragments {
        let family = frame.errors.family(&fragment.errors)?;
        let described = fragment.describe(family)?;
        add(&mut paths, described.paths)?;
        add(section(&mut components, "schemas")?, described.schemas)?;
    }
    let mut info = frame.info;
    info.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    Ok(json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": [{ "url": "/", "description": "Where this document comes from." }],
        "tags": tags,
        "security": frame.security,
        "paths": paths,
        "components": components,
    }))
}

fn is_named(tag: &Value, name: &str) -> bool {
    tag.get("name").and_then(Value::as_str) == Some(name)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| told(&error))?;
    let mut value: yaml_serde::Value = yaml_serde::from_str(&text).map_err(|error| told(&error))?;
    value.apply_merge().map_err(|error| told(&error))?;
    yaml_serde::from_value(value).map_err(|error| told(&error))
}

/// An object within an object, empty if it was not there.
fn section<'a>(
    object: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>, String> {
    object
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .ok_or_else(|| format!("{name} is no object"))
}

/// Adds entries, none of which may be there already.
fn add(to: &mut Map<String, Value>, entries: Map<String, Value>) -> Result<(), String> {
    for (name, value) in entries {
        if to.insert(name.clone(), value).is_some() {
            return Err(format!("{name} is there twice"));
        }
    }
    Ok(())
}
