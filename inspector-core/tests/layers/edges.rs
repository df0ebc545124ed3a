//! Which module of the crate names which, by the source: `crate::`, `super::` and `self::` paths outside of tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// A module that names another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Edge {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// The modules of the crate with their sources, without comments, texts and what only tests see.
pub(crate) struct Tree {
    modules: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the crate's sources.
    pub(crate) fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = Vec::new();
        collect(&root, &mut files);
        let mut modules = BTreeMap::new();
        for file in files {
            let relative = file.strip_prefix(&root).unwrap().with_extension("");
            let mut parts: Vec<&str> = relative.iter().map(|part| part.to_str().unwrap()).collect();
            if matches!(parts.last(), Some(&"mod" | &"lib")) {
                parts.pop();
            }
            modules.insert(parts.join("::"), plain(&fs::read_to_string(&file).unwrap()));
        }
        let mut tree = Self { modules };
        tree.drop_tests();
        tree
    }

    /// Takes out modules that only tests declare: no module that is left says `mod name;` of them.
    fn drop_tests(&mut self) {
        loop {
            let orphans: Vec<String> = self
                .modules
                .keys()
                .filter(|module| {
                    let Some((parent, name)) = module.rsplit_once("::").or(Some(("", module))) else { return false };
                    !module.is_empty() && !self.modules.get(parent).is_some_and(|source| declares(source, name))
                })
                .cloned()
                .collect();
            if orphans.is_empty() {
                return;
            }
            for orphan in orphans {
                self.modules.remove(&orphan);
            }
        }
    }

    /// The modules, without the crate's root.
    pub(crate) fn modules(&self) -> impl Iterator<Item = &str> {
        self.modules.keys().map(String::as_str)
    }

    /// Who names whom.
    pub(crate) fn edges(&self) -> &BTreeSet<Edge> {
        static EDGES: std::sync::OnceLock<BTreeSet<Edge>> = std::sync::OnceLock::new();
        EDGES.get_or_init(|| {
            let mut edges = BTreeSet::new();
            for (from, source) in &self.modules {
                for path in paths(source) {
                    let to = self.resolve(from, &path);
                    if to != *from {
                        edges.insert(Edge { from: from.clone(), to });
                    }
                }
            }
            edges
        })
    }

    /// The module a path leads into.
    fn resolve(&self, from: &str, path: &str) -> String {
        let mut segments = path.split("::").peekable();
        let own: Vec<&str> = from.split("::").filter(|part| !part.is_empty()).collect();
        let mut at: Vec<&str> = match segments.next() {
            Some("crate") => Vec::new(),
            Some("super") => {
                let mut up = 1;
                while segments.next_if_eq(&"super").is_some() {
                    up += 1;
                }
                own[..own.len().saturating_sub(up)].to_vec()
            }
            _ => own,
        };
        for segment in segments {
            at.push(segment);
            if !self.modules.contains_key(&at.join("::")) {
                at.pop();
                break;
            }
        }
        at.join("::")
    }

    /// Sets of files that lead to each other, when parents and their children are left aside.
    pub(crate) fn circles(&self) -> Vec<Vec<String>> {
        let is_kin = |a: &str, b: &str| {
            a.is_empty() || b.is_empty() || a.starts_with(&format!("{b}::")) || b.starts_with(&format!("{a}::"))
        };
        let mut next: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for Edge { from, to } in self.edges() {
            if !is_kin(from, to) {
                next.entry(from).or_default().push(to);
            }
        }
        let reach = |start: &str| -> BTreeSet<String> {
            let mut seen = BTreeSet::new();
            let mut open = vec![start.to_owned()];
            while let Some(at) = open.pop() {
                for to in next.get(at.as_str()).into_iter().flatten() {
                    if seen.insert((*to).to_owned()) {
                        open.push((*to).to_owned());
                    }
                }
            }
            seen
        };
        let reached: BTreeMap<&str, BTreeSet<String>> =
            self.modules.keys().map(|module| (module.as_str(), reach(module))).collect();
        let mut circles = BTreeSet::new();
        for (module, from_here) in &reached {
            if from_here.contains(*module) {
                let circle: Vec<String> =
                    from_here.iter().filter(|other| reached[other.as_str()].contains(*module)).cloned().collect();
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            files.push(path);
        }
    }
}

