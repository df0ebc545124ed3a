//! Every token, decoded: its header and claims as they were sent, with secrets masked.

use std::io;

use maud::{Markup, html};
use serde_json::Value;

use super::{brief, counted, findings, left_out, moment, put, short};
use crate::{
    handshake::signatures::Signature,
    output::plain,
    report::{
        Report,
        v1::{self, Token},
    },
    time::Timestamp,
    token::Members,
};

/// Tokens that are told.
const TOLD: usize = 200;
/// Members of one header or of one token's claims.
const MEMBERS: usize = 100;
/// Characters of a value.
const VALUE: usize = 1500;
/// Claims that are moments (RFC 7519 §4.1, OpenID Connect Core §2).
const MOMENTS: [&str; 5] = ["exp", "nbf", "iat", "auth_time", "updated_at"];

/// Writes the section, one token at a time.
pub(super) fn write(report: &Report, to: &mut dyn io::Write) -> io::Result<()> {
    to.write_all(b"<section class=\"tokens\" aria-labelledby=\"tokens\">\n<h2 id=\"tokens\">Tokens</h2>\n")?;
    if report.tokens.is_empty() {
        put(to, &html! { p .lead { "No token was found." } })?;
    }
    let several = report.inputs.len() > 1;
    for token in v1::made(report).take(TOLD) {
        put(to, &one(&token, several))?;
    }
    put(to, &left_out(report.tokens.len().saturating_sub(TOLD) as u64, "token", "tokens"))?;
    to.write_all(b"</section>\n")
}

fn one(token: &Token, several: bool) -> Markup {
    let party = |name: &Option<String>| name.as_deref().map(|name| short(&plain(name)));
    html! {
        details .token {
            summary {
                (signature(token.signature)) " "
                strong { (token.kind) } " " code { (brief(token.id)) }
                @if let Some(issuer) = party(&token.issuer) { " " span .quiet { "by" } " " (issuer) }
                @if let Some(audience) = party(&token.audience) { " " span .quiet { "for" } " " (audience) }
                @if let Some(count) = token.count { " " span .quiet { (counted(count, "time", "times")) } }
            }
            (layer(token))
            @if let Some(first) = &token.first {
                h3 { "Its way" }
                ul .plain {
                    li { "first seen: " (findings::place(first, several)) }
                    @for station in token.lineage.iter().flatten() {
                        li {
                            (station.step) " at " (plain(&station.host)) " " span .quiet {
                                (counted(station.count, "time", "times"))
                                @if station.refused > 0 { ", refused " (station.refused) }
                                @if let Some(time) = station.time { ", first " (moment::full(time)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Header, claims and signature of a token, and the token inside it.
fn layer(token: &Token) -> Markup {
    html! {
        dl .facts {
            div { dt { "Id" } dd { code { (token.id) } } }
            @if let Some(time) = token.not_before { div { dt { "Valid from" } dd { (moment::full(time)) } } }
            @if let Some(time) = token.expires { div { dt { "Until" } dd { (moment::full(time)) } } }
            div { dt { "Signature" } dd { (word(token.signature)) ": " (plain(&token.signature_reason)) } }
        }
        @if let Some(header) = &token.header { h3 { "Header" } (members(header)) }
        @match &token.claims {
            Some(claims) => { h3 { "Claims" } (members(claims)) }
            None => { p .quiet { "Its claims cannot be read." } }
        }
        @if let Some(actor) = &token.actor {
            details .token open {
                summary { (signature(actor.signature)) " inside: " strong { (actor.kind) } " " code { (brief(actor.id)) } }
                (layer(actor))
            }
        }
    }
}

fn signature(signature: Signature) -> Markup {
    let tone = match signature {
        Signature::Verified => "good",
        Signature::Invalid => "bad",
        Signature::Unverifiable | Signature::Absent => "quiet",
    };
    html! { span .tag .(tone) { "signature " (word(signature)) } }
}

const fn word(signature: Signature) -> &'static str {
    match signature {
        Signature::Verified => "verified",
        Signature::Invalid => "wrong",
        Signature::Unverifiable => "not verified",
        Signature::Absent => "absent",
    }
}

fn members(members: &Members) -> Markup {
    html! {
        table .members {
            tbody {
                @for (name, value) in members.iter().take(MEMBERS) {
                    tr {
                        th scope="row" { code { (plain(name)) } }
                        td { code { (text(value)) } @if let Some(time) = time(name, value) { " " span .quiet { (time) } } }
                    }
                }
            }
        }
        (left_out(members.len().saturating_sub(MEMBERS) as u64, "member", "members"))
    }
}

/// A value as JSON writes it, but for the quotation marks of a text.
fn text(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    super::svg::cut(&plain(&text), VALUE, false)
}

/// The moment a claim tells.
fn time(name: &str, value: &Value) -> Option<String> {
    let seconds = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let time = Timestamp::from_seconds(seconds.filter(|_| MOMENTS.contains(&name))?);
    (!time.is_relative() && !time.is_cut()).then(|| moment::full(time))
}
