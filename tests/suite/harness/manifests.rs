//! Changed copies of `spin.toml`.

use std::path::{Path, PathBuf};

use goldfish_manifest::{Application, Changes, spin_toml};
use toml::{Table, Value};

use super::{Folder, manifest};

/// `spin.toml` as a table.
pub(crate) fn manifest_table() -> Table {
    std::fs::read_to_string(manifest())
        .unwrap()
        .parse()
        .unwrap()
}

/// A changed copy of `spin.toml`, removed when dropped.
pub(crate) struct ChangedManifest {
    _folder: Folder,
    path: PathBuf,
}

impl ChangedManifest {
    /// Writes a copy that `change` was applied to. Components keep their absolute paths.
    pub(crate) fn new(change: impl FnOnce(&mut Table)) -> Self {
        Self::of(manifest_table(), change)
    }

    /// Writes a copy with another component behind a contract.
    pub(crate) fn with_capability(contract: &str, component: &str) -> Self {
        Self::generated(&Changes {
            components: &[(contract, component)],
            ..Changes::default()
        })
    }

    /// Writes a copy whose storage capabilities may connect to Redis, as with `redis_counters = true`.
    pub(crate) fn with_redis_counters() -> Self {
        Self::generated(&Changes {
            redis_counters: true,
            ..Changes::default()
        })
    }

    /// Writes a copy in which PostgreSQL keeps what SQLite does: each component in a folder
    /// `<contract>-postgres` implements its contract.
    pub(crate) fn with_postgres() -> Self {
        let root = manifest().parent().unwrap().to_owned();
        let folders = std::fs::read_dir(root.join("components/capabilities")).unwrap();
        let names: Vec<_> = folders
            .map(|folder| folder.unwrap().file_name().into_string().unwrap())
            .collect();
        let components = names.iter().filter_map(|name| {
            let contract = name.strip_suffix("-postgres")?;
            Some((contract, name.as_str()))
        });
        Self::generated(&Changes {
            components: &components.collect::<Vec<_>>(),
            ..Changes::default()
        })
    }

    fn generated(changes: &Changes<'_>) -> Self {
        let root = manifest().parent().unwrap().to_owned();
        let application = Application::read_with(&root, changes);
        let application = application.unwrap_or_else(|errors| panic!("{errors}"));
        Self::of(spin_toml(&application).text.parse().unwrap(), |_| {})
    }

    fn of(mut table: Table, change: impl FnOnce(&mut Table)) -> Self {
        let root = manifest().parent().unwrap().to_owned();
        for (_, component) in table["component"].as_table_mut().unwrap() {
            let component = component.as_table_mut().unwrap();
            let source = root.join(component["source"].as_str().unwrap());
            component.insert("source".to_owned(), source.to_str().unwrap().into());
            // The files that it refers to are not next to the copy.
            component.remove("build");
        }
        change(&mut table);
        let folder = Folder::new();
        let path = folder.path().join("spin.toml");
        std::fs::write(&path, toml::to_string(&table).unwrap()).unwrap();
        // The embedded host keeps compiled components beside the manifest; share them.
        std::fs::create_dir_all(root.join(".spin")).unwrap();
        std::os::unix::fs::symlink(root.join(".spin"), folder.path().join(".spin")).unwrap();
        Self {
            _folder: folder,
            path,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The trigger of a route.
pub(crate) fn trigger<'a>(table: &'a mut Table, route: &str) -> &'a mut Table {
    table["trigger"]["http"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .filter_map(Value::as_table_mut)
        .find(|trigger| trigger["route"].as_str() == Some(route))
        .unwrap_or_else(|| panic!("no route {route}"))
}

/// The table of a component.
pub(crate) fn component<'a>(table: &'a mut Table, id: &str) -> &'a mut Table {
    table["component"][id].as_table_mut().unwrap()
}
