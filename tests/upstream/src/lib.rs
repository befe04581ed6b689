//! Fake providers on `127.0.0.1:0`, speaking the real wire formats, ugly parts included. For tests
//! and the benchmark; may not import anything of the product.
//!
//! One server supports all formats. The request's path selects the format:
//!
//! | path | format | base URL |
//! |---|---|---|
//! | `POST …/chat/completions` | OpenAI Chat Completions | [`Upstream::openai_base_url`] |
//! | `POST …/v1/messages` | Anthropic Messages | [`Upstream::anthropic_base_url`] |
//! | `POST …/accounts/{id}/ai/run/{model}` | Workers AI REST | [`Upstream::workers_ai_base_url`] |
//! | `POST …/workers-ai/{model}` | Workers AI through an AI Gateway | [`Upstream::gateway_base_url`] |
//! | `POST …/responses`, `…/embeddings`, `…/v1/messages/count_tokens` | what an [`RawResponse`] says | |
//! | `GET …/models` | OpenAI's list of models: [`MODELS`] | |
//!
//! Anything else gets 404. What a request gets is its [`Script`]: the one given to
//! [`Upstream::start`] for every request, unless [`Upstream::push`] has queued one for the next.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use std::time::Duration;
//! use upstream::{Fault, Script, Upstream};
//!
//! let upstream = Upstream::start(Script::new(["Hello", " there"])).await?;
//! upstream.push(Script::new(["Hel", "lo"]).delay(Duration::from_millis(20)).split(1).crlf());
//! upstream.push(Script::new(["a", "b", "c"]).fault(Fault::CutAfter(2)));
//! // … run something against `upstream.openai_base_url()` …
//! let request = upstream.request(0).await; // waits up to ten seconds for it
//! assert_eq!(request.header("authorization"), Some("Bearer sk-test"));
//! assert_eq!(request.json()["stream"], true);
//! assert!(upstream.closed_early(0).await); // the client left before the end
//! # Ok(())
//! # }
//! ```
//!
//! The server stops, with all its connections, when [`Upstream`] is dropped. It must be started
//! within a tokio runtime.
//!
//! In addition to the AI providers there are identity providers ([`GitHub`], [`Google`],
//! [`WorkOs`], [`Clerk`]) and the operator's webhook for mail ([`Mailbox`]), each a [`Service`] that
//! records its [`Call`]s and can be given [`ServiceFailure`].

mod connection;
mod exchange;
mod gate;
mod mailbox;
mod raw_response;
mod script;
mod server;
mod service;
mod sign_in;
mod wire;

pub use gate::Gate;
pub use mailbox::Mailbox;
pub use raw_response::RawResponse;
pub use script::{Ending, Failure, Fault, Script};
pub use server::{MODELS, Outcome, Recorded, Upstream};
pub use service::{Call, Service, ServiceFailure, ServiceResponse};
pub use sign_in::{
    Clerk, GitHub, GitHubEmail, GitHubUser, Google, GoogleUser, SigningKey, WorkOs, WorkOsSession,
};
