//! XML answers: the root, and what a fault or an error in it says.
//!
//! ```text
//! <s:Envelope> <s:Body> <s:Fault> <faultcode>a:ErrorInvalidToken</faultcode> <faultstring>…</faultstring> <detail>…   SOAP 1.1
//! <e:Envelope> <e:Body> <e:Fault> <e:Code><e:Value>…</e:Value></e:Code> <e:Reason><e:Text>…                          SOAP 1.2
//! <s:Envelope> <s:Body> <m:GetFolderResponse> … <m:ResponseCode>ErrorInvalidToken</m:ResponseCode>                   EWS
//! <Error> <Code>InvalidToken</Code> <Message>…                                                                       others
//! ```
//!
//! Prefixes are arbitrary, so only local names count, and a word counts only where it is a code or a message of the
//! server's: an answer can hold mails in which anything stands.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;

use super::{Says, refusal, words};
use crate::profile::Form;

/// Elements deeper than that are not looked at.
const DEPTH: usize = 64;
/// Codes and messages that are looked at.
const MOST: usize = 64;

/// Elements whose text is a code.
const CODES: &[&str] =
    &["faultcode", "Value", "ResponseCode", "ErrorCode", "Code", "code", "errorcode", "ErrorId", "error"];
/// Elements whose text is for people.
const MESSAGES: &[&str] = &[
    "faultstring",
    "Text",
    "Message",
    "message",
    "MessageText",
    "Reason",
    "reason",
    "detail",
    "ErrorMessage",
    "description",
];
/// Roots of errors.
const ERRORS: &[&str] =
    &["Error", "error", "Errors", "errors", "ErrorResponse", "Fault", "fault", "Exception", "ExceptionReport"];

/// The form of an XML content, and what it says. `None` if it is a page or no XML.
pub(super) fn read(content: &[u8]) -> Option<(Form, Says)> {
    let mut path: Vec<&[u8]> = Vec::new();
    let mut root: Option<&str> = None;
    let (mut is_fault, mut found) = (false, Found::default());
    for piece in (Walk { rest: content }) {
        match piece {
            Piece::Open { name, empty } => {
                let local = std::str::from_utf8(name).unwrap_or_default();
                if root.is_none() {
                    if is_page(local) {
                        return None;
                    }
                    root = Some(local);
                    if !ERRORS.contains(&local) && !may_refuse(content) {
                        break;
                    }
                }
                is_fault |= local == "Fault" && path.len() <= 2;
                if !empty && path.len() < DEPTH {
                    path.push(name);
                }
            }
            Piece::Close => {
                path.pop();
            }
            Piece::Text(text) => {
                let name = path.last().copied().unwrap_or_default();
                let is_error = is_fault || root.is_some_and(|root| ERRORS.contains(&root));
                if is_error || name == b"ResponseCode" {
                    found.add(std::str::from_utf8(name).unwrap_or_default(), &text);
                }
                // Not all is refused: nothing behind it changes that.
                if (!is_error && found.response_accepted) || found.codes.len() + found.messages.len() >= MOST {
                    break;
                }
            }
        }
    }
    let root = root?;
    let form = if root == "Envelope" { Form::Soap } else { Form::Xml };
    let is_error = is_fault || (form == Form::Xml && ERRORS.contains(&root));
    Some((form, found.says(is_error)))
}

