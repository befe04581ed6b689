use serde_json::json;

use super::*;

const START: u64 = 1_800_000_000_000;

fn keys(names: &[&str]) -> KeySet {
    let key = DecodingKey::from_rsa_raw_components(&[1], &[3]);
    names
        .iter()
        .map(|name| ((*name).to_owned(), key.clone()))
        .collect()
}

fn some(names: &[&str], at: u64) -> Option<Fetched> {
    let keys = keys(names);
    Some(Fetched { keys, at })
}

/// A cache that has fetched the key `a` at `START`.
fn fetched() -> Cache {
    let mut cache = Cache::new();
    assert!(matches!(cache.lookup("a", START), Lookup::Fetch));
    cache.settle(some(&["a"], START), true, START);
    cache
}

#[test]
fn parse_of_key_set_returns_its_keys() {
    let set = parse(include_bytes!("../tests/fixtures/workos/jwks-rotated.json")).unwrap();
    assert_eq!(set.len(), 2);
    for damaged in ["", "[]", "{}", "{\"keys\": 1}", "null"] {
        assert!(parse(damaged.as_bytes()).is_none(), "{damaged}");
    }
}

#[test]
fn parse_ignores_keys_of_other_types_and_uses() {
    let strong = "A".repeat(342);
    let set = json!({"keys": [
        {"kty": "RSA", "kid": "good", "n": strong, "e": "AQAB", "x5c": []},
        {"kty": "RSA", "kid": "weak", "n": "AAAA", "e": "AQAB"},
        {"kty": "RSA", "kid": "encrypts", "use": "enc", "n": strong, "e": "AQAB"},
        {"kty": "RSA", "kid": "other", "alg": "PS256", "n": strong, "e": "AQAB"},
        {"kty": "oct", "kid": "shared", "k": "AAAA", "alg": "HS256"},
        {"kty": "EC", "kid": "curve", "crv": "P-256", "x": "AA", "y": "AA"},
        {"kty": "RSA", "n": strong, "e": "AQAB"},
        {"kty": "RSA", "kid": "garbled", "n": "!".repeat(342), "e": "AQAB"},
        7,
    ]});
    let read = parse(set.to_string().as_bytes()).unwrap();
    assert_eq!(read.keys().collect::<Vec<_>>(), ["good"]);
}

#[test]
fn lookup_while_fetching_waits() {
    let mut cache = Cache::new();
    assert!(matches!(cache.lookup("a", START), Lookup::Fetch));
    assert!(matches!(cache.lookup("a", START), Lookup::Wait));
    assert!(matches!(cache.lookup("b", START + 60_000), Lookup::Wait));
    cache.settle(some(&["a"], START), true, START);
    assert!(matches!(cache.lookup("a", START), Lookup::Key(_)));
}

#[test]
fn lookup_of_fresh_key_does_not_fetch() {
    let mut cache = fetched();
    for age in [0, 1000, MAX_AGE_MS - 1] {
        assert!(matches!(cache.lookup("a", START + age), Lookup::Key(_)));
    }
    assert!(matches!(
        cache.lookup("a", START + MAX_AGE_MS),
        Lookup::Fetch
    ));
}

#[test]
fn lookup_of_unknown_key_fetches_at_most_once_per_interval() {
    let mut cache = fetched();
    let soon = START + MIN_INTERVAL_MS - 1;
    assert!(matches!(cache.lookup("b", soon), Lookup::Unknown));
    let later = START + MIN_INTERVAL_MS;
    assert!(matches!(cache.lookup("b", later), Lookup::Fetch));
    // Lookups of cached keys do not wait.
    assert!(matches!(cache.lookup("a", later), Lookup::Key(_)));
    assert!(matches!(cache.lookup("b", later), Lookup::Wait));
    cache.settle(some(&["a", "b"], later), true, later);
    assert!(matches!(cache.lookup("b", later), Lookup::Key(_)));
    for made_up in 0..1000 {
        let lookup = cache.lookup(&made_up.to_string(), later + made_up);
        assert!(matches!(lookup, Lookup::Unknown));
    }
}

