//! Mends what mail programs, shells, editors and documents do to a token that somebody pastes.
//!
//! ```text
//! > Authorization: Bearer eyJhbGciOi      quoted, and wrapped at a width
//! > JSUzI1NiJ9.eyJpc3MiOi…
//! -H 'Authorization: Bearer eyJhbG\       continued in a shell (\, ^, `), or put together of strings ("…" + "…")
//! eyJhbGciOiJSUzI1NiIsInR5cCI6=           quoted-printable
//! <td>eyJhbGci<wbr>OiJSUzI1NiJ9…          HTML
//! session.0=eyJhbG…; session.1=…          a cookie in several
//! ```
//!
//! Two tokens never become one: what begins like a header begins a token, and a signature ends where its algorithm says.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::Value;

use super::scan::is_header;
use crate::encoding::base64;

/// Shortest line that carries a token on, unless it ends it.
const SHORTEST_LINE: usize = 16;
/// Narrowest text that wraps by a width, in characters.
const NARROWEST: usize = 40;
/// Chunks of one cookie.
const CHUNKS: usize = 64;

/// The text with its tokens unbroken.
pub(super) fn mended(text: &str) -> String {
    let text: String =
        text.chars().filter(|letter| !is_invisible(*letter)).map(|c| if c == '\u{a0}' { ' ' } else { c }).collect();
    let text = soft_breaks(&text);
    let text = escapes(&text);
    let text = markup(&text);
    let text = chunks(&text);
    let text = coded(&text);
    lines(&text)
}

const fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{ad}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

/// Soft line breaks and coded bytes of quoted-printable (RFC 2045 §6.7): a line that ends with `=` before its 77th character.
fn soft_breaks(text: &str) -> Cow<'_, str> {
    let is_soft = |line: &str| line.ends_with('=') && (70..=77).contains(&line.len());
    if !text.lines().any(is_soft) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        match line.strip_suffix('=').filter(|_| is_soft(line)) {
            Some(start) => out.push_str(start),
            None => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    Cow::Owned(out.replace("=3D", "=").replace("=2E", ".").replace("=5F", "_").replace("=2D", "-"))
}

/// Escapes of strings: line breaks, and characters by their number.
fn escapes(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escaped) = rest.split_at(at);
        out.push_str(before);
        let code = escaped.strip_prefix("\\u").and_then(|code| code.get(..4));
        let letter = code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32);
        let taken = match (letter, escaped.as_bytes().get(1)) {
            (Some(letter), _) => {
                out.push(letter);
                6
            }
            (None, Some(b'r')) if escaped.starts_with("\\r\\n") => {
                out.push('\n');
                4
            }
            (None, Some(b'n' | b'r')) => {
                out.push('\n');
                2
            }
            (None, Some(b'/')) => {
                out.push('/');
                2
            }
            _ => {
                out.push('\\');
                1
            }
        };
        rest = escaped.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Entities and tags of HTML: those within a line are nothing, `br` ends a line, others stand apart.
