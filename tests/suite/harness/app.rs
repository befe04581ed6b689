//! The application under test: the components of this repository, composed and served by the
//! embedded host in this process, by the `goldfish` binary, or by `spin` (`GOLDFISH_HOST=spin`).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, SystemTime};

use goldfish_host::{Host, Logs, Options};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

use upstream::Upstream;

use super::{
    ADMIN_KEY, Bucket, Client, Database, Folder, Redis, Response, eventually, in_time, redis,
    redis::redis_is_the_store,
};

/// The runtime of all applications, which outlives every test.
pub(super) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Keys of the providers: unique texts, so that tests can search for them where they must not be.
pub(crate) const OPENAI_KEY: &str = "sk-marker-openai-7f3a";
pub(crate) const ANTHROPIC_KEY: &str = "sk-marker-anthropic-91bd";
pub(crate) const CLOUDFLARE_TOKEN: &str = "marker-cloudflare-c05e";

/// The application's manifest.
pub(crate) fn manifest() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../spin.toml")
        .canonicalize()
        .unwrap()
}

/// The program `goldfish`. Cargo builds it only with the tests of its own package, so it is missing or old
/// if these were not built.
fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    // Tests are in `deps` below the folder of the programs.
    let binary = test.ancestors().nth(2).unwrap().join("goldfish");
    let built = binary.metadata().and_then(|file| file.modified()).ok();
    let changed = last_change(&manifest().parent().unwrap().join("host/src"));
    assert!(
        built.is_some_and(|built| built >= changed),
        "{} is missing or older than host/src: run `cargo test --workspace --no-run`",
        binary.display()
    );
    binary
}

/// When a file in a folder was last changed.
fn last_change(folder: &Path) -> SystemTime {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let changes = entries.map(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => last_change(&entry.path()),
        _ => entry.metadata().unwrap().modified().unwrap(),
    });
    changes.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// Whether the tests run against a `spin` binary. Assertions that need the embedded host (counts of
/// key-value operations) are skipped then.
pub(crate) fn spin_is_the_host() -> bool {
    match std::env::var("GOLDFISH_HOST").as_deref() {
        Ok("spin") => true,
        Ok("" | "embedded") | Err(_) => false,
        Ok(other) => panic!("GOLDFISH_HOST is `spin` or `embedded`, not {other:?}"),
    }
}

/// A running application. It is killed when dropped; its state is removed with the last application
/// that shares it.
pub(crate) struct App {
    address: SocketAddr,
    state: Arc<Folder>,
    logs: Arc<Mutex<Vec<u8>>>,
    running: Running,
}

enum Running {
    Embedded(Host),
    Process(Box<Child>),
    Ended,
}

/// The options of an application.
#[derive(Clone)]
pub(crate) struct Builder {
    manifest: PathBuf,
    variables: BTreeMap<String, String>,
    state: Option<Arc<Folder>>,
    environment: Vec<(String, String)>,
    process: bool,
    runtime_config: Option<PathBuf>,
}

impl Builder {
    /// Sets a variable of `spin.toml`.
    pub(crate) fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// Sets a variable back to its default.
    pub(crate) fn default_of(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// Uses another manifest.
    pub(crate) fn manifest(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.manifest);
        self
    }

    /// Uses the state of another application.
    pub(crate) fn state_of(mut self, app: &App) -> Self {
        self.state = Some(Arc::clone(&app.state));
        self
    }

    /// Sets an environment variable of the process.
    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs the `goldfish` binary as a process, which can be killed.
    pub(crate) fn process(mut self) -> Self {
        self.process = true;
        self
    }

    /// Keeps the store in this Redis.
    pub(crate) fn redis(mut self, redis: &Redis) -> Self {
        self.runtime_config = Some(redis.runtime_config());
        self.manifest(redis.manifest())
            .variable("redis_url", redis.url())
            .variable("redis_host", redis.url())
    }

    /// Keeps SQL tables in this database.
    pub(crate) fn database(self, database: &Database) -> Self {
        match database {
            Database::Sqlite => self,
            Database::Postgres(postgres) => self
                .manifest(postgres.manifest())
                .variable("database_url", postgres.url())
                .variable("database_host", postgres.host()),
        }
    }

    /// Stores files in this bucket.
    pub(crate) fn s3(self, bucket: &Bucket) -> Self {
        let builder = self.manifest(bucket.manifest());
        bucket
            .variables()
            .into_iter()
            .fold(builder, |builder, (name, value)| {
                builder.variable(name, value)
            })
    }

