//! Assembles the document from the fragments.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use crate::{
    errors::Families,
    fragment::Fragment,
    object::{insert_all, member},
};

/// The parts of the document that all routes share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame {
    info: Map<String, Value>,
    /// In display order.
    tags: Vec<Value>,
    /// The default of operations without `security`.
    security: Value,
    components: Map<String, Value>,
    errors: Families,
}

/// The committed document, relative to the folder of the routes.
pub const DOCUMENT_FILE: &str = "docs/openapi.json";

/// Assembles the document and returns it as the text of its file.
///
/// # Errors
/// A sentence that names the invalid fragment.
pub fn render(routes: &Path) -> Result<String, String> {
    Ok(format!("{:#}\n", assemble(routes)?))
}

/// The fragments' files, sorted.
fn fragment_files(routes: &Path) -> Result<Vec<PathBuf>, String> {
    let describe = |error: std::io::Error| format!("{}: {error}", routes.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(routes).map_err(describe)? {
        let path = entry.map_err(describe)?.path().join("openapi.yaml");
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn assemble(routes: &Path) -> Result<Value, String> {
    let frame: Frame = read(&routes.join("docs/frame.yaml"))?;
    let mut fragments = Vec::new();
    for path in fragment_files(routes)? {
        fragments.push(read::<Fragment>(&path)?);
    }
    // Tags that the frame does not describe come last.
    let mut tags = frame.tags;
    for fragment in &fragments {
        if !tags.iter().any(|tag| is_named(tag, &fragment.tag)) {
            tags.push(json!({ "name": fragment.tag }));
        }
    }
    let position = |fragment: &Fragment| tags.iter().position(|tag| is_named(tag, &fragment.tag));
    fragments.sort_by_key(position);

    let mut components = frame.components;
    frame.errors.add_to(&mut components)?;
    let mut paths = Map::new();
    for fragment in fragments {
        let family = frame.errors.family(&fragment.errors)?;
        let completed = fragment.complete(family)?;
        insert_all(&mut paths, completed.paths)?;
        insert_all(member(&mut components, "schemas")?, completed.schemas)?;
    }
    let mut info = frame.info;
    info.insert("version".to_owned(), env!("CARGO_PKG_VERSION").into());
    Ok(json!({
        "openapi": "3.1.0",
        "info": info,
        "servers": [{ "url": "/", "description": "The server of this document." }],
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
    let describe = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let text = fs::read_to_string(path).map_err(|error| describe(&error))?;
    let mut value: yaml_serde::Value =
        yaml_serde::from_str(&text).map_err(|error| describe(&error))?;
    value.apply_merge().map_err(|error| describe(&error))?;
    yaml_serde::from_value(value).map_err(|error| describe(&error))
}
