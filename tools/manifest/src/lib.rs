//! Generates `spin.toml` and documentation from `application.toml` and the `component.toml` beside
//! each component.
//!
//! - `source` reads a file and finds the line of an error in it.
//! - `files` has the format of the two kinds of files.
//! - `application` puts them together, checks them and computes what each component is granted.
//! - `spin_toml`, `configuration`, `architecture`,
//!   `route_tests` and `user_data` write what is named after them.
//!
//! May read files below the root of the repository; `main` alone writes.

mod application;
mod architecture;
mod configuration;
mod files;
mod route_tests;
mod source;
mod spin_toml;
mod user_data;

pub use application::{Application, Changes};
pub use source::{Error, Errors, GeneratedFile};
pub use spin_toml::file as spin_toml;

use std::path::{Path, PathBuf};

/// Every file that is generated.
///
/// # Errors
/// If a contract, or a page of which a part is generated, cannot be read.
pub fn generate(application: &Application) -> Result<Vec<GeneratedFile>, Errors> {
    let mut files = vec![
        spin_toml::file(application),
        configuration::file(application),
    ];
    files.push(route_tests::file(application));
    files.extend(user_data::files(application));
    files.push(architecture::file(application)?);
    files.push(architecture::grants_page(application));
    Ok(files)
}

/// The nearest folder, from `start` upwards, that has an `application.toml`.
///
/// # Errors
/// If there is none; a sentence.
pub fn find_root(start: &Path) -> Result<PathBuf, String> {
    start
        .ancestors()
        .find(|folder| folder.join(application::FILE).is_file())
        .map(Path::to_owned)
        .ok_or_else(|| format!("no {} in this folder or above it", application::FILE))
}
