//! Writes the OpenAPI document that the route `docs` serves: `cargo run --package api-description`,
//! after a change of any `openapi.yaml`.

use std::{fs, io::Write as _, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let routes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../routes");
    let written = api_description::render(&routes).and_then(|text| {
        fs::write(routes.join(api_description::DOCUMENT_FILE), text)
            .map_err(|error| error.to_string())
    });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}
