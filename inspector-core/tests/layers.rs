//! The layers of the crate, and that nothing imports upward or in a circle.
//!
//! This file is the only one that lists the layers; the page about the architecture is checked against it.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "layers/edges.rs"]
mod edges;

use std::collections::{BTreeMap, BTreeSet};

use edges::{Edge, Tree};

/// The layers from the bottom, each with its modules from the bottom. A module may use those before it, and nothing else.
const LAYERS: &[(&str, &[&str])] = &[
    (
        "ground",
        &[
            "time", "encoding", "heap", "bounded", "secret", "limits", "moment", "evidence", "shard", "note",
            "coverage", "host", "probe",
        ],
    ),
    ("exchange", &["exchange", "hosts"]),
    ("redact", &["redact"]),
    ("packet", &["packet"]),
    ("flow", &["flow"]),
    ("secrets", &["secrets", "connection"]),
    ("stage", &["coding", "context"]),
    ("http, tls", &["http", "tls"]),
    ("app", &["app", "quic"]),
    ("input, token", &["token", "losses", "input"]),
    ("finding", &["finding"]),
    ("profile", &["profile"]),
    ("policy", &["policy"]),
    ("handshake", &["handshake"]),
    ("scope", &["scope"]),
    ("rules", &["rules", "settings"]),
    ("verdict", &["verdict"]),
    ("report", &["report", "output", "diff"]),
    ("analysis", &["analysis"]),
    ("sharing", &["keys", "convert", "sharing"]),
    ("engine", &["engine"]),
    ("Judge", &["judge"]),
    ("partial", &["partial", "split"]),
];

/// What runs upward today: it may become less, not more.
const UPWARD: &[(&str, &str)] = &[];

/// Files that import each other in a circle today: it may become less, not more.
const CIRCLES: &[&[&str]] = &[
    &["engine::datagrams", "engine::quic"],
    &["flow::conversation", "flow::table", "flow::views"],
    &["flow::reassembly", "flow::waiting"],
    &[
        "handshake::answer",
        "handshake::call",
        "handshake::caller",
        "handshake::facts",
        "handshake::grants",
        "handshake::identity",
        "handshake::ledger",
        "handshake::meaning",
        "handshake::oauth_ledger",
        "handshake::oauth_message",
        "handshake::observation",
        "handshake::signed_url",
    ],
    &["input::archive", "input::saz"],
    &["input::har::json", "input::har::window"],
    &["packet::ipsec", "packet::link", "packet::net", "packet::serial", "packet::tunnel", "packet::wireless"],
    &["redact::encoded", "redact::pairs", "redact::prose", "redact::schemes", "redact::text"],
    &["tls::cipher", "tls::gcm", "tls::seed", "tls::suites"],
    &["tls::direction", "tls::facts", "tls::session"],
    &["token::extract::content", "token::extract::traces"],
    &[
        "token::verify::algorithm",
        "token::verify::certificate",
        "token::verify::confusion",
        "token::verify::key",
        "token::verify::public_key",
    ],
    &["token::verify::json", "token::verify::keys", "token::verify::metadata"],
];

fn place(unit: &str) -> Option<usize> {
    LAYERS.iter().flat_map(|(_, units)| units.iter()).position(|known| *known == unit)
}

fn unit(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

#[test]
fn nothing_imports_upward() {
    let tree = Tree::read();
    let mut upward: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for Edge { from, to } in tree.edges() {
        let (above, below) = (unit(from), unit(to));
        if above == below || from.is_empty() {
            continue;
        }
        assert!(place(above).is_some(), "{above} is in no layer; say in LAYERS where it stands");
        if place(below).is_none_or(|below| below > place(above).unwrap()) {
            upward.entry((above.to_owned(), below.to_owned())).or_default().push(format!("{from} → {to}"));
        }
    }
    let known: BTreeSet<(String, String)> =
        UPWARD.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
    let new: Vec<String> = upward
        .iter()
        .filter(|(edge, _)| !known.contains(*edge))
        .map(|((above, below), imports)| format!("(\"{above}\", \"{below}\"), // {}\n", imports.join(", ")))
        .collect();
    assert!(new.is_empty(), "these imports run upward:\n{}", new.concat());
    let gone: Vec<_> = known.iter().filter(|edge| !upward.contains_key(*edge)).collect();
    assert!(gone.is_empty(), "take what is mended out of UPWARD: {gone:?}");
}

#[test]
fn no_files_import_each_other() {
    let tree = Tree::read();
    let circles: BTreeSet<Vec<String>> = tree.circles().into_iter().collect();
    let known: BTreeSet<Vec<String>> =
        CIRCLES.iter().map(|circle| circle.iter().map(|module| (*module).to_owned()).collect()).collect();
    let new: Vec<String> = circles.difference(&known).map(|circle| format!("&{circle:?},\n")).collect();
    assert!(new.is_empty(), "these files import each other:\n{}", new.concat());
    let gone: Vec<_> = known.difference(&circles).collect();
    assert!(gone.is_empty(), "take what is mended out of CIRCLES: {gone:?}");
}

#[test]
fn every_layer_is_there_and_the_page_says_so() {
    let tree = Tree::read();
    let units: BTreeSet<&str> = tree.modules().map(unit).filter(|unit| !unit.is_empty()).collect();
    let listed: BTreeSet<&str> = LAYERS.iter().flat_map(|(_, units)| units.iter().copied()).collect();
    assert_eq!(units, listed, "LAYERS and the modules of the crate");
    let page = include_str!("../docs/architecture.md");
    for (layer, units) in LAYERS {
        let row =
            format!("| {layer} | {} |", units.iter().map(|unit| format!("`{unit}`")).collect::<Vec<_>>().join(", "));
        assert!(page.contains(&row), "docs/architecture.md does not say {row}");
    }
}
