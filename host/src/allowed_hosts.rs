//! `allowed_outbound_hosts`: the hosts that a component may connect to.

use std::net::IpAddr;
use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};
use url::Host;

use crate::variables::{self, Values};

/// The patterns of one component.
#[derive(Clone, Debug, Default)]
pub struct AllowedHosts(Vec<Pattern>);

#[derive(Clone, Debug)]
struct Pattern {
    /// `None` allows any scheme.
    scheme: Option<String>,
    host: HostPattern,
    /// `None` allows any port.
    ports: Option<Range<u32>>,
}

#[derive(Clone, Debug)]
enum HostPattern {
    Any,
    /// The suffix, with its leading dot.
    Subdomain(String),
    /// The application itself. This host has no self-requests, so it allows nothing.
    ToSelf,
    Exact(Host),
    Network {
        address: IpAddr,
        prefix: u8,
    },
}

impl AllowedHosts {
    /// Renders and parses the patterns of a component. A template that renders to an empty string or
    /// to a scheme alone allows nothing, so that an endpoint can be optional.
    ///
    /// # Errors
    /// If a template or a pattern is not valid.
    pub fn parse(patterns: &[String], values: &Values) -> Result<Self> {
        let mut hosts = Vec::new();
        for pattern in patterns {
            let rendered = variables::render(pattern, values)?;
            let template = pattern.contains("{{");
            if template && matches!(rendered.as_str(), "" | "http://" | "https://") {
                continue;
            }
            hosts.push(
                Pattern::parse(&rendered)
                    .with_context(|| format!("allowed_outbound_hosts entry {pattern:?}"))?,
            );
        }
        Ok(Self(hosts))
    }

    /// Whether a connection to this scheme, host (as in a URL) and port is allowed. Without a port,
    /// the default port of the scheme counts.
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let Ok(host) = Host::parse(host) else {
            return false;
        };
        let Some(port) = port.or_else(|| well_known_port(scheme)) else {
            return false;
        };
        self.0.iter().any(|pattern| {
            pattern.scheme.as_deref().is_none_or(|s| s == scheme)
                && pattern.host.allows(&host)
                && pattern
                    .ports
                    .as_ref()
                    .is_none_or(|ports| ports.contains(&u32::from(port)))
        })
    }
}

impl Pattern {
    fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text
            .trim()
            .split_once("://")
            .with_context(|| format!("{text:?} does not contain a scheme, as in https://host"))?;
        let (host, port) = match rest.rsplit_once(':') {
            None => (rest, ""),
            // An IPv6 address without a port.
            Some((_, tail)) if tail.contains(']') => (rest, ""),
            Some((host, port)) => (host, port.strip_suffix('/').unwrap_or(port)),
        };
        let ports = match port {
            "*" => None,
            "" => {
                let port = well_known_port(scheme)
                    .with_context(|| format!("scheme {scheme:?} has no default port; name one"))?;
                Some(u32::from(port)..u32::from(port) + 1)
            }
            _ => Some(parse_ports(port)?),
        };
        let scheme = match scheme {
            "*" => None,
            _ => {
                let valid = scheme.chars().all(char::is_alphabetic);
                ensure!(valid, "invalid scheme {scheme:?}");
                Some(scheme.to_owned())
            }
        };
        Ok(Self {
            scheme,
            host: HostPattern::parse(host)?,
            ports,
        })
    }
}

/// Parses `443` or `8000..8100`, where the end is excluded.
fn parse_ports(text: &str) -> Result<Range<u32>> {
    let port = |text: &str| -> Result<u32> {
        let port: u16 = text
            .parse()
            .ok()
            .with_context(|| format!("{text:?} is not a port number"))?;
        Ok(port.into())
    };
    Ok(match text.split_once("..") {
        Some((start, end)) => port(start)?..port(end)?,
        None => port(text)?..port(text)? + 1,
    })
}

