//! The command line of `goldfish`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

fn goldfish(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_goldfish"));
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_names_options_and_commands() {
    let output = goldfish(&["--help"]);
    assert!(output.status.success(), "{output:?}");
    let help = text(&output.stdout);
    for word in ["--listen", "--from", "--variable", "proxy"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}

#[test]
fn an_unknown_option_is_an_error_that_names_it() {
    let output = goldfish(&["--lisen", "127.0.0.1:3000"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("--lisen"), "{output:?}");
}

#[test]
fn a_missing_manifest_is_an_error_that_names_it() {
    let output = goldfish(&["--no-build", "--from", "no-such-folder/spin.toml"]);
    assert!(!output.status.success(), "{output:?}");
    assert!(
        text(&output.stderr).contains("no-such-folder"),
        "{output:?}"
    );
}