/// Whether a source says `mod name;`, or has a macro make modules of such a name.
fn declares(source: &str, name: &str) -> bool {
    source.split("mod ").skip(1).any(|rest| {
        let rest = rest.trim_start();
        rest.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with([';', '{']))
    }) || source
        .split("rules!")
        .skip(1)
        .any(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name))
}

/// A source without comments, literals and items marked `#[cfg(test)]`.
fn plain(source: &str) -> String {
    let bytes: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    let starts = |at: usize, text: &str| text.chars().enumerate().all(|(n, c)| bytes.get(at + n) == Some(&c));
    while at < bytes.len() {
        if starts(at, "//") {
            while at < bytes.len() && bytes[at] != '\n' {
                at += 1;
            }
        } else if starts(at, "/*") {
            while at < bytes.len() && !starts(at, "*/") {
                at += 1;
            }
            at += 2;
        } else if raw_string(&bytes, at).is_some() {
            at = raw_string(&bytes, at).unwrap();
            out.push_str("\"\"");
        } else if bytes[at] == '"' {
            at += 1;
            while at < bytes.len() && bytes[at] != '"' {
                at += if bytes[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
            out.push_str("\"\"");
        } else if bytes[at] == '\'' && bytes.get(at + 1) == Some(&'\\') {
            at += 3;
            while at < bytes.len() && bytes[at] != '\'' {
                at += 1;
            }
            at += 1;
        } else if bytes[at] == '\'' && bytes.get(at + 2) == Some(&'\'') {
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    without_tests(&out)
}

/// Where a raw string that begins here ends.
fn raw_string(bytes: &[char], at: usize) -> Option<usize> {
    if at > 0 && (bytes[at - 1].is_alphanumeric() && bytes[at - 1] != 'b' || bytes[at - 1] == '_') || bytes[at] != 'r' {
        return None;
    }
    let hashes = bytes[at + 1..].iter().take_while(|c| **c == '#').count();
    if bytes.get(at + 1 + hashes) != Some(&'"') {
        return None;
    }
    let mut end = at + 2 + hashes;
    while end < bytes.len() {
        if bytes[end] == '"' && bytes[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return Some(end + 1 + hashes);
        }
        end += 1;
    }
    Some(end)
}

fn without_tests(source: &str) -> String {
    let mut out = String::new();
    let mut rest = source;
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut depth = 0_usize;
        let end = rest.char_indices().skip("#[cfg(test)]".len()).find(|(_, c)| match c {
            '{' | '(' | '[' => {
                depth += 1;
                false
            }
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                depth == 0 && *c == '}'
            }
            ';' | ',' => depth == 0,
            _ => false,
        });
        rest = end.map_or("", |(at, _)| &rest[at + 1..]);
    }
    out + rest
}

/// The paths a source names that begin with `crate`, `super` or `self`, trees of `use` taken apart.
fn paths(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(offset) = ["crate::", "super::", "self::"].iter().filter_map(|root| source[at..].find(root)).min() {
        let start = at + offset;
        let before = source[..start].chars().next_back();
        at = start + 1;
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let end = expand(&source[start..], "", &mut found);
        at = start + end.max(1);
    }
    found
}

/// Takes one path or tree apart; how many bytes it has.
fn expand(text: &str, prefix: &str, found: &mut Vec<String>) -> usize {
    let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':' || c == '*';
    let length = text.find(|c| !is_path(c)).unwrap_or(text.len());
    let path = format!("{prefix}{}", &text[..length]);
    if !text[length..].starts_with('{') {
        found.push(path.trim_end_matches(':').to_owned());
        return length;
    }
    let mut at = length + 1;
    loop {
        at += text[at..].find(|c: char| !c.is_whitespace() && c != ',').unwrap_or(0);
        if at >= text.len() || text[at..].starts_with('}') {
            return at + 1;
        }
        at += expand(&text[at..], &path, found);
        // Past " as name".
        at += text[at..].find([',', '}']).unwrap_or(text.len() - at);
    }
}
