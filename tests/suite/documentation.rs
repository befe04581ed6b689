//! README and the pages in `docs`: every link leads to a file and a heading, and every `sh` block runs
//! against an application.
//!
//! The blocks of one page share a shell. `http://127.0.0.1:3000` is replaced by the application's address.
//! `cargo up` is left out, because the application runs already. A block that cannot run here has the
//! info string `sh no-run (reason)`.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::harness::{App, manifest};

/// The address of the application in the pages.
const ADDRESS: &str = "127.0.0.1:3000";
/// Makes an HTTP error an error of the shell.
const PREAMBLE: &str =
    "set -euo pipefail\ncurl() { command curl --fail-with-body --show-error \"$@\"; }\n";

/// One fenced block of code.
struct Block {
    info: String,
    text: String,
}

/// A page without its blocks of code, and these.
struct Page {
    path: PathBuf,
    prose: String,
    blocks: Vec<Block>,
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let (mut prose, mut blocks) = (String::new(), Vec::new());
        let mut open: Option<Block> = None;
        for line in text.lines() {
            match (line.strip_prefix("```"), open.take()) {
                (Some(_), Some(block)) => blocks.push(block),
                (Some(info), None) => {
                    open = Some(Block {
                        info: info.trim().to_owned(),
                        text: String::new(),
                    });
                }
                (None, Some(mut block)) => {
                    block.text += &format!("{line}\n");
                    open = Some(block);
                }
                (None, None) => prose += &format!("{line}\n"),
            }
        }
        assert!(open.is_none(), "{}: an open block", path.display());
        Self {
            path: path.to_owned(),
            prose,
            blocks,
        }
    }

    /// The targets of Markdown links and of `src` attributes.
    fn links(&self) -> Vec<&str> {
        let after = |start, end| {
            let parts = self.prose.split(start).skip(1);
            parts.filter_map(move |part: &str| part.split(end).next())
        };
        after("](", ')').chain(after("src=\"", '"')).collect()
    }

    /// The anchors of the headings, as GitHub names them.
    fn anchors(&self) -> Vec<String> {
        let headings = self.prose.lines().filter(|line| line.starts_with('#'));
        headings
            .map(|line| anchor(line.trim_start_matches('#').trim()))
            .collect()
    }

    /// The script of all blocks that can run.
    fn script(&self, address: &str) -> Option<String> {
        let blocks: Vec<_> = self
            .blocks
            .iter()
            .filter(|block| block.info == "sh")
            .flat_map(|block| block.text.lines())
            .filter(|line| !line.starts_with("cargo up"))
            .collect();
        let has_commands = blocks.iter().any(|line| !line.trim().is_empty());
        has_commands.then(|| format!("{PREAMBLE}{}\n", blocks.join("\n")).replace(ADDRESS, address))
    }
}

fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|character| character.is_alphanumeric() || " -_".contains(*character))
        .map(|character| if character == ' ' { '-' } else { character })
        .collect()
}

fn repository() -> PathBuf {
    manifest().parent().unwrap().to_owned()
}

/// README and the pages of `docs`.
fn pages() -> Vec<Page> {
    let root = repository();
    let mut paths: Vec<_> = std::fs::read_dir(root.join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.sort();
    paths.insert(0, root.join("README.md"));
    assert!(paths.len() > 5, "{paths:?}");
    paths.iter().map(|path| Page::read(path)).collect()
}

#[test]
fn links_in_the_documentation_lead_to_files_and_headings() {
    let mut broken = Vec::new();
    for page in pages() {
        for link in page.links() {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => page.path.clone(),
                file => page.path.parent().unwrap().join(file),
            };
            let leads = target.exists()
                && (heading.is_empty()
                    || Page::read(&target)
                        .anchors()
                        .iter()
                        .any(|anchor| anchor == heading));
            if !leads {
                broken.push(format!("{}: {link}", page.path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn blocks_that_do_not_run_have_a_reason() {
    for page in pages() {
        for block in page
            .blocks
            .iter()
            .filter(|block| block.info.starts_with("sh"))
        {
            let has_reason = block
                .info
                .strip_prefix("sh no-run (")
                .is_some_and(|rest| rest.len() > 5 && rest.ends_with(')'));
            let place = page.path.display();
            assert!(block.info == "sh" || has_reason, "{place}: {}", block.info);
        }
    }
}

#[test]
fn pages_are_short_and_begin_with_a_question() {
    for page in pages() {
        let name = page
            .path
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let lines = std::fs::read_to_string(&page.path).unwrap().lines().count();
        let most = if name == "README.md" { 120 } else { 200 };
        assert!(lines <= most, "{name}: {lines} lines");
        let first = page.prose.lines().filter(|line| !line.is_empty()).nth(1);
        let asks = first.is_some_and(|line| line.contains('?'));
        assert!(name == "README.md" || asks, "{name}: {first:?}");
    }
}

#[tokio::test]
async fn shell_blocks_of_the_documentation_run() {
    let mut run = 0;
    for page in pages() {
        let app = App::with_defaults().start().await;
        let Some(script) = page.script(&app.address().to_string()) else {
            continue;
        };
        run += 1;
        let output = Command::new("bash")
            .args(["-c", &script])
            .current_dir(repository())
            .output()
            .await
            .unwrap();
        assert!(
            output.status.success(),
            "{}: {}\n{}\n{}",
            page.path.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            app.logs()
        );
    }
    assert!(run >= 2, "{run} pages with commands");
}