    /// Enables the operator's routes for [`ADMIN_KEY`].
    pub(crate) fn admin(self) -> Self {
        self.variable("admin_api_key", ADMIN_KEY)
    }

    /// Configures OpenAI with this fake provider.
    pub(crate) fn openai(self, upstream: &Upstream) -> Self {
        self.variable("openai_api_key", OPENAI_KEY)
            .variable("openai_base_url", upstream.openai_base_url())
    }

    /// Configures Anthropic with this fake provider.
    pub(crate) fn anthropic(self, upstream: &Upstream) -> Self {
        self.variable("anthropic_api_key", ANTHROPIC_KEY)
            .variable("anthropic_base_url", upstream.anthropic_base_url())
    }

    /// Configures Workers AI with this fake provider.
    pub(crate) fn workers_ai(self, upstream: &Upstream) -> Self {
        self.variable("cloudflare_account_id", "account")
            .variable("cloudflare_api_token", CLOUDFLARE_TOKEN)
            .variable("workers_ai_base_url", upstream.workers_ai_base_url())
    }

    /// Configures an OpenAI-compatible server with the model `local-model` with this fake provider.
    pub(crate) fn local(self, upstream: &Upstream) -> Self {
        self.variable("local_base_url", upstream.openai_base_url())
            .variable("local_models", "local-model")
    }

    pub(crate) async fn start(self) -> App {
        // The runtime of a test has one thread and ends with the test.
        RUNTIME.spawn(self.start_there()).await.unwrap()
    }

    async fn start_there(self) -> App {
        build_components().await;
        let state = self
            .state
            .clone()
            .unwrap_or_else(|| Arc::new(Folder::new()));
        let this = match redis_is_the_store() && self.may_have_another_store() {
            true => self.on_shared_redis(state.path()).await,
            false => self,
        };
        in_time("the start of the application", async {
            if spin_is_the_host() {
                this.start_spin(state).await
            } else if this.process {
                this.start_binary(state).await
            } else {
                this.start_embedded(state).await
            }
        })
        .await
    }

    /// Whether the test has set neither a store nor its own manifest.
    fn may_have_another_store(&self) -> bool {
        self.runtime_config.is_none() && self.manifest == manifest()
    }

    /// Keeps the store in a database of the server that all share.
    async fn on_shared_redis(mut self, state: &Path) -> Self {
        let redis = redis::shared().await;
        let (url, runtime_config) = redis.database_of(state);
        self.runtime_config = Some(runtime_config);
        self.manifest(redis.manifest())
            .variable("redis_url", url)
            .variable("redis_host", redis.url())
    }

    async fn start_embedded(self, state: Arc<Folder>) -> App {
        let logs = Arc::new(Mutex::new(Vec::new()));
        let host = Host::start(Options {
            runtime_config: self.runtime_config,
            manifest: self.manifest,
            state_dir: state.path().to_owned(),
            listen: "127.0.0.1:0".parse().unwrap(),
            variables: self.variables.into_iter().collect(),
            env_variables: false,
            logs: Logs::Capture(Arc::clone(&logs)),
            grace: Duration::from_secs(5),
            behind: None,
        })
        .await
        .unwrap();
        App {
            address: host.address(),
            state,
            logs,
            running: Running::Embedded(host),
        }
    }

    async fn start_binary(self, state: Arc<Folder>) -> App {
        let mut command = Command::new(binary());
        command.arg("--from").arg(&self.manifest).arg("--no-build");
        command.arg("--state-dir").arg(state.path());
        // The test has a proxy of its own.
        if self.variables.contains_key("grip_control_url") {
            command.arg("--no-proxy");
        }
        let (child, logs) = self.spawn(command, "127.0.0.1:0");
        let address = eventually("the address in the output", || {
            let address = printed_address(&logs.lock().unwrap());
            async move { address }
        })
        .await;
        App {
            address,
            state,
            logs,
            running: Running::Process(Box::new(child)),
        }
    }

