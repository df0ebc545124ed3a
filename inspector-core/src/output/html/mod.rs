//! A page of HTML that stands by itself: no script, no picture, no font from elsewhere.
//!
//! ```text
//! verdict ─ inputs ─ handshakes ─ tokens in time ─ coverage ─ findings ─ tokens
//! ```
//!
//! Each section is one file and is written when it is made, so that one at a time takes memory. What the sections show is
//! escaped by the templates, and whatever is not seen in it is spelt out on the way to the writer, whichever section forgot
//! to. The page forbids itself everything but its own style, by the digest of that style.
//!
//! Diagrams are SVG of the page's own style: geometry by attributes, colours by classes. Each has a title and a
//! description, and the same is told beside it as text.

mod coverage;
mod findings;
mod handshakes;
mod inputs;
mod lanes;
mod lifetimes;
mod moment;
mod parties;
mod sequence;
mod svg;
mod tokens;
mod verdict;

use std::io;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest as _, Sha256};

use super::Output;
use crate::{
    redact,
    report::{Report, v1},
    verdict::Outcome,
};

/// A page for people, which needs nothing but a browser.
pub(super) struct Html;

/// How the page looks. It is trusted, and the only thing the page may load.
const STYLE: &str = include_str!("page.css");

/// The sections, with the ids of their headings.
const SECTIONS: [(&str, &str); 6] = [
    ("inputs", "Recordings"),
    ("handshakes", "Handshakes"),
    ("lifetimes", "Tokens in time"),
    ("coverage", "Coverage"),
    ("findings", "Findings"),
    ("tokens", "Tokens"),
];

impl Output for Html {
    fn name(&self) -> &'static str {
        "html"
    }

    fn media_type(&self) -> &'static str {
        "text/html; charset=utf-8"
    }

    fn write(&self, report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
        let document = v1::Report::streamed(report);
        let uses = lanes::Uses::of(report);
        put(to, &html! { (DOCTYPE) })?;
        // The root element is closed below: a section is written once it is made.
        to.write_all(b"<html lang=\"en\">\n")?;
        put(to, &head(report))?;
        to.write_all(b"<body>\n")?;
        put(to, &banner(report))?;
        to.write_all(b"<main id=\"content\">\n")?;
        put(to, &verdict::section(report))?;
        put(to, &navigation())?;
        put(to, &inputs::section(report))?;
        handshakes::write(report, to)?;
        put(to, &lifetimes::section(report, &uses))?;
        put(to, &coverage::section(report))?;
        findings::write(&document, to)?;
        tokens::write(report, to)?;
        to.write_all(b"</main>\n")?;
        put(to, &foot())?;
        to.write_all(b"</body>\n</html>\n")
    }
}

/// Writes a piece of the page. What is not seen is spelt out, in whatever text it stands.
fn put(to: &mut dyn io::Write, markup: &Markup) -> io::Result<()> {
    let PreEscaped(text) = markup;
    let unseen = |c: char| c != '\n' && (c.is_control() || redact::is_invisible(c));
    to.write_all(redact::escaped_where(text, unseen).as_bytes())?;
    to.write_all(b"\n")
}

fn head(report: &Report) -> Markup {
    let digest = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    let policy = format!("default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'");
    let about = match report.inputs.as_slice() {
        [only] => super::plain(super::file_name(&only.path)),
        [] => "no recording".to_owned(),
        several => format!("{} recordings", several.len()),
    };
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="referrer" content="no-referrer";
            meta name="color-scheme" content="light dark";
            title { (verdict::word(report.outcome)) ": " (about) " \u{2013} inspector" }
            style { (PreEscaped(STYLE)) }
        }
    }
}

fn banner(report: &Report) -> Markup {
    html! {
        header .banner {
            a .skip href="#verdict" { "Skip to the verdict" }
            p .product { strong { "inspector" } " report" }
            p .about {
                span { "profile " b { (super::plain(&report.profile)) } }
                @if let Some((first, last)) = report.span {
                    span { (moment::span(first, last)) }
                }
            }
        }
    }
}

fn navigation() -> Markup {
    html! {
        nav .contents aria-label="Sections" {
            ul {
                @for (id, name) in SECTIONS {
                    li { a href={ "#" (id) } { (name) } }
                }
            }
        }
    }
}

fn foot() -> Markup {
    html! {
        footer {
            p {
                "Made by inspector " (v1::TOOL.version) ". Secrets are masked: what stands for one tells its length and the \
                 first digits of its SHA-256. This page loads nothing and runs no script."
            }
        }
    }
}

/// The heading of a section and what stands in it.
fn section(id: &str, lead: &Markup, content: &Markup) -> Markup {
    let name = SECTIONS.iter().find(|(own, _)| *own == id).map_or("", |(_, name)| name);
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (name) }
            @if !lead.0.is_empty() { p .lead { (lead) } }
            (content)
        }
    }
}

/// What is left out, if anything is.
fn left_out(count: u64, one: &str, many: &str) -> Markup {
    html! {
        @match count {
            0 => {}
            1 => { p .left-out { "1 further " (one) " is left out; " code { "--format json" } " has it." } }
            _ => { p .left-out { (count) " further " (many) " are left out; " code { "--format json" } " has them." } }
        }
    }
}

/// `1 call`, `2 calls`.
fn counted(count: u64, one: &str, many: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {many}") }
}

/// The class of an outcome's colours.
const fn tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "good",
        Outcome::Fail => "bad",
        Outcome::Inconclusive => "open",
    }
}

/// A text in which the identifiers are short: `00000004…@7f9c2b1e…`. The whole text stands elsewhere.
fn short(text: &str) -> String {
    const DIGITS: usize = 8;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_hexdigit() && rest.get(..36).is_some_and(redact::opaque::is_uuid) {
            out.push_str(rest.get(..DIGITS).unwrap_or_default());
            out.push('\u{2026}');
            rest = rest.get(36..).unwrap_or_default();
        } else {
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// The first digits of an identifier.
fn brief(id: crate::secret::Fingerprint) -> String {
    id.to_string().chars().take(8).collect()
}

#[cfg(test)]
mod tests;
