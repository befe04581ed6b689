//! Stands in for the host interfaces that a dependency does not inherit.
//!
//! For the interfaces to be denied a component is made that exports them with the dependency's own
//! types. Every function answers at once: with an error if its result can be one, else with
//! nothing (an empty list, none, zero), as Spin's deny adapter does.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use wit_component::{ComponentEncoder, DecodedWasm, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Function, InterfaceId, LiftLowerAbi, ManglingAndAbi, Resolve, SizeAlign, Type, TypeDefKind,
    WasmExport, WasmExportKind, WorldId, WorldItem, WorldKey,
};

use crate::manifest::Inherit;

/// The interfaces behind each word of `inherit_configuration`, with their versions as Spin lists
/// them; compatible versions are meant too.
pub const CAPABILITIES: &[(&str, &[&str])] = &[
    ("ai_models", &["fermyon:spin/llm", "fermyon:spin/llm@2.0.0"]),
    (
        "allowed_outbound_hosts",
        &[
            "fermyon:spin/http",
            "fermyon:spin/mysql",
            "fermyon:spin/postgres",
            "fermyon:spin/redis",
            "fermyon:spin/mqtt@2.0.0",
            "fermyon:spin/mysql@2.0.0",
            "fermyon:spin/postgres@2.0.0",
            "fermyon:spin/redis@2.0.0",
            "spin:mqtt/mqtt@3.0.0",
            "spin:mysql/mysql@3.0.0",
            "spin:postgres/postgres@3.0.0",
            "spin:postgres/postgres@4.2.0",
            "spin:redis/redis@3.0.0",
            "wasi:http/client@0.3.0",
            "wasi:http/outgoing-handler@0.2.6",
            "wasi:sockets/ip-name-lookup@0.2.6",
            "wasi:sockets/ip-name-lookup@0.3.0",
            "wasi:sockets/tcp-create-socket@0.2.6",
            "wasi:sockets/tcp@0.2.6",
            "wasi:sockets/udp-create-socket@0.2.6",
            "wasi:sockets/udp@0.2.6",
        ],
    ),
    (
        "environment",
        &["wasi:cli/environment@0.2.6", "wasi:cli/environment@0.3.0"],
    ),
    (
        "files",
        &[
            "wasi:filesystem/preopens@0.2.6",
            "wasi:filesystem/preopens@0.3.0",
        ],
    ),
    (
        "key_value_stores",
        &[
            "fermyon:spin/key-value",
            "fermyon:spin/key-value@2.0.0",
            "spin:key-value/key-value@3.0.0",
            "wasi:keyvalue/store@0.2.0-draft2",
            // Spin lists only the store, and then cannot compose a component that uses these.
            "wasi:keyvalue/atomics@0.2.0-draft2",
            "wasi:keyvalue/batch@0.2.0-draft2",
        ],
    ),
    (
        "sqlite_databases",
        &[
            "fermyon:spin/sqlite",
            "fermyon:spin/sqlite@2.0.0",
            "spin:sqlite/sqlite@3.1.0",
        ],
    ),
    (
        "variables",
        &[
            "fermyon:spin/config",
            "fermyon:spin/variables@2.0.0",
            "spin:variables/variables@3.0.0",
            "wasi:config/store@0.2.0-draft-2024-09-27",
        ],
    ),
];

/// The word of `inherit_configuration` that an interface stands behind, if any.
pub fn capability(interface: &str) -> Option<&'static str> {
    CAPABILITIES
        .iter()
        .find(|(_, interfaces)| interfaces.iter().any(|known| compatible(known, interface)))
        .map(|(capability, _)| *capability)
}

/// Equal, or of the same name and of versions that semantic versioning calls compatible.
fn compatible(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    let (Some((name_a, a)), Some((name_b, b))) = (a.split_once('@'), b.split_once('@')) else {
        return false;
    };
    if name_a != name_b || a.contains('-') || b.contains('-') {
        return false;
    }
    let series = |version: &str| -> Option<(u64, u64)> {
        let mut numbers = version.split('.').map(|number| number.parse::<u64>().ok());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some((major, if major == 0 { minor } else { 0 }))
    };
    series(a).is_some() && series(a) == series(b)
}

/// The interfaces that `component` (a WebAssembly component) imports and may not use.
///
/// # Errors
/// If the bytes are not a component.
pub fn denied_imports(component: &[u8], inherit: &Inherit) -> Result<BTreeSet<String>> {
    let (resolve, world) = decode(component)?;
    Ok(denied(&resolve, world, inherit)
        .into_iter()
        .map(|(name, _)| name)
        .collect())
}

