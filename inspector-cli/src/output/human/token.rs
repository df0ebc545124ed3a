//! A token with every claim explained.

use std::{
    borrow::Cow,
    io::{self, Write},
    sync::Arc,
};

use inspector_core::{
    handshake::{
        lineage::{Station, Step},
        signatures::{Signature, SignatureState, Signatures},
    },
    policy::Clock,
    report::{Report, TokenSummary},
    secret::Fingerprint,
    time::Timestamp,
    token::{Defect, Members, Token, TokenKind, mask},
};
use serde_json::Value;

use super::place;
use crate::output::{claims, count, escape, moment, style, wrap};

/// The moment lifetimes are told for, and what it is called.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Option<Timestamp>,
    pub(crate) event: &'static str,
}

impl Moment {
    /// The moment to judge at for a token first seen at `seen`.
    pub(crate) const fn of(clock: Clock, seen: Option<Timestamp>) -> Self {
        match clock {
            Clock::Capture => Self { at: seen, event: "first sight" },
            Clock::Fixed(at) => Self { at: Some(at), event: "the moment asked for" },
        }
    }
}

/// A token and what is known of it.
pub(crate) struct Shown<'a> {
    token: &'a Token,
    kind: TokenKind,
    signatures: Cow<'a, [SignatureState]>,
    /// Where it was seen: how often, the first place, all kinds of places.
    seen: Option<(String, &'a [String])>,
    /// Its way, a line for each step.
    lineage: Vec<(&'static str, String)>,
    moment: Moment,
    show_secrets: bool,
    /// Tokens shown before.
    known: &'a [Fingerprint],
}

impl<'a> Shown<'a> {
    /// A token of a recording.
    pub(crate) fn seen(
        report: &'a Report,
        summary: &'a TokenSummary,
        moment: Moment,
        show_secrets: bool,
        known: &'a [Fingerprint],
    ) -> Self {
        let first = place::words(&summary.first, report);
        let seen = format!("seen {}, first in {first}", count(summary.count, "time", "times"));
        Self {
            token: &summary.token,
            kind: summary.kind,
            signatures: Cow::Borrowed(&summary.signatures),
            seen: Some((seen, &summary.places)),
            lineage: summary.lineage.iter().map(|station| way(station, report)).collect(),
            moment,
            show_secrets,
            known,
        }
    }

    /// A token somebody pasted.
    pub(crate) fn decoded(token: &'a Token, signatures: &Signatures, moment: Moment, show_secrets: bool) -> Self {
        Self {
            token,
            kind: token.kind,
            signatures: Cow::Owned(signatures.of_layers(token)),
            seen: None,
            lineage: Vec::new(),
            moment,
            show_secrets,
            known: &[],
        }
    }
}

/// Writes a token, and below it those inside.
pub(crate) fn write(to: &mut dyn Write, shown: &Shown<'_>) -> io::Result<()> {
    let title = style::paint(style::STRONG, format_args!("{} {}", shown.kind, shown.token.id));
    writeln!(to, "{title}")?;
    wrap::hanging(to, "  ", claims::kind(shown.kind, &shown.token.parameter("typ").unwrap_or_default()))?;
    if let Some((seen, places)) = &shown.seen {
        row(to, 2, "seen", seen.trim_start_matches("seen "))?;
        row(to, 2, "places", &places.join("; "))?;
    }
    for (step, text) in &shown.lineage {
        row(to, 2, step, text)?;
    }
    layer(to, shown, shown.token, 2)
}

/// `by sts.contoso.com at 2026-01-01 00:00:05 UTC (capture.pcap frame 37, exchange 9)`.
fn way(station: &Station<Arc<str>>, report: &Report) -> (&'static str, String) {
    let host = &station.host;
    let times = |number: u64| if number > 1 { format!(", {number} times") } else { String::new() };
    let (word, mut text) = match station.step {
        Step::Issued => ("issued", format!("by {host}{}", times(station.count))),
        Step::Used => ("used", format!("at {host}{}", times(station.count))),
        Step::Inside => ("used", format!("inside a token presented at {host}{}", times(station.count))),
        Step::Exchanged => ("exchanged", format!("at {host}{}", times(station.count))),
        Step::InUrl => ("LEAKED", format!("in a URL at {host}{}: logs and histories keep it", times(station.count))),
        Step::Seen => ("seen", format!("at {host}{}", times(station.count))),
    };
    match station.refused {
        0 => {}
        all if all == station.count => text.push_str(", refused"),
        some => text.push_str(&format!(", refused {some}")),
    }
    if let Some(time) = station.time {
        text.push_str(&format!(", first at {}", moment::utc(time)));
    }
    text.push_str(&format!(" ({})", place::words(&station.first, report)));
    (word, text)
}

fn layer(to: &mut dyn Write, shown: &Shown<'_>, token: &Token, indent: usize) -> io::Result<()> {
    if let Some(family) = token.family {
        row(to, indent, "family", family)?;
    }
    row(to, indent, "length", &count(token.raw.reveal().len() as u64, "character", "characters"))?;
    let state = shown.signatures.iter().find(|state| state.token == token.id);
    if let Some(state) = state {
        let words = match state.signature {
            Signature::Absent if is_cut(token) => "not known: the token is cut before its signature".to_owned(),
            _ => signature_words(state, token.actor.is_some()),
        };
        row(to, indent, "signature", &words)?;
        if let Some(certificate) = state.key.as_ref().and_then(|key| key.certificate.as_ref()) {
            let validity = match certificate.not_after {
                Some(end) => moment::range(certificate.not_before, end),
                None => format!("from {}", moment::utc(certificate.not_before)),
            };
            row(to, indent, "key", &format!("{}, x5t {}, {validity}", certificate.subject, certificate.x5t()))?;
        }
    }
    if let Some(valid) = validity(token, shown.moment) {
        row(to, indent, "valid", &valid)?;
    }
    if !token.defects.is_empty() {
        let pasted = shown.seen.is_none();
        let words = |one: &Defect| match one {
            Defect::Redacted if pasted => {
                "what was pasted is cut, or a part of it was replaced: paste the whole token".to_owned()
            }
            one => defect(one),
        };
        let defects: Vec<String> = token.defects.iter().map(words).collect();
        row(to, indent, "odd", &defects.join("; "))?;
    }
    if shown.show_secrets {
        row(to, indent, "raw", token.raw.reveal())?;
    }
    if token.kind.is_readable() || !token.header.is_empty() {
        let header = if shown.show_secrets { token.header.clone() } else { mask::header_for_display(token) };
        members(to, shown, token, "header", &header, indent)?;
    }
    if token.kind.is_readable() {
        let claims = if shown.show_secrets { token.claims.clone() } else { mask::claims_for_display(token) };
        members(to, shown, token, "claims", &claims, indent)?;
    }
    if let Some(actor) = token.actor.as_deref() {
        let title = format!("actor token inside: {} {}", actor.kind, actor.id);
        let title = style::paint(style::STRONG, title);
        if shown.known.contains(&actor.id) {
            return writeln!(to, "{:indent$}{title} (shown above)", "");
        }
        writeln!(to, "{:indent$}{title}", "")?;
        layer(to, shown, actor, indent + 2)?;
    }
    Ok(())
}

/// Whether the token ends before its signature begins: its payload is no whole JSON object.
fn is_cut(token: &Token) -> bool {
    token.defects.contains(&Defect::TwoParts) && token.defects.contains(&Defect::PayloadNotJson)
}

fn row(to: &mut dyn Write, indent: usize, name: &str, text: &str) -> io::Result<()> {
    let label = style::paint(style::FRAME, format_args!("{name:9}"));
    wrap::styled(to, &format!("{:indent$}{label}  ", ""), indent + 11, text)
}

fn members(
    to: &mut dyn Write,
    shown: &Shown<'_>,
    token: &Token,
    title: &str,
    members: &Members,
    indent: usize,
) -> io::Result<()> {
    writeln!(to, "{:indent$}{}", "", style::paint(style::FRAME, title))?;
    let widest = members.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0).clamp(3, 20);
    let below = indent + 2 + widest + 2;
    for (name, value) in members.iter() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name_shown = escape::fitted(name, 40);
        wrap::hanging(to, &format!("{:1$}{name_shown:widest$}  ", "", indent + 2), &text)?;
        if let Some(explained) = explanation(shown, token, name, &text) {
            for line in wrap::lines(&explained, crate::output::WIDTH.saturating_sub(below)) {
                writeln!(to, "{:below$}{}", "", style::paint(style::FAINT, line))?;
            }
        }
    }
    Ok(())
}

