//! The deny adapter: a component that replaces the host interfaces that a dependency does not
//! inherit.
//!
//! The adapter exports each denied interface with the types that the dependency imports. Each of its
//! functions returns an error if its result type has one, and an empty value (an empty list, none,
//! zero) otherwise, as Spin's deny adapter does.

mod capabilities;
mod module;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::{InterfaceId, Resolve, WorldId, WorldItem};

use crate::manifest::Inherit;

pub use capabilities::{CAPABILITIES, capability};

/// The names of the interfaces that `component` imports and does not inherit.
///
/// # Errors
/// If the bytes are not a WebAssembly component.
pub fn denied_imports(component: &[u8], inherit: &Inherit) -> Result<BTreeSet<String>> {
    let (resolve, world) = decode(component)?;
    Ok(denied(&resolve, world, inherit)
        .into_iter()
        .map(|(name, _)| name)
        .collect())
}

/// Builds the deny adapter of `component`; `None` if the component inherits all that it imports.
///
/// # Errors
/// If the bytes are not a WebAssembly component.
pub fn adapter(component: &[u8], inherit: &Inherit) -> Result<Option<Vec<u8>>> {
    let (mut resolve, imports) = decode(component)?;
    let denied = denied(&resolve, imports, inherit);
    if denied.is_empty() {
        return Ok(None);
    }
    let mut wit = String::from("package goldfish:deny;\nworld adapter {\n");
    for (name, _) in &denied {
        let _ = writeln!(wit, "  export {name};");
    }
    wit.push_str("}\n");
    let package = resolve
        .push_source("deny.wit", &wit)
        .context("cannot describe the denied interfaces")?;
    let world = resolve.select_world(&[package], Some("adapter"))?;
    let mut module = wat::parse_str(module::text(&resolve, world)?)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let adapter = ComponentEncoder::default().module(&module)?.encode()?;
    Ok(Some(adapter))
}

fn decode(component: &[u8]) -> Result<(Resolve, WorldId)> {
    match wit_component::decode(component)? {
        DecodedWasm::Component(resolve, world) => Ok((resolve, world)),
        DecodedWasm::WitPackage(..) => anyhow::bail!("this is a WIT package, not a component"),
    }
}

