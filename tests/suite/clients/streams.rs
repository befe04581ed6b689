//! The conformance tests of the Durable Streams protocol, on both databases. `tests/clients/streams` has the script that
//! runs them, and a proxy that puts goldfish's streams under the paths that they use.

use crate::harness::{App, Database, Scripts, skip_or_fail};

#[tokio::test]
async fn the_conformance_tests_of_durable_streams_pass_on_each_database() {
    let scripts = match Scripts::node("streams", (20, 19)).await {
        Ok(scripts) => scripts,
        Err(missing) => return skip_or_fail("the conformance tests of streams", &missing),
    };
    for database in Database::each("the conformance tests of streams").await {
        let app = App::with_defaults()
            .database(&database)
            .variable("cors_origins", "https://example.com")
            .variable("stream_long_poll_seconds", "2")
            .start()
            .await;
        let guest = app.client().guest().await;
        let report = scripts
            .print_with(
                "conformance.mjs",
                &[
                    ("GOLDFISH_URL", &format!("http://{}", app.address())),
                    ("GOLDFISH_TOKEN", &guest.token),
                ],
            )
            .await;
        // Six of the 338 are of an optional part of the protocol, which the suite leaves out by default.
        assert!(report.contains("332 passed"), "{report}");
    }
}
