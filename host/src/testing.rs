//! Dummy components for the unit tests.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

/// WIT packages that the tests use in addition to `wit/`.
const PACKAGES: &[&str] = &[
    "package wasi:cli@0.2.6;
     interface environment {
       get-environment: func() -> list<tuple<string, string>>;
     }",
    "package a:a@0.1.0;
     interface one { run: func() -> u32; }
     interface two { run: func(); }",
    "package wasi:http@0.3.0;
     interface handler { handle: func(); }",
];

/// A component with the imports and exports of this world, whose functions trap.
pub(crate) fn component(world: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = concat!(env!("CARGO_MANIFEST_DIR"), "/wit");
    resolve.push_dir(wit).unwrap();
    for package in PACKAGES {
        resolve.push_source("test.wit", package).unwrap();
    }
    let text = format!("package test:test; world test {{ {world} }}");
    let package = resolve.push_source("world.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("test")).unwrap();
    let mangling = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(&resolve, world, mangling);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let mut encoder = ComponentEncoder::default().module(&module).unwrap();
    encoder.encode().unwrap()
}
