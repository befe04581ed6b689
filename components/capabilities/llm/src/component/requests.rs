//! The request to a provider, and how its response is read.

use crate::bindings::{ChatRequest, Error, NativeApi};
use crate::catalogue::Entry;
use crate::outbound::OutboundRequest;
use crate::providers::{Provider, anthropic, local, openai, workers_ai};
use crate::reply::Decode;
use crate::request::{Omitted, for_model, native};
use crate::secret::Secret;
use crate::variables::Variables;

/// The request to a provider over the network.
pub(super) struct Prepared {
    pub(super) request: OutboundRequest,
    /// The parameters that are not sent.
    pub(super) omitted: Omitted,
    pub(super) decoder: Box<dyn Decode>,
    /// Whether it is the client's own request.
    pub(super) is_native: bool,
}

/// Prepares a request to the model's provider.
///
/// # Errors
/// `not-configured`; as the provider's `chat`.
pub(super) fn prepare(
    entry: &Entry,
    request: &ChatRequest,
    variables: &Variables,
    key: Option<&Secret>,
) -> Result<Prepared, Error> {
    let not_configured = || Error::NotConfigured(entry.provider.variable().to_owned());
    let required = || key.ok_or_else(not_configured);
    if let Some(native) = native(request, entry) {
        let (request, decoder): (_, Box<dyn Decode>) = match native.api {
            NativeApi::Messages => {
                let config =
                    anthropic::config::Config::read(variables).ok_or_else(not_configured)?;
                let key = required()?;
                (
                    anthropic::request::native(&config, key, entry, native, request.max_tokens)?,
                    Box::new(anthropic::decoder::Decoder::default()),
                )
            }
            NativeApi::Responses => {
                let config = openai::config::Config::read(variables).ok_or_else(not_configured)?;
                let key = required()?;
                (
                    openai::request::native(&config, key, entry, native, request.max_tokens)?,
                    Box::new(openai::responses::Decoder),
                )
            }
        };
        return Ok(Prepared {
            request,
            omitted: Omitted::default(),
            decoder,
            is_native: true,
        });
    }
    let request = &*for_model(request, entry);
    let ((request, omitted), decoder): (_, Box<dyn Decode>) = match entry.provider {
        Provider::OpenAi => {
            let config = openai::config::Config::read(variables).ok_or_else(not_configured)?;
            (
                openai::request::chat(&config, required()?, entry, request)?,
                Box::new(openai::decoder::Decoder::new(entry, request)),
            )
        }
        Provider::Local => {
            let config = local::config::Config::read(variables).ok_or_else(not_configured)?;
            (
                local::request::chat(&config, key, entry, request)?,
                Box::new(openai::decoder::Decoder::new(entry, request)),
            )
        }
        Provider::Anthropic => {
            let config = anthropic::config::Config::read(variables).ok_or_else(not_configured)?;
            (
                anthropic::request::chat(&config, required()?, entry, request)?,
                Box::new(anthropic::decoder::Decoder::default()),
            )
        }
        Provider::WorkersAi => {
            let config = workers_ai::config::Config::read(variables).ok_or_else(not_configured)?;
            (
                workers_ai::request::chat(&config, required()?, entry, request)?,
                Box::new(workers_ai::decoder::Decoder::new(entry, request)),
            )
        }
        Provider::Spin | Provider::Demo => return Err(not_configured()),
    };
    Ok(Prepared {
        request,
        omitted,
        decoder,
        is_native: false,
    })
}
