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
    assert!(matches!(cache.look_up("a", START), Lookup::Fetch));
    cache.settle(some(&["a"], START), true, START);
    cache
}

#[test]
fn a_key_set_is_read() {
    let set = parse(include_bytes!("../tests/fixtures/workos/jwks-rotated.json")).unwrap();
    assert_eq!(set.len(), 2);
    for damaged in ["", "[]", "{}", "{\"keys\": 1}", "null"] {
        assert!(parse(damaged.as_bytes()).is_none(), "{damaged}");
    }
}

#[test]
fn other_keys_are_passed_over() {
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
fn one_fetches_and_the_others_wait() {
    let mut cache = Cache::new();
    assert!(matches!(cache.look_up("a", START), Lookup::Fetch));
    assert!(matches!(cache.look_up("a", START), Lookup::Wait));
    assert!(matches!(cache.look_up("b", START + 60_000), Lookup::Wait));
    cache.settle(some(&["a"], START), true, START);
    assert!(matches!(cache.look_up("a", START), Lookup::Key(_)));
}

#[test]
fn fresh_keys_are_not_fetched_again() {
    let mut cache = fetched();
    for age in [0, 1000, MAX_AGE_MS - 1] {
        assert!(matches!(cache.look_up("a", START + age), Lookup::Key(_)));
    }
    assert!(matches!(
        cache.look_up("a", START + MAX_AGE_MS),
        Lookup::Fetch
    ));
}

#[test]
fn an_unknown_key_is_asked_for_once_in_a_while() {
    let mut cache = fetched();
    let soon = START + MIN_INTERVAL_MS - 1;
    assert!(matches!(cache.look_up("b", soon), Lookup::Unknown));
    let later = START + MIN_INTERVAL_MS;
    assert!(matches!(cache.look_up("b", later), Lookup::Fetch));
    // Those with a known key are not held up.
    assert!(matches!(cache.look_up("a", later), Lookup::Key(_)));
    assert!(matches!(cache.look_up("b", later), Lookup::Wait));
    cache.settle(some(&["a", "b"], later), true, later);
    assert!(matches!(cache.look_up("b", later), Lookup::Key(_)));
    for made_up in 0..1000 {
        let found = cache.look_up(&made_up.to_string(), later + made_up);
        assert!(matches!(found, Lookup::Unknown));
    }
}

#[test]
fn stale_keys_serve_while_the_key_set_is_out_of_reach() {
    let mut cache = fetched();
    let mut now = START + MAX_AGE_MS;
    while now < START + MAX_STALE_MS {
        assert!(matches!(cache.look_up("a", now), Lookup::Fetch));
        assert!(matches!(cache.look_up("a", now), Lookup::Key(_)));
        cache.settle(None, false, now);
        assert!(matches!(cache.look_up("a", now), Lookup::Key(_)));
        // It may be new, so nobody can say that it is wrong.
        assert!(matches!(cache.look_up("b", now), Lookup::Unreachable));
        now += MIN_INTERVAL_MS;
    }
    assert!(matches!(cache.look_up("a", now), Lookup::Fetch));
    cache.settle(None, false, now);
    assert!(matches!(cache.look_up("a", now), Lookup::Unreachable));
}

#[test]
fn a_first_fetch_that_failed_is_soon_repeated() {
    let mut cache = Cache::new();
    assert!(matches!(cache.look_up("a", START), Lookup::Fetch));
    cache.settle(None, false, START);
    assert!(matches!(
        cache.look_up("a", START + 1999),
        Lookup::Unreachable
    ));
    assert!(matches!(cache.look_up("a", START + 2000), Lookup::Fetch));
}

#[test]
fn a_fetch_that_took_long_is_not_repeated_at_once() {
    let mut cache = Cache::new();
    assert!(matches!(cache.look_up("a", START), Lookup::Fetch));
    let end = START + 10 * MIN_INTERVAL_MS;
    cache.settle(None, false, end);
    assert!(matches!(cache.look_up("a", end), Lookup::Unreachable));
}

#[test]
fn a_withdrawn_key_is_gone_with_the_next_fetch() {
    let mut cache = fetched();
    let later = START + MAX_AGE_MS;
    assert!(matches!(cache.look_up("a", later), Lookup::Fetch));
    cache.settle(some(&["b"], later), true, later);
    assert!(matches!(cache.look_up("a", later), Lookup::Unknown));
}

#[test]
fn a_copy_serves_other_instances() {
    let json = include_bytes!("../tests/fixtures/workos/jwks.json").to_vec();
    let known = parse(&json).unwrap().into_keys().next().unwrap();
    let stored = serde_json::to_vec(&SharedCopy::new(json, START).unwrap()).unwrap();
    let copy: SharedCopy = serde_json::from_slice(&stored).unwrap();

    let fetched = copy.read(START + MAX_AGE_MS - 1).unwrap();
    assert_eq!(fetched.at, START);
    assert!(fetched.suffices(&known, START + MAX_AGE_MS - 1));
    assert!(!fetched.suffices(&known, START + MAX_AGE_MS));
    // An unknown key is asked for, but not by every instance anew.
    assert!(fetched.suffices("unknown", START + MIN_INTERVAL_MS - 1));
    assert!(!fetched.suffices("unknown", START + MIN_INTERVAL_MS));

    assert!(copy.read(START + MAX_STALE_MS).is_none());
    assert!(copy.read(START - MIN_INTERVAL_MS - 1).is_none());
    assert!(SharedCopy::new(b"<html>".to_vec(), START).is_none());
}

#[test]
fn an_old_copy_serves_while_the_key_set_is_out_of_reach() {
    let mut cache = Cache::new();
    assert!(matches!(cache.look_up("a", START), Lookup::Fetch));
    cache.settle(some(&["a"], START - MAX_AGE_MS), false, START);
    assert!(matches!(cache.look_up("a", START), Lookup::Key(_)));
    assert!(matches!(cache.look_up("b", START), Lookup::Unreachable));
}
