//! The page, read by a parser of HTML that keeps to the standard.

use std::collections::BTreeMap;

use html5gum::{Token as Piece, Tokenizer};

use super::*;
use crate::rules::testing;

/// A start tag with its attributes.
type Tag = (String, BTreeMap<String, String>);

/// The start tags and the text of a page.
fn read(page: &str) -> (Vec<Tag>, String) {
    let (mut tags, mut text) = (Vec::new(), String::new());
    let own = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    for piece in Tokenizer::new(page) {
        let Ok(piece) = piece;
        match piece {
            Piece::StartTag(tag) => {
                let attributes = tag.attributes.iter().map(|(name, value)| (own(name), own(&value.value)));
                tags.push((own(&tag.name), attributes.collect()));
            }
            Piece::String(piece) => text.push_str(&own(&piece)),
            Piece::Error(error) => panic!("{error:?}"),
            Piece::Comment(comment) => panic!("{comment:?}"),
            _ => {}
        }
    }
    (tags, text)
}

fn written(report: &Report) -> String {
    let mut bytes = Vec::new();
    Html.write(report, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn identifiers_are_short_and_other_text_stays() {
    for (text, shown) in [
        (
            "00000004-0000-0ff1-ce00-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f",
            "00000004\u{2026}@7f9c2b1e\u{2026}",
        ),
        ("abc 00000004-0000-0ff1-ce00", "abc 00000004-0000-0ff1-ce00"),
        ("d\u{fc}rfen", "d\u{fc}rfen"),
        ("", ""),
    ] {
        assert_eq!(short(text), shown);
    }
}

#[test]
fn nothing_hostile_becomes_markup() {
    let report = crate::output::tests::hostile();
    let page = written(&report);
    let (tags, text) = read(&page);
    assert!(text.contains("<script>alert(1)</script>") && text.contains("]]>%0A::error::x"), "it is shown as text");
    for (name, attributes) in &tags {
        assert!(
            !["script", "iframe", "object", "embed", "form", "base", "img", "image", "use"].contains(&&**name),
            "{name}"
        );
        for (attribute, value) in attributes {
            assert!(
                !attribute.starts_with("on") && !["style", "src", "srcset"].contains(&&**attribute),
                "{name} {attribute}"
            );
            let is_link = attribute.ends_with("href");
            assert!(!is_link || value.starts_with('#') || value.starts_with("https://"), "{name} {value}");
        }
    }
    assert_eq!(tags.iter().filter(|(name, _)| name == "style").count(), 1);
}

#[test]
fn the_page_forbids_all_but_its_own_style() {
    let page = written(&testing::judge("GET / HTTP/1.1\nHost: h\n\nHTTP/1.1 200 OK\n\n"));
    let (tags, _) = read(&page);
    let policy = tags.iter().find_map(|(_, attributes)| {
        attributes.get("http-equiv").filter(|name| *name == "Content-Security-Policy")?;
        attributes.get("content")
    });
    let policy = policy.unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    let digest = policy.split_once("'sha256-").unwrap().1.split_once('\'').unwrap().0;
    let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
    assert_eq!(digest, STANDARD.encode(Sha256::digest(style.as_bytes())));
    assert!(!style.contains("url(") && !style.contains("@import"));
}

#[test]
fn references_have_their_targets_and_ids_are_once() {
    let page = written(&crate::output::tests::hostile());
    let (tags, _) = read(&page);
    let ids: Vec<&String> = tags.iter().filter_map(|(_, attributes)| attributes.get("id")).collect();
    let mut once = ids.clone();
    once.sort();
    once.dedup();
    assert_eq!(once.len(), ids.len());
    for (_, attributes) in &tags {
        let named = ["aria-labelledby", "for"].into_iter().filter_map(|name| attributes.get(name));
        let mut wanted: Vec<&str> = named.flat_map(|value| value.split(' ')).collect();
        wanted.extend(attributes.get("href").and_then(|href| href.strip_prefix('#')));
        for id in wanted {
            assert!(ids.iter().any(|known| *known == id), "{id}");
        }
    }
}

#[test]
fn a_diagram_has_every_message_and_party() {
    let token = testing::outer("00000004-0000-0ff1-ce00-000000000000@7f9c");
    let call = format!(
        "POST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\nAuthorization: Bearer {token}\n\nHTTP/1.1 200 OK\n\n"
    );
    let report = testing::judge(&[call.as_str(); 3].join("\n###\n"));
    let (tags, _) = read(&written(&report));
    let count = |class: &str| {
        let classes = tags.iter().filter(|(name, _)| name == "g").filter_map(|(_, attributes)| attributes.get("class"));
        classes.filter(|classes| classes.split(' ').any(|one| one == class)).count()
    };
    let steps: usize = report.handshakes.iter().map(|handshake| handshake.steps.len()).sum();
    assert!(steps >= 2, "{steps}");
    assert_eq!((count("message"), count("party")), (steps, 2));
}

#[test]
fn a_large_report_stays_small_and_says_what_is_left_out() {
    let mut report = crate::output::tests::hostile();
    let (finding, token, handshake) =
        (report.findings[0].clone(), report.tokens[0].clone(), report.handshakes[0].clone());
    report.findings = vec![finding; 5000];
    report.tokens = vec![token; 5000];
    report.handshakes = vec![handshake; 1000];
    let input = report.inputs[0].clone();
    report.inputs = vec![input; 3000];
    let page = written(&report);
    assert!(page.len() < 4 << 20, "{}", page.len());
    let (_, text) = read(&page);
    for left in ["4700 further findings", "4800 further tokens", "984 further handshakes", "2800 further recordings"] {
        assert!(text.contains(left), "{left}");
    }
}
