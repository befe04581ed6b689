//! A capability that is added is erased, by the code that is generated for it: compiled against
//! contracts that only record their calls.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use goldfish_manifest::{Application, find_root, generate};

/// The walk, polled once: no recorded call waits.
const MAIN: &str = r#"
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn run<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits"),
    }
}

fn main() {
    let walk = std::env::args().nth(1).unwrap();
    let result = match walk.as_str() {
        "erase" => run(user_data::erase("someone")),
        "erase-content" => run(user_data::erase_content("someone")),
        "export" => run(user_data::export("someone")).map(drop),
        _ => run(user_data::check()),
    };
    if let Err(failure) = result {
        println!("failed {}", failure.message());
    }
}
"#;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

/// The contracts that hold user data, each of whose functions prints its call.
fn contracts(names: &[&str]) -> String {
    let modules = names.iter().map(|name| {
        let module = name.replace('-', "_");
        format!(
            "pub mod {module} {{ pub mod user_data {{
                pub async fn erase(user: String) -> Result<(), String> {{ crate::call(\"{name}\", \"erase\", &user) }}
                pub async fn export(user: String) -> Result<String, String> {{ crate::call(\"{name}\", \"export\", &user)?; Ok(String::new()) }}
                pub async fn check() -> Result<(), String> {{ crate::call(\"{name}\", \"check\", \"\") }}
            }} }}"
        )
    });
    let call = "fn call(name: &str, function: &str, user: &str) -> Result<(), String> {
        println!(\"{name} {function} {user}\");
        if std::env::args().nth(2).as_deref() == Some(name) { Err(\"broken\".to_owned()) } else { Ok(()) }
    }";
    modules
        .chain([call.to_owned()])
        .collect::<Vec<_>>()
        .join("\n")
}

fn compile(folder: &Path, arguments: &[&str]) {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let mut command = Command::new(rustc);
    command
        .current_dir(folder)
        .args(["--edition", "2024", "-L", "."]);
    let output = command.args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The application of this repository with one more capability, and a program that walks.
fn walker() -> PathBuf {
    let root = find_root(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("erasure");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for part in ["components", "wit", "docs"] {
        copy(&root.join(part), &folder.join(part));
    }
    std::fs::copy(
        root.join("application.toml"),
        folder.join("application.toml"),
    )
    .unwrap();

    let fake = folder.join("components/capabilities/memory");
    std::fs::create_dir_all(&fake).unwrap();
    std::fs::write(fake.join("Cargo.toml"), "[package]\nname = \"memory\"\n").unwrap();
    let component = "description = \"Remembers.\"\ncontract = \"goldfish:memory@0.1.0\"\n\
                     user-data = \"content\"\n[grants]\nkey_value_stores = [\"default\"]\n";
    std::fs::write(fake.join("component.toml"), component).unwrap();
    std::fs::create_dir_all(folder.join("wit/memory")).unwrap();
    std::fs::write(
        folder.join("wit/memory/world.wit"),
        "package goldfish:memory@0.1.0;",
    )
    .unwrap();

    let application = Application::read(&folder).unwrap_or_else(|errors| panic!("{errors}"));
    for file in generate(&application).unwrap_or_else(|errors| panic!("{errors}")) {
        let path = folder.join(file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, file.text).unwrap();
    }
    let holders = [
        "accounts",
        "conversations",
        "files",
        "memory",
        "messaging",
        "quota",
        "response-cache",
        "streams",
    ];
    std::fs::write(folder.join("contracts.rs"), contracts(&holders)).unwrap();
    std::fs::write(folder.join("main.rs"), MAIN).unwrap();
    compile(&folder, &["--crate-type", "rlib", "contracts.rs"]);
    let library = "components/lib/user-data/src/lib.rs";
    compile(
        &folder,
        &[
            "--crate-type",
            "rlib",
            "--crate-name",
            "user_data",
            "--extern",
            "contracts",
            library,
        ],
    );
    compile(&folder, &["--extern", "user_data", "-o", "walk", "main.rs"]);
    folder.join("walk")
}

fn calls(walker: &Path, arguments: &[&str]) -> Vec<String> {
    let output = Command::new(walker).args(arguments).output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn a_capability_that_is_added_is_erased_and_checked() {
    let walker = walker();
    let content = [
        "conversations erase someone",
        "files erase someone",
        "memory erase someone",
        "response-cache erase someone",
        "streams erase someone",
    ];
    assert_eq!(calls(&walker, &["erase-content"]), content);

    let all = calls(&walker, &["erase"]);
    let records = ["messaging erase someone", "quota erase someone"];
    let once = [&content[..], &records[..], &["accounts erase someone"]].concat();
    let again = [&content[..], &records[..]].concat();
    // The account last, and then what was written meanwhile.
    assert_eq!(all, [once, again].concat());

    let exports = calls(&walker, &["export"]);
    assert!(
        exports.contains(&"memory export someone".to_owned()),
        "{exports:?}"
    );
    assert_eq!(exports.len(), 8);

    let checks = calls(&walker, &["check"]);
    assert!(checks.contains(&"memory check".to_owned()), "{checks:?}");
    assert_eq!(checks.len(), 8);

    // Nothing after a failure is erased, so that the account is there to try again.
    let broken = calls(&walker, &["erase", "memory"]);
    assert_eq!(
        broken,
        [content[0], content[1], content[2], "failed memory: broken"]
    );
}