/// Whether a content can hold a fault or a code of Exchange's: most answers are read no further than to their root.
fn may_refuse(content: &[u8]) -> bool {
    static SIGNS: LazyLock<[Finder<'static>; 2]> = LazyLock::new(|| ["Fault", "ResponseCode"].map(Finder::new));
    SIGNS.iter().any(|sign| sign.find(content).is_some())
}

fn is_page(root: &str) -> bool {
    let pages =
        ["html", "head", "body", "title", "script", "meta", "frameset", "center", "h1", "div", "p", "br", "style"];
    pages.iter().any(|page| root.eq_ignore_ascii_case(page))
}

/// What was said.
#[derive(Default)]
struct Found {
    codes: Vec<String>,
    messages: Vec<String>,
    /// `ResponseCode`s of EWS outside a fault: all of them, and whether one is no refusal.
    responses: usize,
    response_accepted: bool,
}

impl Found {
    fn add(&mut self, name: &str, text: &[u8]) {
        let text = text.trim_ascii();
        if text.is_empty() || text.len() > 4096 {
            return;
        }
        let text = || unescaped(&String::from_utf8_lossy(text)).into_owned();
        if CODES.contains(&name) {
            let code = text();
            if name == "ResponseCode" {
                self.responses += 1;
                self.response_accepted |= !words::is_code(&code);
            }
            self.codes.push(code);
        } else if MESSAGES.contains(&name) {
            self.messages.push(text());
        }
    }

    fn says(&self, is_error: bool) -> Says {
        // Without a fault only the codes of all messages of an answer together refuse.
        let refuses = if is_error { true } else { self.responses > 0 && !self.response_accepted };
        if !refuses {
            return Says::Fine;
        }
        let code = self.codes.iter().find(|code| words::is_code(code));
        // A code of Exchange's own says what it is about; its words are for people.
        let is_named = self.codes.iter().any(|code| {
            let local = code.rsplit(':').next().unwrap_or_default();
            local.starts_with("Error") && local.len() > 5
        });
        let message = self.messages.iter().find(|message| words::is_phrase(message));
        match (code, message) {
            (Some(code), _) => Says::Refusal(refusal(code, self.messages.first().map(String::as_str), "SOAP fault")),
            (None, Some(message)) if !is_named || message.contains("linked account") => {
                Says::Refusal(refusal("", Some(message), "SOAP fault"))
            }
            _ => Says::Error,
        }
    }
}

/// Undoes the predefined entities and character references.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        out.push_str(before);
        let Some((name, after)) = behind.split_once(';').filter(|(name, _)| name.len() <= 8) else {
            out.push('&');
            rest = behind;
            continue;
        };
        let number = name.strip_prefix('#').and_then(|digits| match digits.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => digits.parse().ok(),
        });
        match (number.and_then(char::from_u32), name) {
            (Some(character), _) => out.push(character),
            (None, "lt") => out.push('<'),
            (None, "gt") => out.push('>'),
            (None, "amp") => out.push('&'),
            (None, "quot") => out.push('"'),
            (None, "apos") => out.push('\''),
            _ => {}
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

enum Piece<'x> {
    /// A start tag by its local name; `empty` if it is the end tag, too.
    Open {
        name: &'x [u8],
        empty: bool,
    },
    Close,
    Text(Cow<'x, [u8]>),
}

/// The tags and texts of a content, however far it goes.
struct Walk<'x> {
    rest: &'x [u8],
}

impl<'x> Iterator for Walk<'x> {
    type Item = Piece<'x>;

    fn next(&mut self) -> Option<Piece<'x>> {
        loop {
            let rest = self.rest;
            if rest.is_empty() {
                return None;
            }
            if rest.first() != Some(&b'<') {
                let end = memchr::memchr(b'<', rest).unwrap_or(rest.len());
                let (text, behind) = rest.split_at_checked(end)?;
                self.rest = behind;
                return Some(Piece::Text(Cow::Borrowed(text)));
            }
            if let Some(data) = rest.strip_prefix(b"<![CDATA[") {
                let end = memchr::memmem::find(data, b"]]>");
                self.rest = end.and_then(|end| data.get(end + 3..)).unwrap_or_default();
                return Some(Piece::Text(Cow::Borrowed(end.and_then(|end| data.get(..end)).unwrap_or(data))));
            }
            if rest.starts_with(b"<!--") {
                self.skip_past(b"-->");
            } else if rest.starts_with(b"<?") {
                self.skip_past(b"?>");
            } else if rest.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"<!doctype")) {
                let end = memchr::memchr(b'>', rest)?;
                // A type that names a page makes it one.
                let words = rest.get(9..end).unwrap_or_default().trim_ascii();
                let name = words.split(u8::is_ascii_whitespace).next().unwrap_or_default();
                self.rest = rest.get(end + 1..).unwrap_or_default();
                if name.eq_ignore_ascii_case(b"html") {
                    self.rest = b"";
                    return Some(Piece::Open { name: b"html", empty: false });
                }
            } else {
                return self.tag();
            }
        }
    }
}

impl<'x> Walk<'x> {
    fn skip_past(&mut self, end: &[u8]) {
        let at = memchr::memmem::find(self.rest, end);
        self.rest = at.and_then(|at| self.rest.get(at + end.len()..)).unwrap_or_default();
    }

    fn tag(&mut self) -> Option<Piece<'x>> {
        let inside = self.rest.get(1..)?;
        let mut end = 0;
        loop {
            end += memchr::memchr3(b'>', b'"', b'\'', inside.get(end..)?)?;
            let quote = inside.get(end).copied().filter(|byte| *byte != b'>');
            let Some(quote) = quote else { break };
            end += 1 + memchr::memchr(quote, inside.get(end + 1..)?)? + 1;
        }
        let tag = inside.get(..end)?;
        self.rest = inside.get(end + 1..).unwrap_or_default();
        if tag.first() == Some(&b'/') {
            return Some(Piece::Close);
        }
        let empty = tag.last() == Some(&b'/');
        let tag = tag.strip_suffix(b"/").unwrap_or(tag);
        let length = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
        let name = tag.get(..length).unwrap_or_default();
        let prefix = name.iter().rposition(|byte| *byte == b':').map_or(0, |colon| colon + 1);
        Some(Piece::Open { name: name.get(prefix..).unwrap_or_default(), empty })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(content: &str) -> Option<(Form, &'static str)> {
        let (form, says) = read(content.as_bytes())?;
        Some((
            form,
            match says {
                Says::Fine => "fine",
                Says::Refusal(_) => "refusal",
                Says::Error => "error",
                Says::Unclear => "unclear",
            },
        ))
    }

