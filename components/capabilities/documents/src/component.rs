//! The export.

use spin_sdk::wit_bindgen::{self, StreamReader, StreamResult};

use crate::pdf::{Fault, PdfText};
use bindings::exports::goldfish::documents::extraction::{Error, Extracted, Guest, Limits};

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::restriction,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        world: "documents",
        path: "../../../wit/documents",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
    use super::Component;
    export!(Component);
}

/// Most bytes of one read.
const BUFFER: usize = 64 * 1024;

struct Component;

impl Guest for Component {
    async fn pdf_text(content: StreamReader<u8>, limits: Limits) -> Result<Extracted, Error> {
        let bytes = read(content, limits.max_bytes).await?;
        let mut text = PdfText::open(&bytes).map_err(invalid)?;
        while text.pages < limits.max_pages
            && text.next_page(limits.max_characters).map_err(invalid)?
        {
            // Other requests of this instance go on between two pages.
            wit_bindgen::yield_async().await;
        }
        Ok(Extracted {
            pages: text.pages,
            total_pages: text.total_pages(),
            is_cut: text.is_cut(),
            text: text.text,
        })
    }
}

async fn read(mut content: StreamReader<u8>, max: u64) -> Result<Vec<u8>, Error> {
    let limit = usize::try_from(max).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    loop {
        let (status, some) = content.read(Vec::with_capacity(BUFFER)).await;
        bytes.extend_from_slice(&some);
        if bytes.len() > limit {
            return Err(Error::TooLarge(max));
        }
        if !matches!(status, StreamResult::Complete(_)) {
            return Ok(bytes);
        }
    }
}

fn invalid(fault: Fault) -> Error {
    let why = match fault {
        Fault::Malformed => "is not a PDF that can be read",
        Fault::Encrypted => "is encrypted",
        Fault::TooComplex => "takes too much work to read",
    };
    Error::Invalid(why.to_owned())
}
