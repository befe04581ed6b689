//! Client libraries from npm and PyPI: installed into a folder of the build as their lockfiles say,
//! and run against the application.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use super::manifest;

/// A folder with scripts and the libraries that they need, and the program that runs them.
#[derive(Debug)]
pub(crate) struct Scripts {
    folder: PathBuf,
    program: PathBuf,
}

/// What a machine lacks; anything else that goes wrong fails the test.
type Found<T> = Result<T, String>;

impl Scripts {
    /// Scripts for Node.js, at least of that version, in a folder below `tests/clients`.
    pub(crate) async fn node(source: &str, oldest: (u32, u32)) -> Found<Self> {
        Self::package(&format!("tests/clients/{source}"), oldest).await
    }

    /// The same for a package anywhere below the root. What it builds is for the test to build.
    pub(crate) async fn package(source: &str, oldest: (u32, u32)) -> Found<Self> {
        require("node", "v", oldest).await?;
        require("npm", "", (0, 0)).await?;
        let folder = copied(source, "node");
        install_once(&folder, "package-lock.json", async || {
            let mut npm = Command::new("npm");
            npm.args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&folder);
            succeed("npm ci", &mut npm).await;
        })
        .await;
        Ok(Self {
            folder,
            program: "node".into(),
        })
    }

    /// Scripts for Python, at least of that version, in a folder below `tests/clients`; the
    /// libraries go into a virtual environment.
    pub(crate) async fn python(source: &str, oldest: (u32, u32)) -> Found<Self> {
        require("python3", "Python ", oldest).await?;
        let mut modules = Command::new("python3");
        modules.args(["-c", "import ensurepip, venv"]);
        if !modules.output().await.unwrap().status.success() {
            return Err("Python has no venv here".to_owned());
        }
        let folder = copied(&format!("tests/clients/{source}"), "python");
        let environment = folder.join("venv");
        install_once(&folder, "requirements.txt", async || {
            let mut venv = Command::new("python3");
            venv.args(["-m", "venv", "--clear"]).arg(&environment);
            succeed("venv", &mut venv).await;
            let mut pip = Command::new(environment.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--no-deps"])
                .args(["--disable-pip-version-check", "-r", "requirements.txt"])
                .current_dir(&folder);
            succeed("pip install", &mut pip).await;
        })
        .await;
        Ok(Self {
            program: environment.join("bin/python"),
            folder,
        })
    }

    /// The copy that scripts are run in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Runs one of the `scripts` of `package.json`.
    pub(crate) async fn npm(&self, script: &str, arguments: &[&str]) {
        let mut npm = Command::new("npm");
        npm.args(["run", "--silent", script, "--"])
            .args(arguments)
            .current_dir(&self.folder);
        succeed(script, &mut npm).await;
    }

    /// Runs a script with these environment variables, and gives what it prints.
    pub(crate) async fn print_with(&self, script: &str, variables: &[(&str, &str)]) -> String {
        let mut command = Command::new(&self.program);
        command
            .arg(script)
            .envs(variables.iter().copied())
            .current_dir(&self.folder);
        let output = succeed(script, &mut command).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a script, and gives the JSON that it prints.
    pub(crate) async fn run(&self, script: &str, arguments: &[&str]) -> Value {
        let mut command = Command::new(&self.program);
        command
            .arg(script)
            .args(arguments)
            .current_dir(&self.folder);
        let output = succeed(script, &mut command).await;
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{script} {arguments:?}: {error}: {}", shown(&output)))
    }
}

/// Says aloud that a test was skipped, past the test runner that keeps what passing tests print
/// to itself.
pub(crate) fn skipped(test: &str, missing: &str) {
    let line = format!("\nSKIPPED: {test}: {missing}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

async fn require(program: &str, before: &str, oldest: (u32, u32)) -> Found<()> {
    let output = match Command::new(program).arg("--version").output().await {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(format!("{program} is not installed"));
        }
        Err(error) => panic!("{program}: {error}"),
    };
    assert!(
        output.status.success(),
        "{program} --version: {}",
        shown(&output)
    );
    let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let mut numbers = version.trim_start_matches(before).split('.');
    let mut number = || numbers.next().and_then(|part| part.parse().ok());
    let found: (u32, u32) = (number().unwrap_or(0), number().unwrap_or(0));
    if found < oldest {
        return Err(format!(
            "{program} {version} is older than {}.{}",
            oldest.0, oldest.1
        ));
    }
    Ok(())
}

/// The files of a folder below the root, copied to where libraries may be installed.
fn copied(source: &str, kind: &str) -> PathBuf {
    let from = manifest().parent().unwrap().join(source);
    let name = from.file_name().unwrap().to_str().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("clients")
        .join(format!("{name}-{kind}"));
    copy_tree(&from, &folder);
    folder
}

/// All but what was installed and built in the folder itself.
fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        let is_own = !["node_modules", "dist", "build"]
            .iter()
            .any(|made| entry.file_name() == *made);
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), target).unwrap();
        } else if is_own {
            // What is no longer in the source is not to be built with it.
            if target.exists() {
                std::fs::remove_dir_all(&target).unwrap();
            }
            copy_tree(&entry.path(), &target);
        }
    }
}

/// Installs unless that was done for the same lockfile.
async fn install_once(folder: &Path, lockfile: &str, install: impl AsyncFnOnce()) {
    let wanted = std::fs::read(folder.join(lockfile)).unwrap();
    let done = folder.join(".installed-for");
    if std::fs::read(&done).is_ok_and(|installed| installed == wanted) {
        return;
    }
    install().await;
    std::fs::write(done, wanted).unwrap();
}

async fn succeed(what: &str, command: &mut Command) -> Output {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{what}: {}", shown(&output));
    output
}

fn shown(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}
