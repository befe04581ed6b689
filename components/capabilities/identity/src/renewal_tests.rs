use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use journal::Clock;
use journal::testing::World;
use proptest::prelude::*;

use super::*;
use crate::workos;

const NOW: u64 = 1_800_000_000_000;

/// Recordings of the real Node SDK; see `tests/fixtures/workos/generate.mjs`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fixtures {
    client_id: String,
    cookie_password: String,
    refreshes: BTreeMap<String, Refresh>,
}

/// A refresh by the SDK: its request, the response, and the new seal.
#[derive(Deserialize)]
struct Refresh {
    cookie: String,
    request: SdkRequest,
    response: Value,
    renewed: String,
}

#[derive(Deserialize)]
struct SdkRequest {
    method: String,
    path: String,
    body: Value,
}

fn fixtures() -> Fixtures {
    serde_json::from_str(include_str!("../tests/fixtures/workos/sessions.json")).unwrap()
}

fn sealed(cookie: &str, password: &str) -> Value {
    let seal = cookie.strip_suffix("~2").unwrap();
    serde_json::from_slice(&seal::unseal(seal, password, 0).unwrap()).unwrap()
}

fn id(refresh_token: &str) -> RefreshId {
    RefreshId::new("session_1", refresh_token)
}

fn renewed(cookie: &str) -> Outcome {
    Outcome::Renewed(cookie.to_owned())
}

#[test]
fn request_is_equal_to_the_sdks() {
    let fixtures = fixtures();
    for (name, refresh) in &fixtures.refreshes {
        let session = workos::open(&refresh.cookie, &fixtures.cookie_password, NOW).unwrap();
        let claims = session.sealed_claims(&fixtures.client_id).unwrap();
        let body = request(
            &fixtures.client_id,
            "sk_test_fixture",
            session.refresh_token().unwrap(),
            claims.org_id.as_deref(),
        );
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body, refresh.request.body, "{name}");
        assert_eq!(refresh.request.method, "POST");
        assert_eq!(refresh.request.path, "/user_management/authenticate");
    }
    let without = request("c", "k", "r", None);
    assert!(!without.contains("organization_id"));
}

#[test]
fn outcome_seals_the_same_content_as_the_sdk() {
    let fixtures = fixtures();
    let password = &fixtures.cookie_password;
    assert_eq!(fixtures.refreshes.len(), 2);
    for (name, refresh) in &fixtures.refreshes {
        let body = refresh.response.to_string();
        let Outcome::Renewed(cookie) = outcome(200, body.as_bytes(), password) else {
            panic!("{name} is renewed");
        };
        assert_eq!(
            sealed(&cookie, password),
            sealed(&refresh.renewed, password),
            "{name}"
        );
    }
}