    async fn start_spin(self, state: Arc<Folder>) -> App {
        // Spin does not report which port it got for port 0, so a free one is chosen here.
        let address = {
            let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            socket.local_addr().unwrap()
        };
        // `spin up` runs the application in a child process, so both get a process group, which is
        // killed when the pipe to it closes: at the latest when this process ends.
        let mut command = Command::new("sh");
        let script = "\"$@\" & cat > /dev/null; kill -KILL 0";
        command
            .args(["-c", script, "sh", "spin", "up", "--from"])
            .arg(&self.manifest);
        command.arg("--state-dir").arg(state.path());
        command.process_group(0);
        let (child, logs) = self.spawn(command, &address.to_string());
        eventually("a connection to spin", || async move {
            tokio::net::TcpStream::connect(address).await.ok()
        })
        .await;
        App {
            address,
            state,
            logs,
            running: Running::Process(Box::new(child)),
        }
    }

    /// Starts a process with the builder's variables and captures its output.
    fn spawn(&self, mut command: Command, listen: &str) -> (Child, Arc<Mutex<Vec<u8>>>) {
        command.arg("--listen").arg(listen);
        if let Some(file) = &self.runtime_config {
            command.arg("--runtime-config-file").arg(file);
        }
        for (name, value) in &self.variables {
            command.arg("--variable").arg(format!("{name}={value}"));
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("SPIN_VARIABLE_") {
                command.env_remove(name);
            }
        }
        command.envs(self.environment.iter().cloned());
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let logs = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(copy(child.stdout.take().unwrap(), Arc::clone(&logs)));
        tokio::spawn(copy(child.stderr.take().unwrap(), Arc::clone(&logs)));
        (child, logs)
    }
}

async fn copy(from: impl AsyncRead + Unpin, to: Arc<Mutex<Vec<u8>>>) {
    let mut lines = BufReader::new(from);
    let mut line = Vec::new();
    while lines
        .read_until(b'\n', &mut line)
        .await
        .is_ok_and(|read| read > 0)
    {
        to.lock().unwrap().append(&mut line);
    }
}

fn printed_address(output: &[u8]) -> Option<SocketAddr> {
    let output = String::from_utf8_lossy(output);
    let (_, rest) = output.split_once("http://127.0.0.1:")?;
    // The port may be incomplete until the line is.
    let end = rest.find(|character: char| !character.is_ascii_digit())?;
    rest.get(..end)?
        .parse()
        .ok()
        .map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)))
}

/// Builds the components on the first call.
async fn build_components() {
    let build = || goldfish_host::build::components(&manifest(), true);
    tokio::task::spawn_blocking(build).await.unwrap().unwrap();
    if spin_is_the_host() {
        return;
    }
    // One start fills the host's cache of compiled components. Otherwise each of the applications that
    // start at the same time would compile all of them.
    static COMPILED: OnceCell<()> = OnceCell::const_new();
    COMPILED
        .get_or_init(|| async {
            let state = Folder::new();
            let host = Host::start(Options {
                runtime_config: None,
                manifest: manifest(),
                state_dir: state.path().to_owned(),
                listen: "127.0.0.1:0".parse().unwrap(),
                variables: Vec::new(),
                env_variables: false,
                logs: Logs::Discard,
                grace: Duration::from_secs(5),
                behind: None,
            })
            .await
            .unwrap();
            host.shutdown().await;
        })
        .await;
}

impl App {
    /// An application without providers, with its own state and with rate limits that no test reaches by
    /// accident.
    pub(crate) fn with_defaults() -> Builder {
        let builder = Builder {
            manifest: manifest(),
            variables: BTreeMap::new(),
            state: None,
            environment: Vec::new(),
            process: false,
            runtime_config: None,
        };
        ["chat", "api", "auth", "password", "messages", "joins"]
            .iter()
            .fold(builder, |builder, limit| {
                builder.variable(&format!("rate_limit_{limit}_per_minute"), "1000000")
            })
    }

    /// The application shared by all tests without special needs; each test creates its own users.
    pub(crate) async fn shared() -> &'static Self {
        static SHARED: OnceCell<App> = OnceCell::const_new();
        SHARED
            .get_or_init(|| Self::with_defaults().admin().start())
            .await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client without credentials.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// The log so far.
    pub(crate) fn logs(&self) -> String {
        String::from_utf8_lossy(&self.logs.lock().unwrap()).into_owned()
    }