    fn fault(code: &str, text: &str, detail: &str) -> String {
        format!(
            "<?xml version=\"1.0\"?><s:Envelope><s:Header/><s:Body><s:Fault><faultcode>{code}</faultcode>\
             <faultstring>{text}</faultstring><detail>{detail}</detail></s:Fault></s:Body></s:Envelope>"
        )
    }

    #[test]
    fn faults_are_about_something() {
        let code = |code: &str| format!("<e:ResponseCode xmlns:e='x'>{code}</e:ResponseCode>");
        for (content, expected) in [
            (fault("a:ErrorInvalidToken", "The token is invalid.", ""), "refusal"),
            (fault("s:Client", "x", &code("ErrorInvalidToken")), "refusal"),
            (fault("s:Client", "x", &code("ErrorInvalid&#84;oken")), "refusal"),
            (fault("s:Client", "x", "<![CDATA[y]]>"), "error"),
            (fault("wsse:FailedAuthentication", "x", ""), "refusal"),
            (fault("wsse:InvalidSecurity", "x", ""), "refusal"),
            (fault("s:Client", "The application is missing a linked account for RBAC roles", ""), "refusal"),
            (fault("a:ErrorNonExistentMailbox", "No mailbox with such guid.", ""), "error"),
            (fault("a:ErrorAccessDenied", "Access is denied. Check credentials and try again.", ""), "error"),
            (fault("a:ErrorImpersonateUserDenied", "The account cannot impersonate: unauthorized.", ""), "error"),
            (fault("s:Server", "The server cannot service this request right now.", ""), "error"),
        ] {
            assert_eq!(says(&content), Some((Form::Soap, expected)), "{content}");
            let other = content.replace("s:", "SOAP-ENV:");
            assert_eq!(says(&other), Some((Form::Soap, expected)), "{other}");
        }
        let twelve = "<env:Envelope><env:Body><env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>\
                      wsse:InvalidSecurityToken</env:Value></env:Subcode></env:Code></env:Fault></env:Body></env:Envelope>";
        assert_eq!(says(twelve), Some((Form::Soap, "refusal")));
    }

    #[test]
    fn answers_that_are_no_faults() {
        for (content, expected) in [
            ("<s:Envelope><s:Body/></s:Envelope>", (Form::Soap, "fine")),
            ("<Envelope xmlns='x'><Body><R a='>'><m:ResponseCode>NoError</m:ResponseCode>", (Form::Soap, "fine")),
            ("<s:Envelope><s:Body><r><ResponseCode>ErrorNonExistentMailbox</ResponseCode></r>", (Form::Soap, "fine")),
            ("<s:Envelope><s:Body><r><ResponseCode>ErrorInvalidToken</ResponseCode></r>", (Form::Soap, "refusal")),
            (
                "<s:Envelope><s:Body><r><ResponseCode>NoError</ResponseCode><ResponseCode>ErrorInvalidToken</ResponseCode>",
                (Form::Soap, "fine"),
            ),
            // A mail says it.
            (
                "<s:Envelope><s:Body><r><t:Body>FailedAuthentication &lt;s:Fault&gt; invalid token</t:Body>",
                (Form::Soap, "fine"),
            ),
            ("<s:Envelope><s:Body><r><i><t:Fault/><t:Message>invalid token</t:Message>", (Form::Soap, "fine")),
            ("<!-- x --><?y?><Autodiscover><Response><Error><ErrorCode>600</ErrorCode>", (Form::Xml, "fine")),
            ("<feed xmlns='http://www.w3.org/2005/Atom'/>", (Form::Xml, "fine")),
            ("<Error><Code>InvalidToken</Code></Error>", (Form::Xml, "refusal")),
            ("<Error><Code>NoSuchKey</Code></Error>", (Form::Xml, "error")),
        ] {
            assert_eq!(says(content), Some(expected), "{content}");
        }
    }

    #[test]
    fn pages_are_none() {
        for content in [
            "<html>",
            "<!DOCTYPE html><a/>",
            " <HTML lang='x'>",
            "<!-- x --><head>",
            "<",
            "",
            "no",
            "<!doctype html SYSTEM \"about:legacy-compat\">",
        ] {
            assert_eq!(says(content.trim_start()), None, "{content}");
        }
    }

    #[test]
    fn any_bytes_are_read() {
        for content in [
            "<a",
            "<a b='",
            "<!doctype",
            "<![CDATA[",
            "<!--",
            "<?",
            "</a>",
            "<//>",
            "<a/><<>>",
            "<a>&#xffffffff;&;</a>",
        ] {
            let _ = read(content.as_bytes());
        }
    }
}