#[test]
fn outcome_depends_on_status_and_error() {
    let password = fixtures().cookie_password;
    let of = |status, body: &str| outcome(status, body.as_bytes(), &password);
    let refusal = |error: &str| format!(r#"{{"error":"{error}","error_description":"x"}}"#);
    assert_eq!(of(400, &refusal("invalid_grant")), Outcome::UsedUp);
    for error in ["mfa_enrollment", "sso_required"] {
        assert_eq!(of(400, &refusal(error)), Outcome::Refused);
    }
    for (status, body) in [
        (400, refusal("invalid_client")),
        (401, r#"{"message":"Unauthorized"}"#.to_owned()),
        (429, refusal("invalid_grant")),
        (500, String::new()),
        (200, String::new()),
        (200, "{}".to_owned()),
        (200, refusal("invalid_grant")),
        (302, String::new()),
    ] {
        let outcome = of(status, &body);
        assert!(matches!(outcome, Outcome::Failed(_)), "{status} {body}");
    }
}

#[test]
fn outcome_of_response_without_session_is_failed() {
    let fixtures = fixtures();
    let response = &fixtures.refreshes["plain"].response;
    for (name, value) in [
        ("access_token", json!("no token")),
        ("access_token", json!(null)),
        ("refresh_token", json!(7)),
        ("user", json!("ada")),
    ] {
        let mut response = response.clone();
        response[name] = value;
        let outcome = outcome(
            200,
            response.to_string().as_bytes(),
            &fixtures.cookie_password,
        );
        assert!(matches!(outcome, Outcome::Failed(_)), "{name}");
    }
}

#[test]
fn lookup_while_refreshing_waits_and_returns_the_result() {
    let mut exchanges = Refreshes::default();
    assert_eq!(exchanges.lookup(id("a"), NOW), Step::Exchange);
    for late in [0, 9_000] {
        assert_eq!(exchanges.lookup(id("a"), NOW + late), Step::Wait);
    }
    // Another session, or the next exchange of the same one, is another matter.
    assert_eq!(exchanges.lookup(id("b"), NOW), Step::Exchange);
    let end = NOW + 9_000;
    exchanges.settle(id("a"), Some(renewed("cookie")), end);
    let last = end + SHARED_MS - 1;
    let done = Step::Done(renewed("cookie"));
    assert_eq!(exchanges.lookup(id("a"), last), done);
    assert_eq!(exchanges.lookup(id("a"), last + 1), Step::Exchange);
    assert_eq!(exchanges.lookup(id("b"), last), Step::Wait);
}

#[test]
fn lookup_after_failure_does_not_refresh_again_at_once() {
    for (outcome, for_ms) in [
        (Outcome::UsedUp, REFUSED_MS),
        (Outcome::Refused, REFUSED_MS),
        (Outcome::Failed("out of reach".to_owned()), FAILED_MS),
    ] {
        let mut exchanges = Refreshes::default();
        assert_eq!(exchanges.lookup(id("a"), NOW), Step::Exchange);
        exchanges.settle(id("a"), Some(outcome.clone()), NOW);
        let last = NOW + for_ms - 1;
        assert_eq!(exchanges.lookup(id("a"), last), Step::Done(outcome));
        assert_eq!(exchanges.lookup(id("a"), last + 1), Step::Exchange);
    }
}

#[test]
fn lookup_after_abandoned_refresh_refreshes() {
    let mut exchanges = Refreshes::default();
    assert_eq!(exchanges.lookup(id("a"), NOW), Step::Exchange);
    exchanges.settle(id("a"), None, NOW);
    assert_eq!(exchanges.lookup(id("a"), NOW), Step::Exchange);
}

#[test]
fn shared_seal_is_read_for_its_refresh_within_time() {
    let own = id("a");
    let bytes = serde_json::to_vec(&SharedSeal::new(own, NOW, "cookie")).unwrap();
    let read = |id, now| SharedSeal::read(&bytes, id, now);
    assert_eq!(read(own, NOW + SHARED_MS - 1).as_deref(), Some("cookie"));
    assert_eq!(read(own, NOW + SHARED_MS), None);
    assert_eq!(read(id("b"), NOW), None);
    assert_eq!(read(RefreshId::new("session_2", "a"), NOW), None);
    assert_eq!(SharedSeal::read(b"{}", own, NOW), None);
    // The stored value does not reveal the refresh token. Its key is one of a fixed number of
    // keys.
    let place: u16 = own
        .key()
        .strip_prefix("identity:w:")
        .unwrap()
        .parse()
        .unwrap();
    assert!(place < PLACES);
}

/// The outcomes of concurrent refreshes on many instances, and how often WorkOS was called and granted
/// a refresh. WorkOS responds after `latency` (milliseconds) and accepts each refresh token once.
fn exchange_on_many(world: &World, latency: u64, starts: &[u64]) -> (Vec<Outcome>, usize, usize) {
    let counts = Rc::new(RefCell::new((0, 0)));
    let outcomes = Rc::new(RefCell::new(Vec::new()));
    for (index, start) in starts.iter().copied().enumerate() {
        let client = world.client();
        let (counts, outcomes) = (Rc::clone(&counts), Rc::clone(&outcomes));
        world.spawn(async move {
            client.sleep(start).await;
            let ask = async {
                client.sleep(latency / 2).await;
                let granted = {
                    let mut counts = counts.borrow_mut();
                    counts.0 += 1;
                    counts.1 += usize::from(counts.1 == 0);
                    counts.0 == 1
                };
                client.sleep(latency / 2).await;
                if granted {
                    renewed(&format!("cookie of {index}"))
                } else {
                    Outcome::UsedUp
                }
            };
            let outcome = exchange(&client, id("a"), ask).await;
            outcomes.borrow_mut().push(outcome);
        });
    }
    world.run();
    let (request, granted) = *counts.borrow();
    (outcomes.take(), request, granted)
}

#[test]
fn exchange_after_another_instance_does_not_ask_workos() {
    let world = World::new(1);
    let (outcomes, request, _) = exchange_on_many(&world, 200, &[0, 1_000, 30_000]);
    assert_eq!(request, 1);
    for outcome in outcomes {
        assert_eq!(outcome, renewed("cookie of 0"));
    }
}

#[test]
fn exchange_with_used_token_without_result_is_used_up() {
    let world = World::new(1);
    let begin = world.now();
    let client = world.client();
    let outcome =
        world.finish(async move { exchange(&client, id("a"), async { Outcome::UsedUp }).await });
    assert_eq!(outcome, Some(Outcome::UsedUp));
    assert!((3_000..4_000).contains(&(world.now() - begin)));
}

proptest! {
    /// Many instances refresh with the same old cookie. WorkOS grants one new cookie, and all get it.
    #[test]
    fn concurrent_exchanges_all_get_the_new_cookie(
        seed in any::<u64>(),
        store_latency in 0u64..200,
        latency in 0u64..1500,
        starts in prop::collection::vec(0u64..2000, 1..12),
    ) {
        let world = World::new(seed);
        world.set_latency(store_latency);
        let (mut outcomes, _, granted) = exchange_on_many(&world, latency, &starts);
        prop_assert_eq!(granted, 1);
        prop_assert_eq!(outcomes.len(), starts.len());
        outcomes.dedup();
        prop_assert_eq!(outcomes.len(), 1);
        prop_assert!(matches!(outcomes.first(), Some(Outcome::Renewed(_))));
    }
}
