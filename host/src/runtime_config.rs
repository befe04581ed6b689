//! The runtime configuration file, in the format of Spin's `--runtime-config-file`. This host knows the
//! key-value store `default`, of the types `spin` (SQLite) and `redis`; everything else is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// The storage of the key-value store `default`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyValueConfig {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// The URL of a Redis server.
    Redis(String),
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    key_value_store: BTreeMap<String, Store>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Store {
    Spin { path: Option<PathBuf> },
    Redis { url: String },
}

/// Reads the configuration of the key-value store. Without a file, or if the file does not configure
/// the store, it is a SQLite file in `state_dir`. A relative path is relative to the file.
///
/// # Errors
/// If the file cannot be read, is not valid, or configures something that this host lacks.
pub(crate) fn key_value(file: Option<&Path>, state_dir: &Path) -> Result<KeyValueConfig> {
    let default = KeyValueConfig::Sqlite(state_dir.join("sqlite_key_value.db"));
    let Some(file) = file else {
        return Ok(default);
    };
    let in_file = || format!("in the runtime configuration {}", file.display());
    let text = std::fs::read_to_string(file).with_context(in_file)?;
    let store = parse(&text).with_context(in_file)?;
    Ok(match store {
        None | Some(Store::Spin { path: None }) => default,
        Some(Store::Spin { path: Some(path) }) => {
            let directory = file.parent().unwrap_or(Path::new("."));
            KeyValueConfig::Sqlite(directory.join(path))
        }
        Some(Store::Redis { url }) => KeyValueConfig::Redis(url),
    })
}

fn parse(text: &str) -> Result<Option<Store>> {
    let mut file: File = toml::from_str(text)?;
    let store = file.key_value_store.remove("default");
    let other = file.key_value_store.keys().next();
    ensure!(
        other.is_none(),
        "the embedded host has only the key-value store \"default\", not {other:?}"
    );
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_the_store_named_default() {
        let store = |text| parse(text).unwrap();
        assert!(store("").is_none());
        let redis = "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://a:1\"";
        assert!(matches!(store(redis), Some(Store::Redis { url }) if url == "redis://a:1"));
        let spin = "[key_value_store.default]\ntype = \"spin\"\npath = \"a.db\"";
        assert!(matches!(store(spin), Some(Store::Spin { path: Some(_) })));
    }

    #[test]
    fn parse_with_unsupported_configuration_fails() {
        for text in [
            "[key_value_store.other]\ntype = \"spin\"",
            "[key_value_store.default]\ntype = \"azure_cosmos\"",
            "[key_value_store.default]\ntype = \"redis\"",
            "[llm_compute]\ntype = \"spin\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn key_value_without_a_file_is_sqlite_in_the_state_directory() {
        let config = key_value(None, Path::new("/state")).unwrap();
        let expected = KeyValueConfig::Sqlite("/state/sqlite_key_value.db".into());
        assert_eq!(config, expected);
    }
}