impl HostPattern {
    fn parse(text: &str) -> Result<Self> {
        match text {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::ToSelf),
            _ => {}
        }
        if let Some((address, prefix)) = text.split_once('/')
            && let Ok(address) = address.parse::<IpAddr>()
            && let Ok(prefix) = prefix.parse::<u8>()
        {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            ensure!(prefix <= longest, "invalid network {text:?}");
            return Ok(Self::Network { address, prefix });
        }
        let host = text.strip_suffix('/').unwrap_or(text);
        ensure!(!host.contains('/'), "{text:?} must not include a path");
        if let Some(domain) = host.strip_prefix("*.") {
            return match Host::parse(domain) {
                Ok(Host::Domain(domain)) => Ok(Self::Subdomain(format!(".{domain}"))),
                _ => bail!("invalid wildcard host {text:?}"),
            };
        }
        ensure!(
            !host.contains('*'),
            "wildcards are allowed only as subdomains, not in {text:?}"
        );
        Ok(Self::Exact(
            Host::parse(host).with_context(|| format!("invalid host {host:?}"))?,
        ))
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::ToSelf, _) => false,
            (Self::Exact(exact), host) => exact == host,
            (Self::Subdomain(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (Self::Subdomain(_), _) | (Self::Network { .. }, Host::Domain(_)) => false,
            (Self::Network { address, prefix }, Host::Ipv4(ip)) => match address {
                IpAddr::V4(network) => same_network(
                    u128::from(network.to_bits()) << 96,
                    u128::from(ip.to_bits()) << 96,
                    *prefix,
                ),
                IpAddr::V6(_) => false,
            },
            (Self::Network { address, prefix }, Host::Ipv6(ip)) => match address {
                IpAddr::V4(_) => false,
                IpAddr::V6(network) => same_network(network.to_bits(), ip.to_bits(), *prefix),
            },
        }
    }
}

/// Whether the first `prefix` bits of two addresses are equal.
fn same_network(a: u128, b: u128, prefix: u8) -> bool {
    (a ^ b)
        .checked_shr(128 - u32::from(prefix))
        .is_none_or(|rest| rest == 0)
}

fn well_known_port(scheme: &str) -> Option<u16> {
    Some(match scheme {
        "http" => 80,
        "https" => 443,
        "postgres" => 5432,
        "mysql" => 3306,
        "redis" => 6379,
        "mqtt" => 1883,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, scheme: &str, host: &str, port: Option<u16>) -> bool {
        AllowedHosts::parse(&[pattern.to_owned()], &Values::new())
            .unwrap()
            .allows(scheme, host, port)
    }

    #[test]
    fn allows_with_an_exact_host_compares_scheme_host_and_port() {
        let pattern = "https://api.openai.com";
        assert!(allows(pattern, "https", "api.openai.com", None));
        assert!(allows(pattern, "https", "API.openai.com", Some(443)));
        assert!(!allows(pattern, "https", "api.openai.com", Some(444)));
        assert!(!allows(pattern, "http", "api.openai.com", Some(443)));
        assert!(!allows(pattern, "https", "openai.com", None));
        assert!(allows("http://[::1]:8080", "http", "[::1]", Some(8080)));
        assert!(allows("http://[::1]", "http", "[::1]", None));
    }

    #[test]
    fn allows_with_wildcards_matches_hosts_and_ports() {
        assert!(allows("https://*", "https", "anything.example", None));
        assert!(!allows("https://*", "http", "anything.example", None));
        assert!(!allows(
            "https://*",
            "https",
            "anything.example",
            Some(8443)
        ));
        assert!(allows(
            "http://127.0.0.1:*",
            "http",
            "127.0.0.1",
            Some(4010)
        ));
        assert!(!allows(
            "http://127.0.0.1:*",
            "http",
            "127.0.0.2",
            Some(4010)
        ));
        assert!(allows("*://*:*", "http", "10.0.0.1", Some(1)));
        assert!(allows(
            "https://*.example.com",
            "https",
            "a.b.example.com",
            None
        ));
        assert!(!allows(
            "https://*.example.com",
            "https",
            "example.com",
            None
        ));
        assert!(allows("http://a:80..82", "http", "a", Some(81)));
        assert!(!allows("http://a:80..82", "http", "a", Some(82)));
    }

    #[test]
    fn allows_with_a_network_compares_the_prefix() {
        assert!(allows("http://10.0.0.0/8", "http", "10.9.8.7", None));
        assert!(!allows("http://10.0.0.0/8", "http", "11.0.0.1", None));
        assert!(allows("http://0.0.0.0/0:*", "http", "11.0.0.1", Some(9)));
        assert!(allows("http://10.0.0.1/32", "http", "10.0.0.1", None));
        assert!(!allows("http://10.0.0.1/32", "http", "10.0.0.2", None));
    }

    #[test]
    fn parse_with_an_empty_template_allows_nothing() {
        let values = Values::from([("url".to_owned(), String::new())]);
        let hosts = AllowedHosts::parse(&["{{ url }}".to_owned()], &values).unwrap();
        assert!(!hosts.allows("https", "a", None));
        assert!(AllowedHosts::parse(&[String::new()], &values).is_err());
    }

    #[test]
    fn parse_with_an_invalid_pattern_fails() {
        for pattern in [
            "*",
            "host",
            "https://a/b",
            "https://a*b",
            "foo://a",
            "http://a:x",
        ] {
            let patterns = [pattern.to_owned()];
            assert!(
                AllowedHosts::parse(&patterns, &Values::new()).is_err(),
                "{pattern}"
            );
        }
    }
}
