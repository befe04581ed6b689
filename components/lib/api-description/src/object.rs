//! JSON objects.

use serde_json::{Map, Value};

/// The member with this name, which is an object. Inserts an empty one if there is none.
pub(crate) fn member<'a>(
    object: &'a mut Map<String, Value>,
    name: &str,
) -> Result<&'a mut Map<String, Value>, String> {
    object
        .entry(name)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
        .ok_or_else(|| format!("{name} is not an object"))
}

/// Inserts members. None of them may exist already.
pub(crate) fn insert_all(
    to: &mut Map<String, Value>,
    members: Map<String, Value>,
) -> Result<(), String> {
    for (name, value) in members {
        if to.insert(name.clone(), value).is_some() {
            return Err(format!("{name} is defined twice"));
        }
    }
    Ok(())
}