fn markup(text: &str) -> Cow<'_, str> {
    const ENTITIES: [(&str, &str); 6] =
        [("&nbsp;", " "), ("&gt;", ">"), ("&lt;", "<"), ("&quot;", "\""), ("&shy;", ""), ("&amp;", "&")];
    const INLINE: [&str; 12] = ["wbr", "span", "font", "b", "i", "u", "em", "strong", "code", "a", "tt", "mark"];
    const BLOCK: [&str; 12] = ["p", "div", "td", "th", "tr", "table", "li", "ul", "pre", "body", "html", "blockquote"];
    let mut out: Cow<'_, str> = Cow::Borrowed(text);
    for (entity, letter) in ENTITIES {
        if out.contains(entity) {
            out = Cow::Owned(out.replace(entity, letter));
        }
    }
    if out.contains("&#") {
        out = Cow::Owned(numbered(&out));
    }
    if !out.contains('<') {
        return out;
    }
    let mut plain = String::with_capacity(out.len());
    let mut rest = &*out;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        plain.push_str(before);
        let inside = tag.get(1..).unwrap_or_default();
        let name: String = inside.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        let name = name.to_ascii_lowercase();
        let end = tag.find('>').filter(|end| *end < 512).map(|end| end + 1);
        match end {
            Some(end) if INLINE.contains(&name.as_str()) => rest = tag.get(end..).unwrap_or_default(),
            Some(end) if name == "br" => {
                plain.push('\n');
                rest = tag.get(end..).unwrap_or_default();
                rest = rest.strip_prefix("\r\n").or_else(|| rest.strip_prefix('\n')).unwrap_or(rest);
            }
            Some(end) if BLOCK.contains(&name.as_str()) => {
                plain.push_str("\n\n");
                rest = tag.get(end..).unwrap_or_default();
            }
            _ => {
                plain.push('<');
                rest = inside;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Characters by their number in decimal or hexadecimal: `&#45;`, `&#x2d;`.
fn numbered(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("&#") {
        let (before, entity) = rest.split_at(at);
        out.push_str(before);
        let body = entity.get(2..).unwrap_or_default();
        let number = body.find(';').filter(|end| *end <= 7).and_then(|end| Some((body.get(..end)?, end)));
        let letter = number.and_then(|(digits, end)| {
            let code = match digits.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            };
            Some((char::from_u32(code?)?, end))
        });
        match letter {
            Some((letter, end)) => {
                out.push(letter);
                rest = body.get(end + 1..).unwrap_or_default();
            }
            None => {
                out.push_str("&#");
                rest = body;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Cookies that a server divided because they were too long (`name.0`, `name.1`; `nameC1`, `nameC2`), each as one.
fn chunks(text: &str) -> Cow<'_, str> {
    if !text.contains(".0=") && !text.contains("C1=") {
        return Cow::Borrowed(text);
    }
    let mut found: BTreeMap<&str, BTreeMap<usize, &str>> = BTreeMap::new();
    let mut plain: Vec<&str> = Vec::new();
    for piece in text.split([';', ' ', '\t', '\n', '\r', '&', ',']) {
        let divided = piece.split_once('=').and_then(|(name, value)| Some((numbered_name(name)?, value)));
        match divided {
            Some(((name, number), value)) => {
                found.entry(name).or_default().insert(number, value);
            }
            None => plain.push(piece),
        }
    }
    let is_whole = |parts: &BTreeMap<usize, &str>| {
        let first = parts.keys().next().copied().unwrap_or_default();
        parts.len() > 1 && first <= 1 && parts.keys().copied().eq(first..first + parts.len())
    };
    if !found.values().any(is_whole) {
        return Cow::Borrowed(text);
    }
    let mut out = plain.join("\n");
    for (name, parts) in &found {
        let values: String = parts.values().copied().collect();
        out.push_str(&format!("\n\n{name}={}", values.strip_prefix("base64-").unwrap_or(&values)));
    }
    Cow::Owned(out)
}

/// The name and the number of a part.
fn numbered_name(name: &str) -> Option<(&str, usize)> {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name.get(stem.len()..)?.parse().ok().filter(|number| *number < CHUNKS)?;
    let stem = stem.strip_suffix('.').or_else(|| stem.strip_suffix('C'))?;
    (!stem.is_empty()).then_some((stem, number))
}

/// Joins the base64 of a token that is wrapped over lines: `ZXlK` is that of `eyJ`.
fn coded(text: &str) -> Cow<'_, str> {
    if !text.contains("ZXlK") {
        return Cow::Borrowed(text);
    }
    let is_coded = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_') || c.is_whitespace();
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(['<', '>', '"', '\'']) {
        let end = piece.trim_end_matches(['<', '>', '"', '\'']).len();
        let (content, mark) = piece.split_at(end);
        if content.trim_start().starts_with("ZXlK") && content.contains('\n') && content.chars().all(is_coded) {
            out.extend(content.chars().filter(|c| !c.is_whitespace()));
            out.push('\n');
        } else {
            out.push_str(content);
        }
        out.push_str(mark);
    }
    Cow::Owned(out)
}

/// Joins tokens that are broken over lines.
fn lines(text: &str) -> String {
    let all: Vec<&str> = text.lines().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(line) = all.get(at) {
        at += 1;
        let carried = line.trim_end_matches(ENDS);
        let Some(begin) = beginning(carried) else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        let (before, token) = carried.split_at(begin);
        let rest = all.get(at..).unwrap_or_default();
        let carry = carry(token, line.get(carried.len()..).unwrap_or_default(), line.len(), rest);
        let Carry { token, behind, lines } = carry;
        at += lines;
        out.push_str(before);
        out.push_str(&token);
        out.push('\n');
        let behind = behind.trim_matches(ENDS);
        if !behind.is_empty() {
            out.push_str(behind);
            out.push('\n');
        }
    }
    out
}

/// A token that goes on over lines.
struct Carry<'t> {
    token: String,
    /// What stands behind it in its last line.
    behind: &'t str,
    /// Lines it takes besides its first.
    lines: usize,
}

/// Takes of the lines behind a token what belongs to it. A line may seem to be the last because a signature could end there:
/// the last that could counts.
fn carry<'t>(token: &str, behind: &'t str, width: usize, rest: &[&'t str]) -> Carry<'t> {
    let (mut now, mut whole) = (Carry { token: token.to_owned(), behind, lines: 0 }, None);
    let (mut width, mut widest) = (width, width);
    for next in rest {
        let content = without_prefix(next);
        let lead = content.trim_end_matches(ENDS);
        let end = lead.find(|c: char| !is_of_token(c)).unwrap_or(lead.len());
        let (lead, after) = lead.split_at(end);
        if lead.is_empty() || after.starts_with([':', '=']) || begins(&now.token, lead) || !may_grow(&now.token, lead) {
            break;
        }
        let joined = format!("{}{lead}", now.token);
        let complete = is_complete(&joined);
        // One line alone has no width that could be told.
        let is_full = now.lines > 0 && width >= widest && width >= NARROWEST;
        let lacks_parts = now.token.matches('.').count() < 2;
        let is_long = lead.len() >= SHORTEST_LINE && (complete.is_some() || lacks_parts);
        let goes_on = complete == Some(true) || is_long || is_full;
        if !goes_on {
            break;
        }
        now = Carry { token: joined, behind: content.get(end..).unwrap_or_default(), lines: now.lines + 1 };
        (width, widest) = (next.len(), widest.max(next.len()));
        if complete == Some(true) {
            whole = Some(Carry { token: now.token.clone(), behind: now.behind, lines: now.lines });
        }
        if !after.is_empty() {
            break;
        }
    }
    match whole {
        Some(whole) => whole,
        // It was whole by itself.
        None if is_complete(token) == Some(true) => Carry { token: token.to_owned(), behind, lines: 0 },
        None => now,
    }
}

/// What may stand behind the piece of a token at the end of a line: strings that end, and marks that the next line goes on.
const ENDS: &[char] = &[' ', '\t', '\r', '\\', '^', '`', '+', '&', '"', '\''];

const fn is_of_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.')
}

/// Where the token begins that a line ends with.
fn beginning(line: &str) -> Option<usize> {
    let run = line
        .rfind(|c: char| !is_of_token(c))
        .map_or(0, |at| at + line.get(at..).and_then(|r| r.chars().next()).map_or(1, char::len_utf8));
    let tail = line.get(run..)?;
    tail.starts_with("eyJ").then_some(run)
}

/// A line without what programs put before each: marks of a quotation or a list, the number of the line, a string that
/// begins.
fn without_prefix(line: &str) -> &str {
    let content = line.trim_start_matches([' ', '\t', '>', '|', '"', '\'', '*', '#', '+']);
    let digits = content.bytes().take_while(u8::is_ascii_digit).count();
    if (1..=4).contains(&digits)
        && let Some(behind) = content.get(digits..)
        && behind.starts_with([' ', '\t', ':', '|'])
    {
        return behind.trim_start_matches([' ', '\t', ':', '|', '"', '\'']);
    }
    content
}

/// Whether a piece begins another token.
fn begins(before: &str, piece: &str) -> bool {
    let header = piece.split('.').next().unwrap_or_default();
    // Behind the dot of a part comes the next part.
    if before.ends_with('.') && before.matches('.').count() < 2 {
        return false;
    }
    (piece.contains('.') && is_header(header)) || (piece.starts_with("eyJ") && before.matches('.').count() >= 2)
}

/// Lengths that signatures of the token's algorithm have, in characters; empty where they are not known.
fn lengths(token: &str) -> &'static [usize] {
    let header = token.split('.').next().and_then(base64::decode);
    let header: Option<Value> = header.and_then(|header| serde_json::from_slice(&header.bytes).ok());
    let algorithm = header.as_ref().and_then(|header| header.get("alg")?.as_str()).unwrap_or_default();
    match algorithm {
        "HS256" => &[43],
        "HS384" => &[64],
        "HS512" | "ES256" | "ES256K" | "EdDSA" | "Ed25519" => &[86],
        "ES384" => &[128],
        "ES512" => &[176],
        "Ed448" => &[152],
        _ if algorithm.starts_with("RS") || algorithm.starts_with("PS") => &[171, 342, 512, 683, 1366],
        _ => &[],
    }
}

/// Whether a token has all its parts; `None` if that cannot be told.
fn is_complete(token: &str) -> Option<bool> {
    let mut parts = token.split('.');
    let signature = parts.by_ref().nth(2);
    match signature {
        None => Some(false),
        Some(_) if parts.next().is_some() => None,
        Some(signature) => {
            let lengths = lengths(token);
            (!lengths.is_empty()).then(|| lengths.contains(&signature.len()))
        }
    }
}

/// Whether a piece can belong to the token: it would not be longer than it can be.
fn may_grow(token: &str, piece: &str) -> bool {
    let joined = format!("{token}{piece}");
    let mut parts = joined.split('.');
    let Some(signature) = parts.by_ref().nth(2) else { return true };
    parts.next().is_some() || lengths(&joined).last().is_none_or(|longest| signature.len() <= *longest)
}

#[cfg(test)]
mod tests {
    use base64::{
        Engine as _,
        engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
    };
    use serde_json::json;

    use super::super::{find::find, interner::Interner};
    use crate::limits::Limits;

    fn token(number: u8) -> String {
        let claims = json!({"iss": "https://login.example.test", "sub": format!("user-{number}"), "pad": "0123456789abcdef".repeat(9)});
        let header = json!({"alg": "RS256", "kid": format!("k{number}")});
        let signature: Vec<u8> = (0..=255).map(|byte: u8| byte.wrapping_mul(37) ^ number).collect();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()), part(&signature))
    }

    /// `text` over lines of that width, `between` them.
    fn wrapped(text: &str, width: usize, between: &str) -> String {
        let letters: Vec<char> = text.chars().collect();
        letters.chunks(width).map(|line| line.iter().collect::<String>()).collect::<Vec<_>>().join(between)
    }

    #[test]
    fn tokens_are_found_whole_however_they_are_pasted() {
        let (a, b) = (&token(1), &token(2));
        let quoted = |text: &str, mark: &str| text.lines().map(|line| format!("{mark}{line}\n")).collect::<String>();
        let hex: String = a.bytes().map(|byte| format!("{byte:02x}")).collect();
        let coded = STANDARD.encode(format!("user:{a}"));
        let (front, back) = a.split_at(300);
        for (name, text, tokens) in [
            ("quoted mail", quoted(&wrapped(&format!("Authorization: Bearer {a}"), 74, "\n"), "> "), 1),
            ("quoted twice", quoted(&wrapped(a, 70, "\n"), "> > "), 1),
            ("quoted, two", quoted(&format!("{}\n\n{}", wrapped(a, 72, "\n"), wrapped(b, 72, "\n")), "> "), 2),
            (
                "numbered lines",
                wrapped(a, 70, "\n").lines().zip(1..).map(|(line, n)| format!("{n:3}  {line}\n")).collect(),
                1,
            ),
            (
                "continued in a shell",
                format!("curl -H 'Authorization: Bearer {}' https://api", wrapped(a, 60, "\\\n")),
                1,
            ),
            ("continued in cmd", format!("curl -H \"Authorization: Bearer {}\"", wrapped(a, 60, "^\r\n")), 1),
            ("continued in PowerShell", wrapped(a, 60, "`\n"), 1),
            ("a here-string", format!("$a = @\"\n{a}\n\"@\n$b = @'\n{b}\n'@\n"), 2),
            ("strings with plus", format!("const t = '{}'", wrapped(a, 60, "' +\n  '")), 1),
            ("strings side by side", format!("t = (\"{}\")", wrapped(a, 60, "\"\n     \"")), 1),
            ("quoted-printable", wrapped(&format!("Authorization: Bearer {a}"), 75, "=\n"), 1),
            ("quoted-printable, two", format!("{}\n{}", wrapped(a, 75, "=\r\n"), wrapped(b, 75, "=\r\n")), 2),
            (
                "folded YAML",
                format!("a: >-\n  {}\nb: >-\n  {}\nc: x\n", wrapped(a, 76, "\n  "), wrapped(b, 76, "\n  ")),
                2,
            ),
            ("a string of YAML", format!("a: \"{}\"\n", wrapped(a, 70, "\\\n    ")), 1),
            ("JSON with breaks", format!("{{\"a\":\"{}\",\"b\":\"{b}\"}}", wrapped(a, 64, "\\n")), 2),
            ("JSON over lines", format!("{{\"a\":\"{}\",\"b\":\"{b}\"}}", wrapped(a, 64, "\n")), 2),
            ("JSON by numbers", format!("{{\"a\":\"{}\"}}", a.replace('.', "\\u002e")), 1),
            ("zero-width blanks", wrapped(a, 50, "\u{200b}"), 1),
            ("soft hyphens", wrapped(a, 50, "\u{ad}"), 1),
            ("a blank that does not break", format!("Bearer\u{a0}{a}"), 1),
            ("HTML with breaks", format!("<p>{}</p>", wrapped(a, 70, "<br>\n")), 1),
            ("HTML that may break", format!("<td>{}</td><td>{b}</td>", wrapped(a, 40, "<wbr>")), 2),
            ("HTML in spans", format!("<span>{}</span>", wrapped(a, 60, "</span><span>")), 1),
            ("HTML by numbers", format!("Bearer&nbsp;{}", a.replace('-', "&#45;").replace('_', "&#x5f;")), 1),
            ("escaped quotation", wrapped(a, 70, "\n&gt; "), 1),
            ("folded field", format!("Authorization: Bearer {}\r\nX: {b}\r\n", wrapped(a, 70, "\r\n\t")), 2),
            ("divided cookie", format!("Cookie: s.1={back}; s.0={front}; x=1"), 1),
            ("divided cookies set", format!("Set-Cookie: s.0={front}; Path=/\nSet-Cookie: s.1={back}; Path=/\n"), 1),
            ("hexadecimal", hex.clone(), 1),
            ("hexadecimal with 0x", format!("0x{}", hex.to_uppercase()), 1),
            ("wrapped Basic", wrapped(&format!("Authorization: Basic {coded}"), 76, "\n"), 1),
            ("wrapped base64 in XML", format!("<t>{}</t>", wrapped(&STANDARD.encode(a), 76, "\n")), 1),
            ("escaped and not", format!("a={}&b={b}", a.replace('.', "%2E")), 2),
            ("a line for each part", a.replace('.', ".\n"), 1),
            ("adjacent lines", format!("{a}\n{b}\n"), 2),
            ("adjacent, wrapped", format!("{}\n{}", wrapped(a, 76, "\n"), wrapped(b, 76, "\n")), 2),
            ("a fence", format!("```\n{a}\n```\nand `{b}`"), 2),
            (
                ".http",
                format!("GET https://api\nAuthorization: Bearer {a}\n\n###\nPOST https://x\n\n{{\"t\":\"{b}\"}}\n"),
                2,
            ),
            ("a sentence behind", format!("{}\nThanks, and see you tomorrow", wrapped(a, 76, "\n")), 1),
            ("another name behind", format!("token:\n{}\nother: value\n", wrapped(a, 76, "\n")), 1),
        ] {
            let found = find(&text, &mut Interner::new(&Limits::default()));
            let raw: Vec<String> = found.iter().map(|token| token.raw.reveal().to_string()).collect();
            let expected: Vec<&str> = [a.as_str(), b.as_str()].into_iter().take(tokens).collect();
            let same = raw.len() == tokens && expected.iter().all(|token| raw.iter().any(|found| found == token));
            assert!(same, "{name}: {} of {tokens}\n{text}", raw.len());
        }
    }

    #[test]
    fn a_cut_token_takes_nothing_of_what_stands_behind() {
        let token = token(1);
        for end in [30, 120, 300] {
            let cut = token.get(..end).unwrap_or_default();
            for behind in ["Thanks!", "kind regards", "Host: api.example.test", ""] {
                let found = find(&format!("{cut}\n{behind}"), &mut Interner::new(&Limits::default()));
                assert!(found.iter().all(|found| token.starts_with(&**found.raw.reveal())), "{end} {behind}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_mended(text: String) {
            super::mended(&text);
        }
    }
}
