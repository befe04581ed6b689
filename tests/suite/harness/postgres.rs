//! A local PostgreSQL server, which all tests of the process share, and databases in it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use super::app::RUNTIME;
use super::{ChangedManifest, eventually, in_time};

/// A new database. It is left behind; the server's files go with the server.
pub(crate) struct Postgres {
    port: u16,
    name: String,
    /// Names the components that keep their tables in PostgreSQL.
    manifest: ChangedManifest,
}

impl Postgres {
    /// Creates a database, in a server that the first call starts. The error says that PostgreSQL is
    /// not installed.
    pub(crate) async fn new() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = server().await?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let created = Command::new(server.programs.join("psql"))
            .args(["--host", "127.0.0.1", "--port", &server.port.to_string()])
            .args(["--username", USER, "--no-psqlrc", "--quiet"])
            .args(["--command", &format!("CREATE DATABASE {name}"), "postgres"])
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        let errors = String::from_utf8_lossy(&created.stderr);
        assert!(created.status.success(), "{errors}");
        Ok(Self {
            port: server.port,
            name,
            manifest: ChangedManifest::with_postgres(),
        })
    }

    /// The URL with user and database.
    pub(crate) fn url(&self) -> String {
        // The server has a certificate of its own, which `prefer`, the default, does not accept.
        format!("{}?sslmode=disable", self.tls_url())
    }

    /// The URL for TLS, which needs the server's certificate.
    pub(crate) fn tls_url(&self) -> String {
        format!("postgres://{USER}@localhost:{}/{}", self.port, self.name)
    }

    /// The pattern of the host in `allowed_outbound_hosts`.
    pub(crate) fn host(&self) -> String {
        format!("postgres://localhost:{}", self.port)
    }

    /// A manifest whose components keep their tables in PostgreSQL.
    pub(crate) fn manifest(&self) -> &Path {
        self.manifest.path()
    }

    /// The certificate of the server in PEM.
    pub(crate) async fn certificate() -> String {
        let server = server().await.unwrap();
        server.certificate.clone()
    }
}

const USER: &str = "postgres";

struct Server {
    /// Its standard input keeps the server running.
    _process: Child,
    programs: PathBuf,
    port: u16,
    certificate: String,
}

async fn server() -> Result<&'static Server, String> {
    static SERVER: OnceCell<Server> = OnceCell::const_new();
    // A test's runtime ends with the test.
    let start = || async { RUNTIME.spawn(start()).await.unwrap() };
    SERVER.get_or_try_init(start).await
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

async fn start() -> Result<Server, String> {
    let programs = installed()?;
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
    in_time("the start of PostgreSQL", async {
        while !text.ends_with(b"started\n") {
            let read = output.read_buf(&mut text).await.unwrap();
            assert!(read > 0, "PostgreSQL did not start");
        }
    })
    .await;
    let ready = || async {
        let status = Command::new(programs.join("pg_isready"))
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .status()
            .await
            .unwrap();
        status.success().then_some(())
    };
    eventually("a connection to PostgreSQL", ready).await;
    let text = String::from_utf8(text).unwrap();
    let certificate = text.strip_suffix("started\n").unwrap().to_owned();
    Ok(Server {
        _process: process,
        programs,
        port,
        certificate,
    })
}

/// The folder of the newest server's programs: of Debian's package, or on the `PATH`.
fn installed() -> Result<PathBuf, String> {
    let mut found: Vec<(u32, PathBuf)> = Vec::new();
    for entry in std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
    {
        let version = entry.unwrap().path();
        let number = version.file_name().unwrap().to_string_lossy().parse();
        if version.join("bin/postgres").is_file()
            && let Ok(number) = number
        {
            found.push((number, version.join("bin")));
        }
    }
    found.sort();
    if let Some((_, programs)) = found.pop() {
        return Ok(programs);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    folders
        .find(|folder| folder.join("postgres").is_file())
        .ok_or_else(|| "PostgreSQL is not installed".to_owned())
}
