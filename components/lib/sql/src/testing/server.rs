//! A PostgreSQL server for the tests of this process.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

struct Server {
    /// Its standard input keeps the server running.
    _process: Child,
    url: String,
}

/// It ends when its standard input closes: at the latest when this process ends.
const SCRIPT: &str = r#"
set -e
programs=$1 port=$2
folder=$(mktemp -d "${TMPDIR:-/tmp}/goldfish-postgres.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$programs/initdb" --pgdata data --username postgres --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync >/dev/null
"$programs/pg_ctl" -D data -w -l log -o "-c listen_addresses=localhost -p $port -c unix_socket_directories= \
  -c fsync=off -c max_connections=400" start >/dev/null
echo started
cat >/dev/null
"$programs/pg_ctl" -D data -m immediate stop >/dev/null
"#;

/// The URL of a server that the first call starts. None if PostgreSQL is not installed: the test is skipped then, and
/// fails if `CI` is `true`.
pub(super) fn url() -> Option<&'static str> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| programs().map(start));
    if server.is_none() {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "PostgreSQL is not installed"
        );
        eprintln!("skipped: PostgreSQL is not installed");
    }
    server.as_ref().map(|server| server.url.as_str())
}

/// The folder of the programs of Debian's package, or the one on the `PATH`.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten();
    let packaged = versions.map(|entry| entry.unwrap().path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    packaged
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("pg_ctl").is_file())
}

fn start(programs: PathBuf) -> Server {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    drop(socket);
    // The server refuses to run as root.
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = if is_root {
        let mut command = Command::new("setpriv");
        command.args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "sh",
        ]);
        command
    } else {
        Command::new("sh")
    };
    let mut process = command
        .args(["-c", SCRIPT, "sh"])
        .arg(&programs)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "started\n", "PostgreSQL did not start");
    Server {
        _process: process,
        url: format!("postgres://postgres@localhost:{port}/postgres"),
    }
}
