//! Errors of the HTTP client as error codes of `wasi:http`.

use std::error::Error as _;
use std::{fmt, io};

use hyper_util::client::legacy;
use wasmtime_wasi_http::Error;

/// The error code for a request that failed before its response.
pub(super) fn error_code(error: legacy::Error) -> Error {
    let connect = error.is_connect();
    let mut source = error.source();
    while let Some(cause) = source {
        if cause.is::<ConnectTimedOut>() {
            return Error::ConnectionTimeout;
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return match tls {
                rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                _ => Error::TlsProtocolError,
            };
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            // An I/O error contains the TLS error, but not as its source.
            let tls = io
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match (tls, io.kind()) {
                (Some(rustls::Error::InvalidCertificate(_)), _) => {
                    return Error::TlsCertificateError;
                }
                (Some(_), _) => return Error::TlsProtocolError,
                (None, io::ErrorKind::ConnectionRefused) => return Error::ConnectionRefused,
                (None, io::ErrorKind::TimedOut) => return Error::ConnectionTimeout,
                (None, io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
                    return Error::DestinationUnavailable;
                }
                _ => {}
            }
        }
        if connect && cause.to_string().starts_with("dns error") {
            return Error::DnsError {
                rcode: None,
                info_code: None,
            };
        }
        if let Some(hyper) = cause.downcast_ref::<hyper::Error>() {
            if hyper.is_incomplete_message() || hyper.is_closed() || hyper.is_canceled() {
                return Error::ConnectionTerminated;
            }
            if hyper.is_parse() {
                return Error::HttpProtocolError;
            }
        }
        source = cause.source();
    }
    match connect {
        true => Error::ConnectionRefused,
        false => Error::ConnectionTerminated,
    }
}

/// The connect timeout passed.
#[derive(Debug)]
pub(super) struct ConnectTimedOut;

impl fmt::Display for ConnectTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connect timeout passed")
    }
}

impl std::error::Error for ConnectTimedOut {}