/// A component that exports what `component` imports and may not use; `None` if there is no such
/// import.
///
/// # Errors
/// If the bytes are not a component.
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
    let mut module = wat::parse_str(module(&resolve, world)?)?;
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    let adapter = ComponentEncoder::default().module(&module)?.encode()?;
    Ok(Some(adapter))
}

fn decode(component: &[u8]) -> Result<(Resolve, WorldId)> {
    match wit_component::decode(component)? {
        DecodedWasm::Component(resolve, world) => Ok((resolve, world)),
        DecodedWasm::WitPackage(..) => anyhow::bail!("not a component but a WIT package"),
    }
}

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
                !inherited.iter().any(|word| word == capability)
            }
        })
        .collect()
}

/// What `cabi_realloc` hands out, over and over: arguments are written there and never read.
const SCRATCH: usize = 64 * 1024;

/// The core module in text form. Memory is the scratch space followed by the answers.
fn module(resolve: &Resolve, world: WorldId) -> Result<String> {
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let mut answers = Answers {
        resolve,
        sizes,
        bytes: Vec::new(),
    };
    let mut functions = String::new();
    let world = resolve.worlds.get(world).context("no such world")?;
    for (key, item) in &world.exports {
        let WorldItem::Interface { id, .. } = item else {
            continue;
        };
        let interface = resolve.interfaces.get(*id).context("no such interface")?;
        for function in interface.functions.values() {
            push_function(&mut functions, &mut answers, key, function, mangling)?;
        }
    }
    let pages = (SCRATCH + answers.bytes.len()).div_ceil(64 * 1024);
    let mut data = String::new();
    for byte in &answers.bytes {
        let _ = write!(data, "\\{byte:02x}");
    }
    // A larger argument than the scratch space gets memory of its own, at the end.
    Ok(format!(
        r#"(module
  (memory (export "memory") {pages})
  (data (i32.const {SCRATCH}) "{data}")
  (func (export "cabi_realloc") (param $old i32) (param i32) (param i32) (param $size i32) (result i32)
    (local $page i32)
    (if (i32.le_u (local.get $size) (i32.const {SCRATCH}))
      (then (return (i32.const 16))))
    (local.set $page (memory.grow (i32.add (i32.shr_u (local.get $size) (i32.const 16)) (i32.const 1))))
    (if (i32.eq (local.get $page) (i32.const -1)) (then unreachable))
    (i32.shl (local.get $page) (i32.const 16)))
{functions})"#
    ))
}

