//! `cargo manifest`: writes the files that are generated from the `component.toml` files and
//! `application.toml`. With `--check` it writes nothing and fails if a file is out of date.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use goldfish_manifest::{Application, find_root, generate};

fn main() -> ExitCode {
    let mut output = std::io::stderr();
    match run() {
        Ok(lines) => {
            for line in lines {
                let _ = writeln!(output, "{line}");
            }
            ExitCode::SUCCESS
        }
        Err(message) => {
            let _ = writeln!(output, "{message}");
            ExitCode::FAILURE
        }
    }
}

/// Lines to print, or the message to fail with.
fn run() -> Result<Vec<String>, String> {
    let check = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: cargo manifest [--check]".to_owned()),
    };
    let current = std::env::current_dir().map_err(|error| error.to_string())?;
    let root = find_root(&current)?;
    let files = Application::read(&root)
        .and_then(|application| generate(&application))
        .map_err(|errors| errors.to_string())?;
    let mut lines = Vec::new();
    for file in files {
        let path = root.join(&file.path);
        if std::fs::read_to_string(&path).ok().as_deref() == Some(&file.text) {
            continue;
        }
        if check {
            lines.push(format!("{} is out of date", file.path));
            continue;
        }
        write(&path, &file.text).map_err(|error| format!("{}: {error}", file.path))?;
        lines.push(format!("wrote {}", file.path));
    }
    if check && !lines.is_empty() {
        lines.push("run: cargo manifest".to_owned());
        return Err(lines.join("\n"));
    }
    Ok(lines)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, text)
}
