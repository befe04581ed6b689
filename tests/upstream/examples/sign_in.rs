//! Fakes of GitHub, Google and a mail webhook to be run by hand:
//! `cargo run -p upstream --example sign_in`. It prints the variables to start goldfish with, and
//! the mail that comes. Ada has an account at both providers and consents to everything.

use upstream::{GitHub, GitHubUser, Google, GoogleUser, Mailbox};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let github = GitHub::start("github-app", "github-secret").await?;
    github.sign_in(GitHubUser::new(1, "ada", "ada@example.com"));
    let google = Google::start("google-app", "google-secret").await?;
    google.sign_in(GoogleUser::new("101", "ada@example.com", "Ada Lovelace"));
    let mailbox = Mailbox::start().await?;
    for (name, value) in [
        ("github_client_id", "github-app".to_owned()),
        ("github_client_secret", "github-secret".to_owned()),
        ("github_base_url", github.base_url()),
        ("github_api_url", github.api_url()),
        ("google_client_id", "google-app".to_owned()),
        ("google_client_secret", "google-secret".to_owned()),
        ("google_base_url", google.base_url()),
        ("google_token_url", google.token_url()),
        ("mail_webhook_url", mailbox.webhook_url()),
    ] {
        eprintln!("--variable {name}={value}");
    }
    let mut printed = 0;
    loop {
        let call = mailbox
            .wait_forever(|calls| calls.get(printed).cloned())
            .await;
        eprintln!("{}", call.json());
        printed += 1;
    }
}
