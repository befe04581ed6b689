//! Extracts the files of the page from the archive of Swagger UI and compresses all served files.

use std::{
    error::Error,
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{Read as _, Write as _},
    path::PathBuf,
};

use flate2::{Compression, read::DeflateDecoder, write::GzEncoder};
use rawzip::{CompressionMethod, ZipArchive};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

const SWAGGER_UI_FILES: [&str; 3] = [
    "swagger-ui.css",
    "swagger-ui-bundle.js",
    "favicon-32x32.png",
];
const OWN_FILES: [(&str, &str); 4] = [
    ("openapi.json", "openapi.json"),
    ("index.html", "page/index.html"),
    ("page.js", "page/page.js"),
    ("page.css", "page/page.css"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let here = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let mut stdout = std::io::stdout();
    let mut digest = DefaultHasher::new();
    let mut keep = |name: &str, bytes: &[u8]| -> std::io::Result<()> {
        bytes.hash(&mut digest);
        fs::write(out.join(name), bytes)?;
        fs::write(out.join(format!("{name}.gz")), compress(bytes)?)
    };

    for (name, path) in OWN_FILES {
        let path = here.join(path);
        keep(name, &fs::read(&path)?)?;
        writeln!(stdout, "cargo::rerun-if-changed={}", path.display())?;
    }
    for name in SWAGGER_UI_FILES {
        keep(name, &extract(name)?)?;
    }
    writeln!(stdout, "cargo::rustc-env=EDITION={:016x}", digest.finish())?;
    Ok(())
}

fn compress(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// Extracts a file from the folder `dist`, whatever its parent folder is called.
fn extract(name: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let end = format!("/dist/{name}");
    let archive = ZipArchive::from_slice(SWAGGER_UI_VENDORED)?;
    for entry in archive.entries() {
        let entry = entry?;
        if !entry.file_path().as_ref().ends_with(end.as_bytes()) {
            continue;
        }
        let file = archive.get_entry(entry.wayfinder())?;
        let mut bytes = Vec::new();
        match entry.compression_method() {
            CompressionMethod::STORE => bytes.extend_from_slice(file.data()),
            CompressionMethod::DEFLATE => {
                let inflated = DeflateDecoder::new(file.data());
                file.verifying_reader(inflated).read_to_end(&mut bytes)?;
            }
            other => return Err(format!("{name} is compressed by {other:?}").into()),
        }
        return Ok(bytes);
    }
    Err(format!("Swagger UI has no {name}").into())
}
