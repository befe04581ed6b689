//! The steps from a request to the first deltas of its reply.

use access::rate_limit;
use completion::{Keep, Moderation, Payer, Report, Reservation, Source};
use contracts::{
    identity::types::{Principal, Scope},
    llm::types::{ChatRequest, Error, Tool},
};
use http_edge::{ApiError, Context};

/// A reply that has begun, with what it needs to be sent and paid for.
pub struct BegunReply {
    /// The reply.
    pub source: Source,
    /// Its filters.
    pub moderation: Moderation,
    /// Its reservation of credits.
    pub reservation: Reservation,
}

/// Authenticates the caller, who must be allowed to chat.
///
/// # Errors
/// 401, or 403 for an API key without the scope `chat`.
pub async fn authenticate(context: &mut Context) -> Result<Principal, ApiError> {
    let principal = access::authenticate(context).await?;
    access::require_scope(&principal, Scope::Chat)?;
    Ok(principal)
}

/// Counts the request against the limits, reserves credits and calls the model. If it fails, the credits
/// are released. `error_of` makes the protocol's error of an error of the model.
///
/// # Errors
/// A limit, credits, moderation, or the error of the model.
pub async fn ask(
    principal: &Principal,
    mut request: ChatRequest,
    is_stream: bool,
    error_of: fn(Error) -> ApiError,
    report: &mut Report,
) -> Result<BegunReply, ApiError> {
    let (headers, admitted) = rate_limit(completion::admit(principal).await);
    report.headers(headers);
    admitted?;
    let moderation = Moderation::open(Keep::All).await?;
    let payer = Payer::from(principal);
    let reservation = Reservation::open(payer, prompt_bytes(&request), request.max_tokens).await?;
    request.max_tokens = reservation.max_tokens;
    let source = if is_stream {
        Source::request_stream(request, Keep::All).await
    } else {
        Source::request(request, Keep::All).await
    };
    match source {
        Ok(source) => {
            if let Some(resolved) = source.resolved() {
                report.resolved(resolved);
            }
            Ok(BegunReply {
                source,
                moderation,
                reservation,
            })
        }
        Err(error) => {
            report.warn(reservation.release().await);
            Err(error_of(error))
        }
    }
}

/// The size of the prompt in bytes of text. Tools are a part of it.
pub fn prompt_bytes(request: &ChatRequest) -> usize {
    let options = request.options.as_ref();
    let tools = options.map_or(&[][..], |options| options.tools.as_slice());
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    tools
        .iter()
        .map(|tool| match tool {
            Tool::Function(tool) => {
                tool.name.len() + length(&tool.description) + length(&tool.parameters)
            }
            Tool::Other(json) => json.len(),
        })
        .fold(
            completion::prompt_bytes(&request.messages),
            usize::saturating_add,
        )
}
