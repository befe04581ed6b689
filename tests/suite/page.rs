//! The chat page as files: how they are sent, and that they are what their source makes.

use std::path::Path;

use tokio::process::Command;

use crate::harness::{App, Folder, Response, manifest, skip_or_fail};

/// The limit of the page's compressed size with all of its files, in bytes.
const MOST: usize = 150 * 1024;

/// The paths of the page's assets, as the page names them.
fn named(page: &Response) -> Vec<String> {
    page.text()
        .split('"')
        .filter(|part| part.starts_with("/assets/") || part.starts_with("/favicon"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn page_has_a_strict_content_security_policy() {
    let client = App::shared().await.client();
    let page = client.get("/").await;
    assert_eq!(page.status, 200, "{page:?}");
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let policy = page.header("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ] {
        assert!(
            policy.split("; ").any(|given| given == part),
            "{part}: {policy}"
        );
    }
    assert!(
        !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    // Nothing in it that the policy would stop.
    let text = page.text();
    assert!(
        !text.contains("<style") && !text.contains(" style=") && !text.contains(" on"),
        "{text}"
    );
}

#[tokio::test]
async fn page_files_are_small_typed_and_cacheable() {
    let client = App::shared().await.client();
    let zipped = client.with("accept-encoding", "br, gzip");
    let page = zipped.get("/").await;
    let names = named(&client.get("/").await);
    assert_eq!(names.len(), 8, "{names:?}");
    let mut weight = page.body.len();
    for name in names {
        let plain = client.get(&name).await;
        assert_eq!(plain.status, 200, "{name}: {plain:?}");
        assert_eq!(plain.header("content-encoding"), None, "{name}");
        let mut vary = plain.headers.get_all("vary").iter();
        assert!(vary.any(|field| field == "Accept-Encoding"), "{name}");
        let kind = plain.header("content-type").unwrap();
        let expected = match name.rsplit('.').next().unwrap() {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "woff2" => "font/woff2",
            other => panic!("{other}"),
        };
        assert_eq!(kind, expected, "{name}");
        if name.starts_with("/assets/") {
            let caching = plain.header("cache-control");
            assert_eq!(
                caching,
                Some("public, max-age=31536000, immutable"),
                "{name}"
            );
        }
        let packed = zipped.get(&name).await;
        weight += packed.body.len();
        if packed.header("content-encoding") == Some("gzip") {
            // RFC 1952: begins with these, ends with the length; browsers do read it, as their own
            // tests show.
            assert_eq!(packed.body[..2], [0x1f, 0x8b], "{name}");
            let length = packed.body.last_chunk().copied().map(u32::from_le_bytes);
            assert_eq!(length, u32::try_from(plain.body.len()).ok(), "{name}");
            assert!(packed.body.len() < plain.body.len(), "{name}");
        } else {
            assert_eq!(packed.body, plain.body, "{name}");
        }
        let head = zipped.send("HEAD", &name, None).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{name}: {head:?}");
    }
    assert!(weight <= MOST, "{weight} bytes");
}

#[tokio::test]
async fn addresses_of_conversations_are_the_page() {
    let client = App::shared().await.client();
    let page = client.get("/").await;
    for path in [
        "/c/0d8fd0a0-3c26-4d2e-8a9f-0c7a52f4a6a1",
        "/new",
        "/new-password?token=a",
        "/channels",
        "/channels/3f2b1c0a-9d8e-4f7a-8b6c-5d4e3f2a1b0c/8d2b1c3e-6b5f-4a7f-9b1d-2f6f0c0f7a11",
        "/invitation/sT4c9xQpVb2kLmN8rW1yZ0aE5uJ7hG3f",
    ] {
        let same = client.get(path).await;
        assert_eq!((same.status, &same.body), (200, &page.body), "{path}");
        let policy = same.header("content-security-policy");
        assert_eq!(policy, page.header("content-security-policy"), "{path}");
    }
}

#[tokio::test]
async fn unknown_address_is_a_page_for_browsers_and_json_for_programs() {
    let client = App::shared().await.client();
    let browser = client.with("accept", "text/html,application/xhtml+xml,*/*;q=0.8");
    for path in ["/nothing", "/c/one/two", "/settings/"] {
        let page = browser.get(path).await;
        assert_eq!(page.status, 404, "{path}: {page:?}");
        assert_eq!(
            page.header("content-type"),
            Some("text/html; charset=utf-8"),
            "{path}"
        );
        assert!(page.text().contains("Page not found"), "{path}");
        client.get(path).await.is_error(404, "NOT_FOUND");
        let program = client.with("accept", "application/json");
        program.get(path).await.is_error(404, "NOT_FOUND");
    }
}

#[tokio::test]
async fn page_file_with_a_matching_etag_is_304() {
    let client = App::shared().await.client();
    let names = named(&client.get("/").await);
    for path in names.iter().map(String::as_str).chain(["/"]) {
        let tag = client.get(path).await.header("etag").unwrap().to_owned();
        let again = client.with("if-none-match", &tag).get(path).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), Some(tag.as_str()), "{path}");
        let other = client.with("if-none-match", "\"other\"").get(path).await;
        assert_eq!(other.status, 200, "{path}");
    }
    client
        .get("/assets/page-0000000000000000.js")
        .await
        .is_error(404, "NOT_FOUND");
}

#[tokio::test]
async fn committed_page_files_match_their_source() {
    let route = manifest().parent().unwrap().join("components/routes/web");
    let has_node = Command::new("npm").arg("--version").output().await.is_ok();
    if !has_node {
        return skip_or_fail(
            "page::committed_page_files_match_their_source",
            "npm is not installed",
        );
    }
    // Beside a copy of the source, so that nothing is left behind in the repository.
    let folder = Folder::new();
    let built = folder.path().join("components/routes/web");
    let page = built.join("page");
    copy(&route.join("page"), &page);
    // The page uses the SDK.
    let sdk = manifest().parent().unwrap().join("sdk/typescript");
    let copied = folder.path().join("sdk/typescript");
    copy(&sdk.join("src"), &copied.join("src"));
    std::fs::copy(sdk.join("package.json"), copied.join("package.json")).unwrap();
    run(&page, "npm", &["ci", "--no-audit", "--no-fund"]).await;
    run(&page, "npm", &["run", "check"]).await;
    run(&page, "npm", &["run", "build"]).await;
    assert_same(&built.join("src/assets.rs"), &route.join("src/assets.rs"));
    let names = |folder: &Path| {
        let mut names: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let (built, committed) = (built.join("assets"), route.join("assets"));
    assert_eq!(names(&built), names(&committed));
    for name in names(&built) {
        assert_same(&built.join(&name), &committed.join(&name));
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_name() == "node_modules" {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

async fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .await
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {printed}{errors}"
    );
}

#[track_caller]
fn assert_same(built: &Path, committed: &Path) {
    let same = std::fs::read(built).unwrap() == std::fs::read(committed).unwrap();
    assert!(
        same,
        "{} is not what its source makes: `npm ci && npm run build` in components/routes/web/page",
        committed.display()
    );
}