fn push_function(
    wat: &mut String,
    answers: &mut Answers<'_>,
    key: &WorldKey,
    function: &Function,
    mangling: ManglingAndAbi,
) -> Result<()> {
    let resolve = answers.resolve;
    let name = resolve.wasm_export_name(
        mangling,
        WasmExport::Func {
            interface: Some(key),
            func: function,
            kind: WasmExportKind::Normal,
        },
    );
    let signature = resolve.wasm_signature(AbiVariant::GuestExport, function);
    let _ = write!(wat, "  (func (export {name:?})");
    for (word, types) in [("param", &signature.params), ("result", &signature.results)] {
        for r#type in types {
            let _ = write!(wat, " ({word} {})", wasm_type(*r#type));
        }
    }
    let answer = match &function.result {
        None => Some(String::new()),
        Some(result) if signature.retptr => answers
            .store(result)?
            .map(|offset| format!(" (i32.const {})", SCRATCH + offset)),
        Some(result) => answers.bits(result)?.and_then(|bits| {
            let wasm = signature.results.first()?;
            Some(format!(" ({}.const {bits})", wasm_type(*wasm)))
        }),
    };
    // No answer is possible where a handle would have to be made up.
    wat.push_str(answer.as_deref().unwrap_or(" unreachable"));
    wat.push_str(")\n");
    Ok(())
}

fn wasm_type(r#type: WasmType) -> &'static str {
    match r#type {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

/// Values that mean "no", in the canonical ABI's memory representation.
struct Answers<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    bytes: Vec<u8>,
}

impl Answers<'_> {
    /// Puts the answer of a type into memory; returns where, from the start of the answers.
    fn store(&mut self, r#type: &Type) -> Result<Option<usize>> {
        let size = self.sizes.size(r#type).size_wasm32();
        let align = self.sizes.align(r#type).align_wasm32();
        let offset = self.bytes.len().next_multiple_of(align.max(1));
        self.bytes.resize(offset + size, 0);
        Ok(self.fill(offset, r#type)?.then_some(offset))
    }

    /// The answer of a type that is returned as one number. Only results and variants without
    /// payload have other answers than zero; those are one byte or more of discriminant.
    fn bits(&mut self, r#type: &Type) -> Result<Option<u8>> {
        let end = self.bytes.len();
        let offset = self.store(r#type)?;
        let bits = offset.map(|offset| self.bytes.get(offset).copied().unwrap_or(0));
        self.bytes.truncate(end);
        Ok(bits)
    }

    /// Writes the answer at `offset`, which is all zero; false if there is none.
    fn fill(&mut self, offset: usize, r#type: &Type) -> Result<bool> {
        let Type::Id(id) = r#type else {
            return Ok(true);
        };
        let resolve = self.resolve;
        let kind = &resolve.types.get(*id).context("no such type")?.kind;
        match kind {
            TypeDefKind::Type(alias) => self.fill(offset, alias),
            TypeDefKind::Result(result) => {
                self.put(offset, 1);
                let Some(error) = &result.err else {
                    return Ok(true);
                };
                let payload = self.sizes.payload_offset(
                    wit_parser::Int::U8,
                    [result.ok.as_ref(), result.err.as_ref()],
                );
                self.fill(offset + payload.size_wasm32(), error)
            }
            TypeDefKind::Enum(cases) => {
                let denied = cases.cases.iter().position(|case| denies(&case.name));
                self.put(offset, denied.unwrap_or(0));
                Ok(true)
            }
            TypeDefKind::Variant(variant) => {
                let denied = variant.cases.iter().position(|case| denies(&case.name));
                let plain = || variant.cases.iter().position(|case| case.ty.is_none());
                let index = denied.or_else(plain).unwrap_or(0);
                self.put(offset, index);
                let payload = self.sizes.payload_offset(
                    variant.tag(),
                    variant.cases.iter().map(|case| case.ty.as_ref()),
                );
                match variant.cases.get(index).and_then(|case| case.ty.as_ref()) {
                    Some(r#type) => self.fill(offset + payload.size_wasm32(), r#type),
                    None => Ok(true),
                }
            }
            TypeDefKind::Record(record) => {
                let types: Vec<Type> = record.fields.iter().map(|field| field.ty).collect();
                self.fill_fields(offset, &types)
            }
            TypeDefKind::Tuple(tuple) => self.fill_fields(offset, &tuple.types.clone()),
            TypeDefKind::Option(_)
            | TypeDefKind::List(_)
            | TypeDefKind::Map(..)
            | TypeDefKind::Flags(_) => Ok(true),
            _ => Ok(false),
        }
    }

    fn fill_fields(&mut self, offset: usize, types: &[Type]) -> Result<bool> {
        let offsets = self.sizes.field_offsets(types.iter());
        let places: Vec<(usize, Type)> = offsets
            .into_iter()
            .map(|(place, r#type)| (place.size_wasm32(), *r#type))
            .collect();
        for (place, r#type) in places {
            if !self.fill(offset + place, &r#type)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn put(&mut self, offset: usize, discriminant: usize) {
        for (place, byte) in self
            .bytes
            .iter_mut()
            .skip(offset)
            .zip(discriminant.to_le_bytes())
        {
            // Wider than needed only by zeros onto zeros.
            *place |= byte;
        }
    }
}

/// The names that error types have for this.
fn denies(case: &str) -> bool {
    matches!(
        case,
        "access-denied" | "HTTP-request-denied" | "model-not-supported"
    )
}

#[cfg(test)]
mod tests {
    use wasmtime::component::{Component, Linker, Val};
    use wasmtime::{Config, Engine, Store};

    use super::*;
    use crate::testing;

    #[test]
    fn versions() {
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
             import wasi:config/store@0.2.0-draft-2024-09-27;",
        )
    }

    #[test]
    fn only_what_is_listed_is_inherited() {
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
                "wasi:cli/environment@0.2.6",
                "wasi:config/store@0.2.0-draft-2024-09-27"
            ]
        );
        assert_eq!(denied(&Inherit::All(false)).len(), 6);
        assert!(
            adapter(&dependency(), &Inherit::All(true))
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn denied_functions_answer_no() {
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
        let no = |case: &str| {
            let error = Val::Variant(case.to_owned(), None);
            Val::Result(Err(Some(Box::new(error))))
        };
        let config_error = Val::Variant("upstream".into(), Some(Box::new(text(""))));
        // Larger than what arguments are usually put into, to see that the adapter finds room.
        let long = "x".repeat(3 * SCRATCH);
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
                no("access-denied"),
            ),
            (
                "wasi:keyvalue/store@0.2.0-draft2",
                "open",
                vec![text("default")],
                no("access-denied"),
            ),
            (
                "fermyon:spin/llm@2.0.0",
                "infer",
                vec![text("model"), text(&long), Val::Option(None)],
                no("model-not-supported"),
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
