//! The HTTP layer that every route shares: request ids, CORS, security headers, body limits, JSON and
//! forms with the paths of errors, multipart bodies, validation, pagination, conditional and range
//! requests, the error object, 404 and 405, and one structured log line for each request.
//!
//! May import HTTP, variables and stderr, but none of the packages in `wit`.
//!
//! ```ignore
//! http_edge::routes! {
//!     GET "/api/things/:id" => show_thing,
//! }
//!
//! async fn show_thing(context: &mut Context) -> Result<Response, ApiError> {
//!     let id = context.uuid("id", "Thing")?;
//!     Ok(Response::json(&find(id).await?))
//! }
//! ```

mod body;
pub mod conditional;
pub mod content_disposition;
mod context;
mod cors;
mod endpoint;
mod error;
mod form;
mod head;
mod json;
mod log;
mod multipart;
mod origins;
pub mod pagination;
pub mod range;
mod response;
mod serialize;
mod serve;
mod settings;
mod timestamp;
mod validation;

pub use body::BodyReader;
pub use context::{Context, JsonText, parse_uuid};
pub use endpoint::{Endpoint, ROUTE};
pub use error::{ApiError, Cause, Detail, ProtocolError, PublicError, Refusal};
pub use head::Head;
pub use log::{BackgroundLog, LogRecord};
pub use multipart::{Multipart, Part};
pub use origins::{OriginPattern, is_loopback_origin};
pub use response::{BodyWriter, Response};
pub use serve::serve;
pub use settings::{CookieSettings, SameSite, Settings, TrustedProxy};
pub use timestamp::rfc3339;
pub use validation::Validator;

#[doc(hidden)]
pub use spin_sdk::wasip3;

/// Makes the crate a component that serves these endpoints: method (`ANY` for all), path template and
/// handler, an `async fn(&mut Context) -> Result<Response, ApiError>`. A route that implements the
/// protocol of another system begins with `errors: render,`: a `fn(&ApiError, &str) -> Vec<u8>` that
/// makes the error body of the error and the request id.
#[macro_export]
macro_rules! routes {
    (errors: $render:path, $($method:ident $path:literal => $handler:path),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        #[allow(unsafe_code, clippy::all, reason = "generated")]
        mod component {
            #[allow(unused_imports, reason = "handlers may be named by their modules")]
            use super::*;
            use $crate::wasip3::http::types::{ErrorCode, Request, Response};

            const TABLE: &[$crate::Endpoint] = &[
                $($crate::Endpoint { method: stringify!($method), path: $path }),+
            ];

            struct Component;

            impl $crate::wasip3::exports::http::handler::Guest for Component {
                async fn handle(request: Request) -> Result<Response, ErrorCode> {
                    Ok($crate::serve(request, TABLE, $render, dispatch).await)
                }
            }

            async fn dispatch(
                context: &mut $crate::Context,
                endpoint: &'static $crate::Endpoint,
            ) -> Result<$crate::Response, $crate::ApiError> {
                match (endpoint.method, endpoint.path) {
                    $((method, $path) if method == stringify!($method) => {
                        $handler(context).await
                    })+
                    _ => Err($crate::ApiError::NotFound($crate::ROUTE)),
                }
            }

            $crate::wasip3::http::service::export!(Component);
        }
    };
    ($($table:tt)+) => {
        $crate::routes! { errors: $crate::ApiError::body, $($table)+ }
    };
}
