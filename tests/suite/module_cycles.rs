//! No modules of one crate import each other in circles, so that every crate reads from the top
//! down.
//!
//! An import is a path that begins with `crate`, `super`, `self` or the name of a child module,
//! outside of tests. What a module re-exports counts as imported from where it is defined. A module
//! may use what a module around it defines, as it may use its own private items.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A path of modules from the crate's root; the root's is empty.
type Module = Vec<String>;

/// Modules of a crate with their source, without comments, strings and tests.
type Sources = BTreeMap<Module, String>;

fn repository() -> PathBuf {
    let mut folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    while !folder.join("application.toml").is_file() {
        folder = folder.parent().unwrap();
    }
    folder.to_owned()
}

/// The folders `src` of all crates.
fn crates() -> Vec<PathBuf> {
    let mut crates = Vec::new();
    let mut open = vec![repository()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !path.is_dir() || name.starts_with('.') || name == "target" || name == "node_modules"
            {
                continue;
            }
            if name == "src" && path.with_file_name("Cargo.toml").is_file() {
                crates.push(path);
            } else {
                open.push(path);
            }
        }
    }
    crates.sort();
    crates
}

fn sources(src: &Path) -> Sources {
    let mut sources = Sources::new();
    let mut open = vec![src.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let Some(stem) = path
                .strip_prefix(src)
                .unwrap()
                .to_str()
                .unwrap()
                .strip_suffix(".rs")
            else {
                continue;
            };
            let mut module: Module = stem.split('/').map(str::to_owned).collect();
            let last = module.last().unwrap().as_str();
            if last == "tests" || last == "testing" || last.ends_with("_tests") {
                continue;
            }
            if last == "mod" || (module.len() == 1 && (last == "lib" || last == "main")) {
                module.pop();
            }
            let text = without_tests(&plain(&std::fs::read_to_string(&path).unwrap()));
            sources.entry(module).or_default().push_str(&text);
        }
    }
    sources
}

/// The source with comments, strings and characters blanked.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest.starts_with("r#\"") || rest.starts_with("r\"") {
            let hashes = rest[1..].chars().take_while(|c| *c == '#').count();
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = 2 + hashes;
            rest[begin..]
                .find(&end)
                .map_or(rest.len(), |at| begin + at + end.len())
        } else if c == '"' {
            let mut escaped = false;
            let end = rest[1..].find(|c: char| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |at| at + 2)
        } else if c == '\'' {
            // A character, not a lifetime.
            let mut characters = rest[1..].char_indices();
            match (characters.next(), characters.next()) {
                (Some((_, '\\')), _) => rest[3..].find('\'').map_or(1, |at| at + 4),
                (Some(_), Some((at, '\''))) => at + 2,
                _ => 0,
            }
        } else {
            0
        };
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.push(' ');
            rest = &rest[skipped..];
        }
    }
    out
}

/// The source up to its module of tests, which comes last.
fn without_tests(text: &str) -> String {
    let mut from = 0;
    while let Some(at) = text[from..].find("#[cfg(test)]") {
        let at = from + at;
        let item = text[at..]["#[cfg(test)]".len()..].trim_start();
        if item.starts_with("mod ") && item.find('{') < item.find(';') {
            return text[..at].to_owned();
        }
        from = at + 1;
    }
    text.to_owned()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// All paths in a source: those of a `{…}` group one by one. The words before the first `::` are what
/// a path begins with.
fn paths(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut rest = text;
    let mut before = ' ';
    while let Some(c) = rest.chars().next() {
        if is_word(c) && !is_word(before) {
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            if before != ':' && rest[word..].trim_start().starts_with("::") {
                let (ends, length) = path(rest);
                paths.extend(ends);
                before = ' ';
                rest = &rest[length.max(word)..];
                continue;
            }
            before = 'a';
            rest = &rest[word..];
            continue;
        }
        before = c;
        rest = &rest[c.len_utf8()..];
    }
    paths
}

/// The paths that begin here, and their length in the source.
fn path(text: &str) -> (Vec<Vec<String>>, usize) {
    let mut segments = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut ends = Vec::new();
            let mut length = 1;
            let mut group = group;
            loop {
                let blank = group.len() - group.trim_start().len();
                length += blank;
                group = &group[blank..];
                match group.chars().next() {
                    None => break,
                    Some('}') => {
                        length += 1;
                        break;
                    }
                    Some(c) if is_word(c) || c == '*' => {
                        let (inner, inner_length) = path(group);
                        ends.extend(inner);
                        let mut taken = inner_length.max(1);
                        // `as name`
                        taken += group[taken..].find([',', '}']).unwrap_or(0);
                        length += taken;
                        group = &group[taken..];
                    }
                    Some(c) => {
                        length += c.len_utf8();
                        group = &group[c.len_utf8()..];
                    }
                }
            }
            let all = ends.into_iter();
            let all = all.map(|end| segments.iter().cloned().chain(end).collect());
            return (all.collect(), at + length);
        }
        let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
        if word == 0 {
            // `*` and generics.
            return (vec![segments], at);
        }
        segments.push(rest[..word].to_owned());
        at += word;
        let after = text[at..].trim_start();
        if !after.starts_with("::") {
            return (vec![segments], at);
        }
        at += text[at..].len() - after.len() + 2;
    }
}

/// A module's path with `crate`, `self`, `super` and names of child modules resolved; none for paths
/// into other crates.
fn absolute(module: &Module, path: &[String], sources: &Sources) -> Option<Vec<String>> {
    let (first, rest) = path.split_first()?;
    let child = || {
        let mut child = module.clone();
        child.push(first.clone());
        sources.contains_key(&child).then_some(child)
    };
    let mut from = match first.as_str() {
        "crate" => Vec::new(),
        "self" => module.clone(),
        "super" => module.split_last()?.1.to_vec(),
        _ => child()?,
    };
    for segment in rest {
        if segment == "super" {
            from.pop();
        } else if segment != "self" {
            from.push(segment.clone());
        }
    }
    Some(from)
}

