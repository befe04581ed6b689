//! The generated files of this repository are what the tool writes.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use goldfish_manifest::{Application, find_root, generate};

#[test]
fn generated_files_are_current() {
    let root = find_root(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let application = Application::read(&root).unwrap_or_else(|errors| panic!("{errors}"));
    let files = generate(&application).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(files.iter().any(|file| file.path == "spin.toml"));
    for file in files {
        let committed = std::fs::read_to_string(root.join(&file.path)).unwrap_or_default();
        let differing = file.text.lines().zip(committed.lines());
        let differing = differing
            .into_iter()
            .find(|(generated, committed)| generated != committed);
        assert!(
            file.text == committed,
            "{} is out of date: run `cargo manifest`. First difference (generated, committed): {differing:?}",
            file.path
        );
    }
}

#[test]
fn generated_pages_have_at_most_200_lines() {
    let root = find_root(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let application = Application::read(&root).unwrap();
    for file in generate(&application).unwrap() {
        let lines = file.text.lines().count();
        let is_page = file.path.starts_with("docs/");
        assert!(!is_page || lines <= 200, "{} has {lines} lines", file.path);
    }
}
