//! The core module of the deny adapter, in the text format.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Function, LiftLowerAbi, ManglingAndAbi, Resolve, SizeAlign, Type, TypeDefKind, WasmExport,
    WasmExportKind, WorldId, WorldItem, WorldKey,
};

/// Size in bytes of the memory that `cabi_realloc` returns for every call. Arguments are written
/// there and never read.
pub(super) const SCRATCH: usize = 64 * 1024;

/// A module that exports all functions of the world's exported interfaces. Its memory is the scratch
/// space followed by the constant results.
pub(super) fn text(resolve: &Resolve, world: WorldId) -> Result<String> {
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut sizes = SizeAlign::default();
    sizes.fill(resolve);
    let mut results = Results {
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
            push_function(&mut functions, &mut results, key, function, mangling)?;
        }
    }
    let pages = (SCRATCH + results.bytes.len()).div_ceil(64 * 1024);
    let mut data = String::new();
    for byte in &results.bytes {
        let _ = write!(data, "\\{byte:02x}");
    }
    // An argument larger than the scratch space gets new memory at the end.
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
    results: &mut Results<'_>,
    key: &WorldKey,
    function: &Function,
    mangling: ManglingAndAbi,
) -> Result<()> {
    let resolve = results.resolve;
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
    for (keyword, types) in [("param", &signature.params), ("result", &signature.results)] {
        for r#type in types {
            let _ = write!(wat, " ({keyword} {})", wasm_type(*r#type));
        }
    }
    let body = match &function.result {
        None => Some(String::new()),
        Some(result) if signature.retptr => results
            .store(result)?
            .map(|offset| format!(" (i32.const {})", SCRATCH + offset)),
        Some(result) => results.bits(result)?.and_then(|bits| {
            let wasm = signature.results.first()?;
            Some(format!(" ({}.const {bits})", wasm_type(*wasm)))
        }),
    };
    // There is no constant value of a type that contains a handle.
    wat.push_str(body.as_deref().unwrap_or(" unreachable"));
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

/// The constant results, in the canonical ABI's memory representation.
struct Results<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
    bytes: Vec<u8>,
}

impl Results<'_> {
    /// Appends the result of a type and returns its offset; `None` if the type has no constant value.
    fn store(&mut self, r#type: &Type) -> Result<Option<usize>> {
        let size = self.sizes.size(r#type).size_wasm32();
        let align = self.sizes.align(r#type).align_wasm32();
        let offset = self.bytes.len().next_multiple_of(align.max(1));
        self.bytes.resize(offset + size, 0);
        Ok(self.fill(offset, r#type)?.then_some(offset))
    }

    /// The result of a type that is returned as one number. Only the discriminant of a `result` or
    /// variant without payload differs from zero.
    fn bits(&mut self, r#type: &Type) -> Result<Option<u8>> {
        let end = self.bytes.len();
        let offset = self.store(r#type)?;
        let bits = offset.map(|offset| self.bytes.get(offset).copied().unwrap_or(0));
        self.bytes.truncate(end);
        Ok(bits)
    }

    /// Writes the result at `offset`, where all bytes are zero. False if the type has no constant value.
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
        let fields: Vec<(usize, Type)> = offsets
            .into_iter()
            .map(|(field_offset, r#type)| (field_offset.size_wasm32(), *r#type))
            .collect();
        for (field_offset, r#type) in fields {
            if !self.fill(offset + field_offset, &r#type)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn put(&mut self, offset: usize, discriminant: usize) {
        for (target, byte) in self
            .bytes
            .iter_mut()
            .skip(offset)
            .zip(discriminant.to_le_bytes())
        {
            // The number is wider than the discriminant; its upper bytes are zero.
            *target |= byte;
        }
    }
}

/// Whether this case of an error type means that access is denied.
fn denies(case: &str) -> bool {
    matches!(
        case,
        "access-denied" | "HTTP-request-denied" | "model-not-supported"
    )
}
