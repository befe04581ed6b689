//! The client of a request: its address and whether it uses TLS.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use contracts::accounts::types::Client;
use http_edge::{Context, Head, TrustedProxy};

/// The address of the TCP connection, which the host appends to the headers of the client.
const CONNECTION: &str = "spin-client-addr";
/// Characters of `User-Agent` that are stored.
const LONGEST_USER_AGENT: usize = 256;

/// The client's address as the subject of rate limits: the connection's or, if `trusted_proxy` names
/// a header, the one in that header. An IPv6 address is reduced to its network (/64), because one
/// client has all addresses of it.
pub fn client_address(context: &Context) -> String {
    let ip = address(&context.head, context.settings.trusted_proxy.as_ref());
    ip.map_or_else(|| "unknown".to_owned(), subject)
}

/// The client as shown in the list of a user's sessions.
pub fn client(context: &Context) -> Client {
    let head = &context.head;
    Client {
        address: address(head, context.settings.trusted_proxy.as_ref()).map(|ip| ip.to_string()),
        user_agent: head
            .header("user-agent")
            .map(|agent| agent.chars().take(LONGEST_USER_AGENT).collect()),
    }
}

/// Whether the client uses TLS: to this host, to the trusted proxy, or because `public_url` is https.
pub fn is_https(context: &Context) -> bool {
    let public = context.settings.public_origin.as_deref();
    let public = public.is_some_and(|origin| origin.starts_with("https://"));
    let proxied = context
        .settings
        .trusted_proxy
        .as_ref()
        .is_some_and(|proxy| {
            context
                .head
                .element_from_end("x-forwarded-proto", proxy.count)
                == Some("https")
        });
    context.head.https || proxied || public
}

fn address(head: &Head, trusted_proxy: Option<&TrustedProxy>) -> Option<IpAddr> {
    let Some(proxy) = trusted_proxy else {
        return head.host_header(CONNECTION).and_then(parse);
    };
    // A client can send such a list itself; only what the proxies appended is trusted.
    let element = head.element_from_end(&proxy.header, proxy.count)?;
    if proxy.header == "forwarded" {
        return forwarded_for(element).and_then(parse);
    }
    parse(element)
}

/// `for=` of an element of `Forwarded` (RFC 7239, section 4).
fn forwarded_for(element: &str) -> Option<&str> {
    element
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| key.trim().eq_ignore_ascii_case("for"))
        .map(|(_, value)| value.trim().trim_matches('"'))
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:80`.
fn parse(text: &str) -> Option<IpAddr> {
    text.parse::<SocketAddr>()
        .map(|address| address.ip())
        .or_else(|_| text.trim_matches(['[', ']']).parse())
        .ok()
        .map(|ip: IpAddr| ip.to_canonical())
}

fn subject(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let network = ip.to_bits() & !u128::from(u64::MAX);
            format!("{}/64", Ipv6Addr::from_bits(network))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> Head {
        Head {
            headers: headers
                .iter()
                .map(|(k, v)| ((*k).to_owned(), v.as_bytes().to_vec()))
                .collect(),
            ..Head::default()
        }
    }

    fn subject_of(headers: &[(&str, &str)], proxy: Option<&str>) -> Option<String> {
        let proxy = proxy.map(|text| {
            let (header, count) = text.split_once(':').unwrap_or((text, "1"));
            TrustedProxy {
                header: header.to_owned(),
                count: count.parse().unwrap(),
            }
        });
        address(&head(headers), proxy.as_ref()).map(subject)
    }

    #[test]
    fn address_without_trusted_proxy_is_of_the_connection() {
        let headers = [
            ("spin-client-addr", "192.0.2.1:5000"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(subject_of(&headers, None).as_deref(), Some("192.0.2.1"));
        assert_eq!(
            subject_of(&headers, Some("x-forwarded-for")).as_deref(),
            Some("198.51.100.7")
        );
        assert_eq!(subject_of(&headers, Some("x-real-ip")), None);
    }

    #[test]
    fn address_with_a_forged_spin_client_addr_is_that_of_the_connection() {
        let headers = [
            ("spin-client-addr", "203.0.113.7:1"),
            ("spin-client-addr", "192.0.2.1:5000"),
        ];
        assert_eq!(subject_of(&headers, None).as_deref(), Some("192.0.2.1"));
    }

    #[test]
    fn address_with_trusted_proxy_is_the_last_element() {
        let headers = [
            ("x-forwarded-for", "10.0.0.1, 10.0.0.2"),
            ("X-Forwarded-For", "203.0.113.9"),
            (
                "forwarded",
                "for=1.1.1.1, for=\"[2001:db8:1:2:3::4]:80\";proto=https",
            ),
        ];
        assert_eq!(
            subject_of(&headers, Some("x-forwarded-for")).as_deref(),
            Some("203.0.113.9")
        );
        assert_eq!(
            subject_of(&headers, Some("forwarded")).as_deref(),
            Some("2001:db8:1:2::/64")
        );
    }

    #[test]
    fn address_behind_several_proxies_is_what_the_outermost_appended() {
        let headers = [("x-forwarded-for", "1.2.3.4, 203.0.113.9, 10.0.0.1")];
        for (proxy, address) in [
            ("x-forwarded-for", "10.0.0.1"),
            ("x-forwarded-for:2", "203.0.113.9"),
            ("x-forwarded-for:9", "1.2.3.4"),
        ] {
            assert_eq!(subject_of(&headers, Some(proxy)).as_deref(), Some(address));
        }
    }

    #[test]
    fn subject_of_ipv6_addresses_in_one_network_is_equal() {
        assert_eq!(
            parse("[2001:db8::1]:80").map(subject),
            parse("2001:db8::ffff").map(subject)
        );
        assert_eq!(
            parse("::ffff:192.0.2.1").map(subject).as_deref(),
            Some("192.0.2.1")
        );
        assert_eq!(parse("nonsense"), None);
    }
}