/// The name and id of each imported interface that is not inherited.
fn denied(resolve: &Resolve, world: WorldId, inherit: &Inherit) -> Vec<(String, InterfaceId)> {
    let Some(world) = resolve.worlds.get(world) else {
        return Vec::new();
    };
    world
        .imports
        .iter()
        .filter_map(|(key, item)| match item {
            WorldItem::Interface { id, .. } => Some((resolve.name_world_key(key), *id)),
            _ => None,
        })
        .filter(|(name, _)| match (capability(name), inherit) {
            (None, _) | (Some(_), Inherit::All(true)) => false,
            (Some(_), Inherit::All(false)) => true,
            (Some(capability), Inherit::Some(inherited)) => {
                !inherited.iter().any(|key| key == capability)
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use wasmtime::component::{Component, Linker, Val};
    use wasmtime::{Config, Engine, Store};

    use super::*;
    use crate::testing;

    #[test]
    fn capability_accepts_compatible_versions_only() {
        assert_eq!(
            capability("wasi:cli/environment@0.2.9"),
            Some("environment")
        );
        assert_eq!(capability("wasi:cli/environment@0.4.0"), None);
        assert_eq!(capability("wasi:http/types@0.3.0"), None);
        assert_eq!(
            capability("wasi:keyvalue/store@0.2.0-draft2"),
            Some("key_value_stores")
        );
        assert_eq!(capability("wasi:keyvalue/store@0.2.0-draft3"), None);
    }

    fn dependency() -> Vec<u8> {
        testing::component(
            "import wasi:cli/environment@0.2.6;
             import spin:key-value/key-value@3.0.0;
             import wasi:keyvalue/atomics@0.2.0-draft2;
             import fermyon:spin/llm@2.0.0;
             import spin:postgres/postgres@4.2.0;
             import spin:sqlite/sqlite@3.1.0;
             import wasi:config/store@0.2.0-draft-2024-09-27;",
        )
    }

    #[test]
    fn denied_imports_are_those_not_listed_in_inherit_configuration() {
        let denied = |inherit: &Inherit| -> Vec<String> {
            denied_imports(&dependency(), inherit)
                .unwrap()
                .into_iter()
                .collect()
        };
        assert_eq!(denied(&Inherit::All(true)), [""; 0]);
        let some = ["key_value_stores", "ai_models", "misspelt"].map(str::to_owned);
        assert_eq!(
            denied(&Inherit::Some(some.to_vec())),
            [
                "spin:postgres/postgres@4.2.0",
                "spin:sqlite/sqlite@3.1.0",
                "wasi:cli/environment@0.2.6",
                "wasi:config/store@0.2.0-draft-2024-09-27"
            ]
        );
        assert_eq!(denied(&Inherit::All(false)).len(), 8);
        assert!(
            adapter(&dependency(), &Inherit::All(true))
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn denied_functions_return_errors_or_empty_values() {
        let adapter = adapter(&dependency(), &Inherit::All(false))
            .unwrap()
            .unwrap();
        let mut config = Config::new();
        config.wasm_component_model_async(true);
        let engine = Engine::new(&config).unwrap();
        let component = Component::from_binary(&engine, &adapter).unwrap();
        let mut store = Store::new(&engine, ());
        let linker = Linker::new(&engine);
        let instance = linker
            .instantiate_async(&mut store, &component)
            .await
            .unwrap();
        let text = |text: &str| Val::String(text.to_owned());
        let denied = |case: &str| {
            let error = Val::Variant(case.to_owned(), None);
            Val::Result(Err(Some(Box::new(error))))
        };
        let config_error = Val::Variant("upstream".into(), Some(Box::new(text(""))));
        // Larger than the scratch space, so that the adapter has to grow its memory.
        let long = "x".repeat(3 * module::SCRATCH);
        let cases = [
            (
                "wasi:cli/environment@0.2.6",
                "get-environment",
                vec![],
                Val::List(vec![]),
            ),
            (
                "spin:key-value/key-value@3.0.0",
                "[static]store.open",
                vec![text("default")],
                denied("access-denied"),
            ),
            (
                "wasi:keyvalue/store@0.2.0-draft2",
                "open",
                vec![text("default")],
                denied("access-denied"),
            ),
            (
                "spin:sqlite/sqlite@3.1.0",
                "[static]connection.open",
                vec![text("default")],
                denied("access-denied"),
            ),
            (
                "spin:postgres/postgres@4.2.0",
                "[static]connection.open",
                vec![text("postgres://localhost/app")],
                Val::Result(Err(Some(Box::new(Val::Variant(
                    "connection-failed".into(),
                    Some(Box::new(text(""))),
                ))))),
            ),
            (
                "fermyon:spin/llm@2.0.0",
                "infer",
                vec![text("model"), text(&long), Val::Option(None)],
                denied("model-not-supported"),
            ),
            (
                "wasi:config/store@0.2.0-draft-2024-09-27",
                "get",
                vec![text("key")],
                Val::Result(Err(Some(Box::new(config_error)))),
            ),
        ];
        for (interface, function, arguments, expected) in cases {
            let exported = instance.get_export_index(&mut store, None, interface);
            let index = instance
                .get_export_index(&mut store, exported.as_ref(), function)
                .unwrap_or_else(|| panic!("no {interface} {function}"));
            let function = instance.get_func(&mut store, index).unwrap();
            let mut results = [Val::Bool(false)];
            function
                .call_async(&mut store, &arguments, &mut results)
                .await
                .unwrap();
            assert_eq!(results, [expected], "{interface}");
        }
    }
}
