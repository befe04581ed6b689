//! Outgoing HTTP requests of components, checked against `allowed_outbound_hosts`.

use std::future::Future;
use std::sync::Arc;

use http::{Request, Response, Uri};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::grants::Grants;

/// Sends the requests of `wasi:http/client` for one component.
pub(crate) struct Hooks {
    grants: Arc<Grants>,
}

impl Hooks {
    pub(crate) fn new(grants: Arc<Grants>) -> Self {
        Self { grants }
    }

    fn allows(&self, uri: &Uri) -> bool {
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            return false;
        };
        let allowed = self
            .grants
            .allowed_hosts
            .allows(scheme, host, uri.port_u16());
        if !allowed {
            self.grants.logs.line(format!(
                "a component called {scheme}://{}, which allowed_outbound_hosts does not allow",
                uri.authority().map_or(host, |authority| authority.as_str())
            ));
        }
        allowed
    }
}

type IoResult = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    /// The HTTP client sets the header where the protocol needs it.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: IoResult,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, IoResult), Error>> + Send> {
        let allowed = self.allows(request.uri());
        let client = self.grants.client.clone();
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let response = client.send(request, options.unwrap_or_default()).await?;
            // The HTTP client drives its connections in tasks of its own.
            Ok((response, Box::new(async { Ok(()) }) as IoResult))
        })
    }
}
