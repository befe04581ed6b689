//! A local PostgreSQL server.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};

const USER: &str = "postgres";

/// Far more than a loaded machine needs.
const DEADLINE: Duration = Duration::from_secs(180);

/// A server with files of its own. It ends, and its files are removed, when this is dropped or this process ends.
#[derive(Debug)]
pub struct PostgresServer {
    /// Its standard input keeps the server running.
    _process: Child,
    programs: PathBuf,
    port: u16,
    certificate: String,
}

/// Runs as the user `postgres` if the tests run as root, which the server refuses. It ends when its
/// standard input closes: at the latest when this process ends. Statics are never dropped.
const SCRIPT: &str = r#"
set -e
programs=$1 port=$2
folder=$(mktemp -d "${TMPDIR:-/tmp}/goldfish-postgres.XXXXXX")
trap 'rm -rf "$folder"' EXIT
cd "$folder"
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
  -keyout server.key -out server.crt 2>/dev/null
chmod 600 server.key
"$programs/initdb" --pgdata data --username postgres --auth trust --encoding UTF8 --locale C --no-sync >/dev/null
"$programs/postgres" -D data -c listen_addresses=localhost -p "$port" -c unix_socket_directories= \
  -c fsync=off -c full_page_writes=off -c max_connections=400 \
  -c ssl=on -c ssl_cert_file="$folder/server.crt" -c ssl_key_file="$folder/server.key" >log 2>&1 &
cat server.crt
echo started
cat >/dev/null
kill -INT $!
wait $! || true
"#;

impl PostgresServer {
    /// Starts a server.
    ///
    /// # Errors
    /// If PostgreSQL is not installed.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn start() -> Result<Self, String> {
        let programs = installed()?;
        let started = tokio::time::timeout(DEADLINE, start(programs)).await;
        started.unwrap_or_else(|_| panic!("PostgreSQL did not start within {DEADLINE:?}"))
    }

    /// Creates an empty database.
    ///
    /// # Panics
    /// If there is one of this name.
    pub async fn create_database(&self, name: &str) {
        let created = Command::new(self.programs.join("psql"))
            .args(["--host", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--username", USER, "--no-psqlrc", "--quiet"])
            .args(["--command", &format!("CREATE DATABASE {name}"), "postgres"])
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8_lossy(&created.stderr);
        assert!(created.status.success(), "{errors}");
    }

    /// The URL of a database. It requires TLS, which needs [`Self::certificate`].
    #[must_use]
    pub fn tls_url(&self, database: &str) -> String {
        format!("postgres://{USER}@localhost:{}/{database}", self.port)
    }

    /// The URL of a database without TLS: the certificate is one that clients do not trust by default.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("{}?sslmode=disable", self.tls_url(database))
    }

    /// The pattern of the host in `allowed_outbound_hosts`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("postgres://localhost:{}", self.port)
    }

    /// The certificate of the server in PEM.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.certificate
    }
}

async fn start(programs: PathBuf) -> Result<PostgresServer, String> {
    let port = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.local_addr().unwrap().port()
    };
    let id = Command::new("id").arg("-u").output().await.unwrap();
    let mut command = if id.stdout == b"0\n" {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
        command.arg("sh");
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
        // Ctrl-C in a terminal is for the tests only.
        .process_group(0)
        .spawn()
        .unwrap();
    let mut output = process.stdout.take().unwrap();
    let mut text = Vec::new();
    while !text.ends_with(b"started\n") {
        let read = output.read_buf(&mut text).await.unwrap();
        assert!(read > 0, "PostgreSQL did not start");
    }
    while !is_ready(&programs, port).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let text = String::from_utf8(text).unwrap();
    let certificate = text.strip_suffix("started\n").unwrap().to_owned();
    Ok(PostgresServer {
        _process: process,
        programs,
        port,
        certificate,
    })
}

async fn is_ready(programs: &Path, port: u16) -> bool {
    let status = Command::new(programs.join("pg_isready"))
        .args(["--host", "127.0.0.1", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .status()
        .await
        .unwrap();
    status.success()
}

/// The folder of the newest server's programs: of Debian's package, or on the `PATH`.
fn installed() -> Result<PathBuf, String> {
    let mut versions: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
    {
        let version = entry.unwrap().path();
        let number = version.file_name().unwrap().to_string_lossy().parse();
        if version.join("bin/postgres").is_file()
            && let Ok(number) = number
        {
            versions.push((number, version.join("bin")));
        }
    }
    versions.sort();
    if let Some((_, programs)) = versions.pop() {
        return Ok(programs);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    folders
        .find(|folder| folder.join("postgres").is_file())
        .ok_or_else(|| "PostgreSQL is not installed".to_owned())
}