/// The re-exports of each module: the item's name, and the path that it comes from.
fn re_exports(sources: &Sources) -> BTreeMap<(Module, String), Vec<String>> {
    let mut exports = BTreeMap::new();
    for (module, text) in sources {
        for (at, _) in text.match_indices("pub") {
            let rest = text[at + 3..].trim_start();
            let rest = match rest.strip_prefix('(') {
                Some(scope) => scope.split_once(')').map_or("", |(_, rest)| rest),
                None => rest,
            };
            let Some(used) = rest.trim_start().strip_prefix("use ") else {
                continue;
            };
            let used = used.split(';').next().unwrap();
            for path in path(used.trim_start()).0 {
                let name = path.last().cloned().unwrap_or_default();
                if let Some(target) = absolute(module, &path, sources) {
                    exports.insert((module.clone(), name), target);
                }
            }
        }
    }
    exports
}

/// The modules that each module imports from.
fn imports(sources: &Sources) -> BTreeMap<Module, BTreeSet<Module>> {
    let exported = re_exports(sources);
    let mut graph = BTreeMap::new();
    for (module, text) in sources {
        let mut imported = BTreeSet::new();
        for path in paths(text) {
            let Some(mut target) = absolute(module, &path, sources) else {
                continue;
            };
            // Through re-exports to where the item is defined.
            for _ in 0..8 {
                let depth = (0..=target.len())
                    .rev()
                    .find(|depth| sources.contains_key(&target[..*depth]))
                    .unwrap_or_default();
                let item = target.get(depth).cloned().unwrap_or_default();
                let Some(next) = exported.get(&(target[..depth].to_vec(), item)) else {
                    target.truncate(depth);
                    break;
                };
                let rest = target[(depth + 1).min(target.len())..].to_vec();
                target = [next.clone(), rest].concat();
            }
            let depth = (0..=target.len())
                .rev()
                .find(|depth| sources.contains_key(&target[..*depth]))
                .unwrap_or_default();
            target.truncate(depth);
            // A module contains itself and those within it.
            if !module.starts_with(&target) {
                imported.insert(target);
            }
        }
        graph.insert(module.clone(), imported);
    }
    graph
}

/// Every set of modules that reach each other, each with one circle through them.
fn cycles(graph: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let mut cycles: Vec<Vec<Module>> = Vec::new();
    for start in graph.keys() {
        if cycles.iter().any(|cycle| cycle.contains(start)) {
            continue;
        }
        // Breadth first: the shortest way back.
        let mut from: BTreeMap<&Module, &Module> = BTreeMap::new();
        let mut open = std::collections::VecDeque::from([start]);
        'search: while let Some(module) = open.pop_front() {
            for next in graph.get(module).into_iter().flatten() {
                if next == start {
                    let mut cycle = vec![module.clone()];
                    let mut at = module;
                    while at != start {
                        at = from[at];
                        cycle.push(at.clone());
                    }
                    cycle.reverse();
                    cycles.push(cycle);
                    break 'search;
                }
                if !from.contains_key(next) {
                    from.insert(next, module);
                    open.push_back(next);
                }
            }
        }
    }
    cycles
}

fn name(module: &Module) -> String {
    match module.as_slice() {
        [] => "the crate's root".to_owned(),
        segments => segments.join("::"),
    }
}

/// The circles of all crates, one a line.
fn report() -> Vec<String> {
    let mut lines = Vec::new();
    for src in crates() {
        let folder = src.parent().unwrap().strip_prefix(repository()).unwrap();
        for cycle in cycles(&imports(&sources(&src))) {
            let mut names: Vec<_> = cycle.iter().map(name).collect();
            names.extend(cycle.first().map(name));
            lines.push(format!("{}: {}", folder.display(), names.join(" → ")));
        }
    }
    lines
}

#[test]
fn no_modules_import_each_other_in_circles() {
    let report = report();
    assert!(report.is_empty(), "\n{}\n", report.join("\n"));
}

#[test]
fn a_circle_is_found_through_groups_and_re_exports() {
    let sources = Sources::from([
        (vec![], plain("mod a; mod b; mod c;")),
        (
            vec!["a".to_owned()],
            plain("use crate::{b::{self, One as Uno}, c}; // crate::d"),
        ),
        (
            vec!["b".to_owned()],
            plain(
                "pub(crate) use inner::Two; fn f(x: &'static str) { \"super::a\"; 'x'; } struct Four;",
            ),
        ),
        (
            vec!["b".to_owned(), "inner".to_owned()],
            plain("pub(crate) struct Two; use super::super::c::Three; use super::Four;"),
        ),
        (
            vec!["c".to_owned()],
            plain("fn f() { let x = crate::b::Two; }"),
        ),
    ]);
    let graph = imports(&sources);
    let names: Vec<Vec<String>> = cycles(&graph)
        .iter()
        .map(|cycle| cycle.iter().map(name).collect())
        .collect();
    // `a` uses both and is used by none; `b` only re-exports.
    assert_eq!(names, [["b::inner", "c"]]);
}

#[test]
fn tests_may_import_anything() {
    let text = "struct One;\n#[cfg(test)]\nmod tests {\n  use crate::other::Two;\n}";
    assert_eq!(
        paths(&without_tests(&plain(text))),
        Vec::<Vec<String>>::new()
    );
}
