//! Makes the part of a storage key that identifies a subject.

use std::net::{IpAddr, Ipv6Addr};

use ids::KeyPart;

/// The key part for `subject`: an IPv4 address unchanged, an IPv6 address by its /64 prefix (which one
/// subscriber has as a whole), a user id unchanged, and anything else by a hash.
pub(crate) fn key_of(subject: &str) -> KeyPart {
    match subject.parse() {
        Ok(IpAddr::V4(address)) => KeyPart::parse_or_hash(&address.to_string()),
        Ok(IpAddr::V6(address)) => KeyPart::parse_or_hash(&match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => prefix_of(address),
        }),
        Err(_) => KeyPart::parse_or_hash(subject),
    }
}

fn prefix_of(address: Ipv6Addr) -> String {
    format!("ip6_{:016x}", address.to_bits() >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_a_user_or_an_ipv4_address_is_itself() {
        let user = "guest_0b1f3c1e-0000-4000-8000-000000000000";
        assert_eq!(key_of(user).as_str(), user);
        assert_eq!(key_of("192.0.2.7").as_str(), "192.0.2.7");
        assert_eq!(key_of("::ffff:192.0.2.7").as_str(), "192.0.2.7");
    }

    #[test]
    fn key_of_an_ipv6_address_is_its_prefix() {
        assert_eq!(key_of("2001:db8:1:2::1").as_str(), "ip6_20010db800010002");
        assert_eq!(key_of("2001:db8:1:2:ffff::9"), key_of("2001:db8:1:2::1"));
        assert_ne!(key_of("2001:db8:1:3::1"), key_of("2001:db8:1:2::1"));
    }

    #[test]
    fn key_of_other_text_is_a_hash() {
        assert!(key_of("a b").as_str().starts_with("hash_"));
        assert_ne!(key_of("a b"), key_of("a:b"));
    }
}