/// `who issued it: Skype for Business Online, realm …`.
fn explanation(shown: &Shown<'_>, token: &Token, name: &str, text: &str) -> Option<String> {
    let time = match name {
        "nbf" => token.not_before,
        "exp" => token.expires,
        "iat" => token.issued_at,
        "auth_time" | "updated_at" | "xms_tcdt" | "ts" => text.parse().ok().map(Timestamp::from_seconds),
        _ => None,
    };
    let is_calendar = |at: &Timestamp| !at.is_relative() && !time.is_some_and(Timestamp::is_cut);
    let says = match (time, shown.moment.at.filter(is_calendar)) {
        (Some(time), Some(at)) if at == time => Some(moment::utc(time)),
        (Some(time), Some(at)) => {
            Some(format!("{} ({})", moment::utc(time), moment::relative(time, at, shown.moment.event)))
        }
        (Some(time), None) => Some(moment::utc(time)),
        (None, _) => claims::value(name, text),
    };
    match (claims::meaning(token.kind, token.acting().is_some(), name), says) {
        (Some(meaning), Some(says)) => Some(format!("{meaning}: {says}")),
        (Some(meaning), None) => Some(meaning.to_owned()),
        (None, Some(says)) => Some(says),
        // RFC 7519 §4.3: what it means is between the issuer and the receiver.
        (None, None) => Some("a name of the issuer's own".to_owned()),
    }
}