    /// The log line of a request, which may be written after its response.
    pub(crate) fn logs_of(&self, response: &Response) -> String {
        let id = response.header("x-request-id").unwrap_or_default();
        let logs = self.logs();
        let lines = logs.lines().filter(|line| line.contains(id));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The folder of the key-value store and of the SQL database.
    pub(crate) fn state_folder(&self) -> &Path {
        self.state.path()
    }

    /// Every key with its value in the store, as text.
    pub(crate) fn stored(&self) -> Vec<String> {
        let path = self.state.path().join("sqlite_key_value.db");
        let store = rusqlite::Connection::open(path).unwrap();
        let mut rows = store
            .prepare("SELECT key, value FROM spin_key_value")
            .unwrap();
        let texts = rows.query_map([], |row| {
            let (key, value): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok(format!("{key} {}", String::from_utf8_lossy(&value)))
        });
        texts.unwrap().map(Result::unwrap).collect()
    }

    /// Changes the values of all keys with this prefix, if they are text.
    pub(crate) fn tamper(&self, prefix: &str, change: impl Fn(&str) -> String) {
        let path = self.state.path().join("sqlite_key_value.db");
        let store = rusqlite::Connection::open(path).unwrap();
        let mut rows = store
            .prepare("SELECT key, value FROM spin_key_value")
            .unwrap();
        let entries = rows.query_map([], |row| {
            let (key, value): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
            Ok((key, value))
        });
        for (key, value) in entries.unwrap().map(Result::unwrap) {
            // Counters and chunks of files are not text.
            if key.starts_with(prefix)
                && let Ok(value) = String::from_utf8(value)
            {
                let value = change(&value).into_bytes();
                let update = "UPDATE spin_key_value SET value=?1 WHERE key=?2";
                store.execute(update, (value, key)).unwrap();
            }
        }
    }

    /// The peak of the process's memory, in bytes (`VmHWM`). None on systems without it.
    pub(crate) fn peak_memory(&self) -> Option<u64> {
        let Running::Process(child) = &self.running else {
            return None;
        };
        let id = child.id()?;
        if !spin_is_the_host() {
            return peak_memory_of(&format!("/proc/{id}"));
        }
        // The process is a shell; the application is in the largest process of its group.
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        let in_group = processes.filter_map(|process| {
            let folder = process.path();
            let stat = std::fs::read_to_string(folder.join("stat")).ok()?;
            // After the name, which may have spaces: the state, the parent and the group.
            let (_, fields) = stat.rsplit_once(") ")?;
            let group: u32 = fields.split(' ').nth(2)?.parse().ok()?;
            (group == id).then(|| peak_memory_of(folder.to_str()?))?
        });
        in_group.max()
    }

    /// The embedded host; `None` if the application is a process.
    pub(crate) fn embedded(&self) -> Option<&Host> {
        match &self.running {
            Running::Embedded(host) => Some(host),
            Running::Process(_) | Running::Ended => None,
        }
    }

    /// Shuts the application down, as Ctrl-C does.
    pub(crate) async fn stop(&mut self) {
        match std::mem::replace(&mut self.running, Running::Ended) {
            Running::Embedded(host) => host.shutdown().await,
            Running::Process(mut child) => {
                signal(&child, "TERM").await;
                in_time("the end of the process", child.wait())
                    .await
                    .unwrap();
            }
            Running::Ended => {}
        }
    }

    /// Sends a signal (`TERM` or `KILL`) to the process and does not wait.
    pub(crate) async fn signal(&self, name: &str) {
        match &self.running {
            Running::Embedded(_) | Running::Ended => panic!("no process to send {name} to"),
            Running::Process(child) => signal(child, name).await,
        }
    }

    /// Waits for the end of the process and returns its exit code.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        match &mut self.running {
            Running::Embedded(_) | Running::Ended => panic!("no process that could end"),
            Running::Process(child) => in_time("the end of the process", child.wait())
                .await
                .unwrap()
                .code(),
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // Dropping the handle kills the process, but not its children, which Spin has.
        if let Running::Process(child) = &self.running
            && spin_is_the_host()
            && let Some(id) = child.id()
        {
            let kill = std::process::Command::new("kill")
                .args(kill_arguments("KILL", id))
                .status();
            let _ = kill;
        }
    }
}

fn peak_memory_of(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}

/// Sends a signal with the `kill` command, since std can only send `KILL`.
async fn signal(child: &Child, name: &str) {
    let id = child.id().expect("the process still runs");
    let status = Command::new("kill")
        .args(kill_arguments(name, id))
        .status()
        .await
        .unwrap();
    assert!(status.success());
}

/// With `spin` the signal is sent to the whole process group.
fn kill_arguments(name: &str, id: u32) -> [String; 3] {
    let id = if spin_is_the_host() {
        format!("-{id}")
    } else {
        id.to_string()
    };
    [format!("-{name}"), "--".to_owned(), id]
}
