//! The WebAssembly engine, shared by all hosts of a process together with what it has compiled.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use anyhow::{Result, anyhow};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::compose::Parts;
use crate::guest::{self, Guest};

/// A composed component ready to be instantiated.
pub(crate) type Service = Arc<ServicePre<Guest>>;

static ENGINE: OnceLock<Result<(Engine, Linker<Guest>), String>> = OnceLock::new();

/// By the hash of what they were made from; each is made once, by whoever asks first.
static COMPILED: LazyLock<Mutex<HashMap<u64, Slot>>> = LazyLock::new(Mutex::default);

type Slot = Arc<OnceLock<Result<Service, String>>>;

/// Composes and compiles, or finds it done in this process or in `cache`, a directory.
///
/// # Errors
/// If the parts do not fit together or import something that the host does not offer.
pub(crate) fn compile(parts: Parts, cache: &Path) -> Result<Service> {
    let hash = parts.fingerprint();
    let slot = COMPILED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(hash)
        .or_default()
        .clone();
    slot.get_or_init(|| compile_anew(parts, hash, cache).map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

/// Whether these parts were compiled by some process before.
pub(crate) fn is_compiled(parts: &Parts, cache: &Path) -> bool {
    Compiled::at(cache, parts.fingerprint()).file.is_file()
}

fn compile_anew(parts: Parts, hash: u64, cache: &Path) -> Result<Service> {
    let (engine, linker) = ENGINE
        .get_or_init(|| start().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("cannot start WebAssembly: {error}"))?;
    let compiled = Compiled::at(cache, hash);
    let component = match compiled.load(engine) {
        Some(component) => component,
        None => {
            let composed = parts.compose()?;
            let code = engine
                .precompile_component(&composed)
                .map_err(|error| anyhow!("{error:#}"))?;
            compiled.write(&code);
            match compiled.load(engine) {
                Some(component) => component,
                // Without a directory to write to everything works, only slower.
                None => Component::from_binary(engine, &composed)
                    .map_err(|error| anyhow!("{error:#}"))?,
            }
        }
    };
    let service = || -> wasmtime::Result<Service> {
        Ok(Arc::new(ServicePre::new(
            linker.instantiate_pre(&component)?,
        )?))
    };
    service().map_err(|error| anyhow!("{error:#}"))
}

/// The machine code of a composed component in a file, from which it is mapped: all processes share
/// it, and only what is run takes up memory.
struct Compiled {
    directory: PathBuf,
    file: PathBuf,
}

/// How many are kept; a change of one component makes several.
const KEPT: usize = 64;

impl Compiled {
    fn at(cache: &Path, hash: u64) -> Self {
        let directory = cache.join("compiled");
        let file = directory.join(format!("{hash:016x}.cwasm"));
        Self { directory, file }
    }

    /// None if there is no such file, or if another version of the engine wrote it.
    #[allow(
        unsafe_code,
        reason = "the file is machine code; it is ours as this program is, in a directory of its build"
    )]
    fn load(&self, engine: &Engine) -> Option<Component> {
        if !self.file.is_file() {
            return None;
        }
        // SAFETY: written by `write` below, whole, and never changed afterwards.
        unsafe { Component::deserialize_file(engine, &self.file) }.ok()
    }

    fn write(&self, code: &[u8]) {
        // Not under its name before it is whole: others may read it, or write it too.
        let part = self.file.with_extension(std::process::id().to_string());
        let _ = std::fs::create_dir_all(&self.directory)
            .and_then(|()| std::fs::write(&part, code))
            .and_then(|()| std::fs::rename(&part, &self.file));
        self.prune();
    }

    fn prune(&self) {
        let Ok(entries) = std::fs::read_dir(&self.directory) else {
            return;
        };
        let mut files: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                Some((entry.metadata().ok()?.modified().ok()?, entry.path()))
            })
            .collect();
        files.sort_unstable_by(|a, b| b.cmp(a));
        for (_, path) in files.into_iter().skip(KEPT) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn start() -> wasmtime::Result<(Engine, Linker<Guest>)> {
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        .memory_init_cow(true);
    let engine = match Engine::new(config.clone().allocation_strategy(pool())) {
        Ok(engine) => engine,
        // The pool reserves address space that some machines do not give.
        Err(_) => {
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)?
        }
    };
    let mut linker = Linker::new(&engine);
    guest::add_to_linker(&mut linker)?;
    Ok((engine, linker))
}

/// Room for some hundred instances of components that are composed of five or so, each of which
/// has a memory and a few tables. This reserves address space; memory is used where it is touched.
fn pool() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(1_000)
        .total_core_instances(20_000)
        .total_memories(4_000)
        .total_tables(20_000)
        .total_stacks(4_000)
        .max_memory_size(1 << 30)
        // What a slot keeps for its next user instead of giving it back to the system: about what
        // a request touches, and only in as many slots as are in turn.
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(4 << 10)
        .async_stack_keep_resident(16 << 10)
        .max_unused_warm_slots(64);
    InstanceAllocationStrategy::Pooling(pool)
}