/// `2026-01-01 00:01:00 to 08:01:00 UTC (8 h), 7 h 59 min left at the call`.
pub(crate) fn validity(token: &Token, moment: Moment) -> Option<String> {
    let mut text = match (token.not_before.or(token.issued_at), token.expires) {
        (Some(from), Some(to)) => {
            let seconds = to.seconds().saturating_sub(from.seconds());
            let whole = u64::try_from(seconds).map_or_else(|_| "ends before it begins".to_owned(), moment::span);
            let whole = if to.is_cut() { String::new() } else { format!(" ({whole})") };
            format!("{}{whole}", moment::range(from, to))
        }
        (Some(from), None) => format!("from {}, without end", moment::utc(from)),
        (None, Some(to)) => format!("until {}", moment::utc(to)),
        (None, None) => return None,
    };
    let now = moment.at.and_then(|at| moment::lifetime(token.not_before, token.expires, at, moment.event));
    if let Some(now) = now {
        text.push_str(", ");
        text.push_str(&now);
    }
    Some(text)
}

/// A signature's state, in words that do not say more than is known.
pub(crate) fn signature_words(state: &SignatureState, has_actor: bool) -> String {
    let reason = &state.reason;
    match state.signature {
        Signature::Verified => format!("verified: {reason}"),
        Signature::Invalid => format!("INVALID: {reason}"),
        Signature::Unverifiable => format!("not verified: {reason}"),
        Signature::Absent if has_actor => format!("none ({reason}), as designed: the actor token inside is signed"),
        Signature::Absent => format!("NONE: {reason}, so anybody can have made this token"),
    }
}

fn defect(defect: &Defect) -> String {
    match defect {
        Defect::Padding => "a part is padded with =".to_owned(),
        Defect::StandardAlphabet => "a part uses + or /".to_owned(),
        Defect::Whitespace => "white space inside".to_owned(),
        Defect::TrailingBits => "unused bits at the end of a part are not zero".to_owned(),
        Defect::ByteOrderMark => "a part begins with a byte order mark".to_owned(),
        Defect::TwoParts => "the dot after the payload is missing".to_owned(),
        Defect::FourParts => "four parts, so that it was not decoded".to_owned(),
        Defect::HeaderNotJson => "the header is no JSON object".to_owned(),
        Defect::PayloadNotJson => "the payload is no JSON object".to_owned(),
        Defect::NotUtf8 => "the payload is not UTF-8".to_owned(),
        Defect::SignatureNotBase64 => "the signature is no base64".to_owned(),
        Defect::DuplicateMember { part, name } => {
            format!("\"{}\" occurs more than once in the {part}", escape::fitted(name, 40))
        }
        Defect::TimeEncoding { claim, form } => format!("{claim} is written as {form}"),
        Defect::TooLarge => "too large or nested too deep to decode".to_owned(),
        Defect::Redacted => "the recording replaced or cut part of it".to_owned(),
        _ => "a deviation".to_owned(),
    }
}