#[test]
fn lookup_of_stale_key_succeeds_while_fetch_fails() {
    let mut cache = fetched();
    let mut now = START + MAX_AGE_MS;
    while now < START + MAX_STALE_MS {
        assert!(matches!(cache.lookup("a", now), Lookup::Fetch));
        assert!(matches!(cache.lookup("a", now), Lookup::Key(_)));
        cache.settle(None, false, now);
        assert!(matches!(cache.lookup("a", now), Lookup::Key(_)));
        // The key may be new, so it cannot be rejected.
        assert!(matches!(cache.lookup("b", now), Lookup::Unreachable));
        now += MIN_INTERVAL_MS;
    }
    assert!(matches!(cache.lookup("a", now), Lookup::Fetch));
    cache.settle(None, false, now);
    assert!(matches!(cache.lookup("a", now), Lookup::Unreachable));
}

#[test]
fn lookup_without_keys_after_failed_fetch_retries_soon() {
    let mut cache = Cache::new();
    assert!(matches!(cache.lookup("a", START), Lookup::Fetch));
    cache.settle(None, false, START);
    assert!(matches!(
        cache.lookup("a", START + 1999),
        Lookup::Unreachable
    ));
    assert!(matches!(cache.lookup("a", START + 2000), Lookup::Fetch));
}

#[test]
fn lookup_after_slow_fetch_does_not_fetch_again() {
    let mut cache = Cache::new();
    assert!(matches!(cache.lookup("a", START), Lookup::Fetch));
    let end = START + 10 * MIN_INTERVAL_MS;
    cache.settle(None, false, end);
    assert!(matches!(cache.lookup("a", end), Lookup::Unreachable));
}

#[test]
fn lookup_of_withdrawn_key_after_fetch_is_unknown() {
    let mut cache = fetched();
    let later = START + MAX_AGE_MS;
    assert!(matches!(cache.lookup("a", later), Lookup::Fetch));
    cache.settle(some(&["b"], later), true, later);
    assert!(matches!(cache.lookup("a", later), Lookup::Unknown));
}

#[test]
fn shared_copy_is_used_by_other_instances() {
    let json = include_bytes!("../tests/fixtures/workos/jwks.json").to_vec();
    let cached_key = parse(&json).unwrap().into_keys().next().unwrap();
    let stored = serde_json::to_vec(&SharedCopy::new(json, START).unwrap()).unwrap();
    let copy: SharedCopy = serde_json::from_slice(&stored).unwrap();

    let fetched = copy.read(START + MAX_AGE_MS - 1).unwrap();
    assert_eq!(fetched.at, START);
    assert!(fetched.suffices(&cached_key, START + MAX_AGE_MS - 1));
    assert!(!fetched.suffices(&cached_key, START + MAX_AGE_MS));
    // An unknown key is fetched, but not again by every instance.
    assert!(fetched.suffices("unknown", START + MIN_INTERVAL_MS - 1));
    assert!(!fetched.suffices("unknown", START + MIN_INTERVAL_MS));

    assert!(copy.read(START + MAX_STALE_MS).is_none());
    assert!(copy.read(START - MIN_INTERVAL_MS - 1).is_none());
    assert!(SharedCopy::new(b"<html>".to_vec(), START).is_none());
}

#[test]
fn old_shared_copy_is_used_while_fetch_fails() {
    let mut cache = Cache::new();
    assert!(matches!(cache.lookup("a", START), Lookup::Fetch));
    cache.settle(some(&["a"], START - MAX_AGE_MS), false, START);
    assert!(matches!(cache.lookup("a", START), Lookup::Key(_)));
    assert!(matches!(cache.lookup("b", START), Lookup::Unreachable));
}
