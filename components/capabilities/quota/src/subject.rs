//! From a subject to the part of a storage key that stands for it.

use std::fmt::Write;
use std::net::{IpAddr, Ipv6Addr};

use sha2::{Digest, Sha256};

/// Longest subject that is its own key, in bytes.
const MAX_PLAIN_BYTES: usize = 128;

/// A text of `[A-Za-z0-9_.-]`, at most 128 bytes, that stands for `subject`: a user id as it is, an
/// IPv4 address as it is, an IPv6 address by its /64 prefix (one subscriber has all of it), and
/// anything else by a hash.
pub(crate) fn key_of(subject: &str) -> String {
    match subject.parse() {
        Ok(IpAddr::V4(address)) => address.to_string(),
        Ok(IpAddr::V6(address)) => match address.to_ipv4_mapped() {
            Some(address) => address.to_string(),
            None => prefix_of(address),
        },
        Err(_) if is_plain(subject) => subject.to_owned(),
        Err(_) => hash_of(subject),
    }
}

fn is_plain(subject: &str) -> bool {
    (1..=MAX_PLAIN_BYTES).contains(&subject.len())
        && subject
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

fn prefix_of(address: Ipv6Addr) -> String {
    format!("ip6_{:016x}", address.to_bits() >> 64)
}

fn hash_of(subject: &str) -> String {
    let mut key = "hash_".to_owned();
    for byte in Sha256::digest(subject) {
        // Writing to a string does not fail.
        let _ = write!(key, "{byte:02x}");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn users_and_ipv4_addresses_stand_for_themselves() {
        let user = "guest_0b1f3c1e-0000-4000-8000-000000000000";
        assert_eq!(key_of(user), user);
        assert_eq!(key_of("192.0.2.7"), "192.0.2.7");
        assert_eq!(key_of("::ffff:192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn an_ipv6_subscriber_is_one_subject() {
        assert_eq!(key_of("2001:db8:1:2::1"), "ip6_20010db800010002");
        assert_eq!(key_of("2001:db8:1:2:ffff::9"), key_of("2001:db8:1:2::1"));
        assert_ne!(key_of("2001:db8:1:3::1"), key_of("2001:db8:1:2::1"));
    }

    proptest! {
        #[test]
        fn any_subject_makes_a_key(subject in ".*") {
            let key = key_of(&subject);
            prop_assert!(is_plain(&key));
        }
    }
}
