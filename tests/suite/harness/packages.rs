//! Scripts with client libraries of npm and PyPI: the libraries are installed into a folder of the
//! build as the lockfile says, and the scripts run against the application.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tokio::process::Command;

use super::manifest;

/// A folder with scripts and their libraries, and the program that runs the scripts.
#[derive(Debug)]
pub(crate) struct Scripts {
    folder: PathBuf,
    program: PathBuf,
}

/// The error names a program that is not installed; any other problem fails the test.
type Available<T> = Result<T, String>;

impl Scripts {
    /// Scripts for Node.js of at least that version, in a folder below `tests/clients`.
    pub(crate) async fn node(source: &str, oldest: (u32, u32)) -> Available<Self> {
        Self::package(&format!("tests/clients/{source}"), oldest).await
    }

    /// Scripts for Node.js in a folder below the repository's root. The test builds the package.
    pub(crate) async fn package(source: &str, oldest: (u32, u32)) -> Available<Self> {
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

    /// Scripts for Python of at least that version, in a folder below `tests/clients`. The libraries
    /// are installed into a virtual environment.
    pub(crate) async fn python(source: &str, oldest: (u32, u32)) -> Available<Self> {
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

    /// The copy of the folder that the scripts run in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A command that runs a script.
    pub(crate) fn command(&self, script: &str) -> std::process::Command {
        let mut command = std::process::Command::new(&self.program);
        command.arg(script).current_dir(&self.folder);
        command
    }

    /// Runs one of the `scripts` of `package.json`.
    pub(crate) async fn npm(&self, script: &str, arguments: &[&str]) {
        let mut npm = Command::new("npm");
        npm.args(["run", "--silent", script, "--"])
            .args(arguments)
            .current_dir(&self.folder);
        succeed(script, &mut npm).await;
    }

    /// Runs a script with these environment variables and returns its output.
    pub(crate) async fn print_with(&self, script: &str, variables: &[(&str, &str)]) -> String {
        let mut command = Command::new(&self.program);
        command
            .arg(script)
            .envs(variables.iter().copied())
            .current_dir(&self.folder);
        let output = succeed(script, &mut command).await;
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a script and returns the JSON that it prints.
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

/// Reports that a test was skipped because a program is missing. The line is written to standard error
/// directly, since the test runner hides the output of passing tests.
///
/// In CI (environment variable `CI=true`) a missing program fails the test instead.
pub(crate) fn skip_or_fail(test: &str, missing: &str) {
    let in_ci = std::env::var("CI").is_ok_and(|value| value == "true");
    assert!(!in_ci, "{test} cannot be skipped in CI: {missing}");
    let line = format!("\nSKIPPED: {test}: {missing}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

async fn require(program: &str, before: &str, oldest: (u32, u32)) -> Available<()> {
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
    let installed: (u32, u32) = (number().unwrap_or(0), number().unwrap_or(0));
    if installed < oldest {
        return Err(format!(
            "{program} {version} is older than {}.{}",
            oldest.0, oldest.1
        ));
    }
    Ok(())
}

/// Copies a folder below the root to a place where libraries may be installed.
fn copied(source: &str, kind: &str) -> PathBuf {
    let from = manifest().parent().unwrap().join(source);
    let name = from.file_name().unwrap().to_str().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("clients")
        .join(format!("{name}-{kind}"));
    copy_tree(&from, &folder);
    folder
}

/// Copies all files except those that were installed or built.
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
            // Files that were removed from the source must not be built.
            if target.exists() {
                std::fs::remove_dir_all(&target).unwrap();
            }
            copy_tree(&entry.path(), &target);
        }
    }
}

/// Installs, unless that was done for the same lockfile.
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
