//! The WebAssembly engine and the compiled components, shared by all hosts of a process.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::compose::Parts;
use crate::guest::Guest;
use crate::interfaces;

/// A composed component ready to be instantiated.
pub(crate) type Service = Arc<ServicePre<Guest>>;

static ENGINE: OnceLock<Result<(Engine, Linker<Guest>), String>> = OnceLock::new();

/// Compiled components by [`Parts::fingerprint`]. The first caller compiles, others wait for it.
static COMPILED: LazyLock<Mutex<HashMap<u64, Slot>>> = LazyLock::new(Mutex::default);

type Slot = Arc<OnceLock<Result<Service, String>>>;

/// Returns the compiled component of `parts`: from this process, from the directory `cache`, or
/// composed and compiled now.
///
/// # Errors
/// If the parts do not fit together or import something that the host lacks.
pub(crate) fn compile(parts: Parts, cache: &Path) -> Result<Service> {
    let hash = parts.fingerprint();
    let slot = COMPILED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(hash)
        .or_default()
        .clone();
    slot.get_or_init(|| load_or_compile(parts, hash, cache).map_err(|error| format!("{error:#}")))
        .clone()
        .map_err(|error| anyhow!(error))
}

/// Whether the cache has the compiled component of `parts`.
pub(crate) fn is_compiled(parts: &Parts, cache: &Path) -> bool {
    CacheFile::at(cache, parts.fingerprint()).file.is_file()
}

fn load_or_compile(parts: Parts, hash: u64, cache: &Path) -> Result<Service> {
    let (engine, linker) = ENGINE
        .get_or_init(|| create_engine().map_err(|error| format!("{error:#}")))
        .as_ref()
        .map_err(|error| anyhow!("cannot create the WebAssembly engine: {error}"))?;
    let compiled = CacheFile::at(cache, hash);
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
                // The cache directory is not writable: compile in memory.
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

/// A file with the machine code of a composed component. It is memory-mapped, so that all processes
/// share it and only pages in use take memory.
struct CacheFile {
    directory: PathBuf,
    file: PathBuf,
}

/// How many files the cache keeps, the last used ones: the components of several manifests, and some of earlier
/// builds. A file has some megabytes.
const MAX_FILES: usize = 192;

impl CacheFile {
    fn at(cache: &Path, hash: u64) -> Self {
        let directory = cache.join("compiled");
        let file = directory.join(format!("{hash:016x}.cwasm"));
        Self { directory, file }
    }

    /// `None` if the file does not exist or was written by another version of the engine.
    #[allow(
        unsafe_code,
        reason = "the file is machine code that this program wrote to its own build directory"
    )]
    fn load(&self, engine: &Engine) -> Option<Component> {
        if !self.file.is_file() {
            return None;
        }
        self.touch();
        // SAFETY: `write` creates the file by a rename of the whole content; nothing changes it later.
        unsafe { Component::deserialize_file(engine, &self.file) }.ok()
    }

    /// Marks the file as used now.
    fn touch(&self) {
        // A cache that cannot be written is of use too.
        let _ = File::open(&self.file).and_then(|file| file.set_modified(SystemTime::now()));
    }

    fn write(&self, code: &[u8]) {
        // Other processes may read or write the same file, so it gets its name when it is complete.
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
        for (_, path) in files.into_iter().skip(MAX_FILES) {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn create_engine() -> wasmtime::Result<(Engine, Linker<Guest>)> {
    let mut config = Config::new();
    config
        .wasm_component_model_async(true)
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        .memory_init_cow(true);
    let engine = match Engine::new(config.clone().allocation_strategy(allocation_strategy())) {
        Ok(engine) => engine,
        // The pool reserves much address space, which some machines do not allow.
        Err(_) => {
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
            Engine::new(&config)?
        }
    };
    let mut linker = Linker::new(&engine);
    interfaces::add_to_linker(&mut linker)?;
    Ok((engine, linker))
}

/// A pool for some hundred instances of components that are composed of about five, each with a
/// memory and a few tables. The pool reserves address space; memory is used when it is touched.
fn allocation_strategy() -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(1_000)
        .total_core_instances(20_000)
        .total_memories(4_000)
        .total_tables(20_000)
        .total_stacks(4_000)
        .max_memory_size(1 << 30)
        // What Spin allows one composition.
        .max_core_instances_per_component(200)
        .max_memories_per_component(32)
        .max_tables_per_component(64)
        // A slot keeps about the memory that a request touches instead of returning it to the
        // system, but only as many slots as are used in turn do.
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(4 << 10)
        .async_stack_keep_resident(16 << 10)
        .max_unused_warm_slots(64);
    InstanceAllocationStrategy::Pooling(pool)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn write_removes_the_files_that_were_not_used_for_longest() {
        let cache = std::env::temp_dir().join(format!("goldfish-cache-{}", std::process::id()));
        let file = |hash: u64| CacheFile::at(&cache, hash);
        let start = SystemTime::now() - Duration::from_secs(100_000);
        std::fs::create_dir_all(file(0).directory).unwrap();
        for (number, age) in (0..=MAX_FILES as u64).zip(0..) {
            let written = File::create(file(number).file).unwrap();
            written
                .set_modified(start + Duration::from_secs(age))
                .unwrap();
        }
        file(0).touch();
        file(u64::MAX).write(b"");
        let left = std::fs::read_dir(file(0).directory).unwrap().count();
        assert_eq!(left, MAX_FILES);
        for (number, is_left) in [
            (0, true),
            (1, false),
            (2, false),
            (3, true),
            (u64::MAX, true),
        ] {
            assert_eq!(file(number).file.exists(), is_left, "{number}");
        }
        std::fs::remove_dir_all(&cache).unwrap();
    }
}
