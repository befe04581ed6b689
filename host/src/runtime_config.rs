//! The runtime configuration file, in the format of Spin's `--runtime-config-file`. This host knows the
//! key-value store `default`, of the types `spin` (SQLite) and `redis`, and the SQLite database `default`
//! of the type `spin`; everything else is an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

/// Where a host keeps data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuntimeConfig {
    pub(crate) key_value: KeyValueConfig,
    /// The file of the SQLite database `default`.
    pub(crate) sqlite_file: PathBuf,
}

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
    #[serde(default)]
    sqlite_database: BTreeMap<String, Database>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Store {
    Spin { path: Option<PathBuf> },
    Redis { url: String },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
enum Database {
    Spin { path: PathBuf },
}

impl RuntimeConfig {
    /// Reads the configuration. What the file does not configure is a SQLite file in `state_dir`. A
    /// relative path is relative to the file.
    ///
    /// # Errors
    /// If the file cannot be read, is not valid, or configures something that this host lacks.
    pub(crate) fn read(file: Option<&Path>, state_dir: &Path) -> Result<Self> {
        let mut config = Self {
            key_value: KeyValueConfig::Sqlite(state_dir.join("sqlite_key_value.db")),
            sqlite_file: state_dir.join("sqlite_db.db"),
        };
        let Some(file) = file else {
            return Ok(config);
        };
        let in_file = || format!("in the runtime configuration {}", file.display());
        let text = std::fs::read_to_string(file).with_context(in_file)?;
        let directory = file.parent().unwrap_or(Path::new("."));
        let (store, database) = parse(&text).with_context(in_file)?;
        match store {
            None | Some(Store::Spin { path: None }) => {}
            Some(Store::Spin { path: Some(path) }) => {
                config.key_value = KeyValueConfig::Sqlite(directory.join(path));
            }
            Some(Store::Redis { url }) => config.key_value = KeyValueConfig::Redis(url),
        }
        if let Some(Database::Spin { path }) = database {
            config.sqlite_file = directory.join(path);
        }
        Ok(config)
    }
}

fn parse(text: &str) -> Result<(Option<Store>, Option<Database>)> {
    let mut file: File = toml::from_str(text)?;
    let store = file.key_value_store.remove("default");
    let database = file.sqlite_database.remove("default");
    let other = file.key_value_store.keys();
    let other = other.chain(file.sqlite_database.keys()).next();
    ensure!(
        other.is_none(),
        "the embedded host has only stores and databases named \"default\", not {other:?}"
    );
    Ok((store, database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_reads_the_store_named_default() {
        let store = |text| parse(text).unwrap().0;
        assert!(store("").is_none());
        let redis = "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://a:1\"";
        assert!(matches!(store(redis), Some(Store::Redis { url }) if url == "redis://a:1"));
        let spin = "[key_value_store.default]\ntype = \"spin\"\npath = \"a.db\"";
        assert!(matches!(store(spin), Some(Store::Spin { path: Some(_) })));
    }

    #[test]
    fn parse_reads_the_database_named_default() {
        let text = "[sqlite_database.default]\ntype = \"spin\"\npath = \"a.db\"";
        let Some(Database::Spin { path }) = parse(text).unwrap().1 else {
            panic!("no database");
        };
        assert_eq!(path, Path::new("a.db"));
    }

    #[test]
    fn parse_with_unsupported_configuration_fails() {
        for text in [
            "[key_value_store.other]\ntype = \"spin\"",
            "[key_value_store.default]\ntype = \"azure_cosmos\"",
            "[key_value_store.default]\ntype = \"redis\"",
            "[sqlite_database.other]\ntype = \"spin\"\npath = \"a.db\"",
            "[sqlite_database.default]\ntype = \"libsql\"\nurl = \"https://a\"",
            "[sqlite_database.default]\ntype = \"spin\"",
            "[llm_compute]\ntype = \"spin\"",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn read_without_a_file_is_sqlite_in_the_state_directory() {
        let config = RuntimeConfig::read(None, Path::new("/state")).unwrap();
        let expected = RuntimeConfig {
            key_value: KeyValueConfig::Sqlite("/state/sqlite_key_value.db".into()),
            sqlite_file: "/state/sqlite_db.db".into(),
        };
        assert_eq!(config, expected);
    }
}
