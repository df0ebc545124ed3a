//! JSON answers, and whether they are errors: APIs tell them in as many ways, many of them under 200.
//!
//! ```text
//! {"error":"invalid_token","error_description":"…"}                                      RFC 6749, RFC 6750
//! {"error":{"code":"InvalidAuthenticationToken","message":"…"}}                          OData, Google, ArcGIS
//! {"ok":false,"error":"invalid_auth"}   {"success":false,"message":"…"}                  Slack and kin
//! {"errors":[{"message":"…","extensions":{"code":"UNAUTHENTICATED"}}],"data":null}       GraphQL
//! {"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"Unauthorized"}}              JSON-RPC, also in an array
//! {"status":401,"message":"jwt expired"}   {"type":"…","title":"…","status":401}         RFC 9457 and its like
//! {"fault":{"faultstring":"Invalid access token","detail":{"errorcode":"oauth.v2.…"}}}   Apigee
//! [{"errorCode":"INVALID_SESSION_ID","message":"…"}]                                     Salesforce
//! ```
//!
//! Only members of the first level tell that an answer is an error, for what an API gives can hold anything below it; what
//! an error is about is read in all of the error.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::{Says, refusal, words};

/// Elements of an array that are looked at.
const ELEMENTS: usize = 16;
/// Strings of an error that are looked at.
const STRINGS: usize = 64;

/// What a JSON content says. `None` if it does not begin as JSON.
pub(super) fn read(content: &[u8], is_problem: bool) -> Option<Says> {
    let content = without_guard(content);
    let first = content.first()?;
    if *first == b'[' {
        return Some(array(content));
    }
    if *first == b'{' {
        let mut object = Object::default();
        // A content that is cut says what stands before the cut.
        let _ = object.fill(&mut serde_json::Deserializer::from_slice(content));
        return Some(object.says(is_problem));
    }
    let scalar: Value = serde_json::from_slice(content.trim_ascii_end()).ok()?;
    Some(match scalar {
        Value::String(text) if words::is_code(&text) || (text.len() < 200 && words::is_phrase(&text)) => {
            Says::Refusal(refusal("", Some(&text), "content"))
        }
        _ => Says::Fine,
    })
}

/// Without what stands in front against inclusion as a script: `)]}'`, `while(1);`, `for(;;);`.
fn without_guard(content: &[u8]) -> &[u8] {
    let guards: [&[u8]; 5] = [b")]}',", b")]}'", b"while(1);", b"while (1);", b"for(;;);"];
    guards.iter().find_map(|guard| content.strip_prefix(*guard)).unwrap_or(content).trim_ascii_start()
}

/// An array is an error if all of its members are, as the answers to a batch and lists of errors.
fn array(content: &[u8]) -> Says {
    let mut all = Vec::new();
    let _ = serde_json::Deserializer::from_slice(content).deserialize_seq(Elements(&mut all));
    if all.is_empty() || all.iter().any(|says| matches!(says, Says::Fine)) {
        return Says::Fine;
    }
    all.iter().position(|says| matches!(says, Says::Refusal(_))).map_or(Says::Error, |at| all.swap_remove(at))
}

struct Elements<'a>(&'a mut Vec<Says>);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<Element>()? {
            self.0.push(element.0);
            // What is no error makes the whole none.
            if self.0.len() >= ELEMENTS || matches!(self.0.last(), Some(Says::Fine)) {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// An element: an object, or something else that says nothing.
struct Element(Says);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Element, A::Error> {
                let mut object = Object::default();
                object.take(&mut members)?;
                // Salesforce's errors have no member that says that they are errors.
                let listed = object.has_code && object.message().is_some() && object.others == 0;
                Ok(Element(object.says(listed)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Element, A::Error> {
                while elements.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Element(Says::Fine))
            }

            fn visit_str<E>(self, _: &str) -> Result<Element, E> {
                Ok(Element(Says::Fine))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Element, E> {
                Ok(Element(Says::Fine))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Element, E> {
                Ok(Element(Says::Fine))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Element, E> {
                Ok(Element(Says::Fine))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Element, E> {
                Ok(Element(Says::Fine))
            }

            fn visit_unit<E>(self) -> Result<Element, E> {
                Ok(Element(Says::Fine))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// What the first level of an object tells.
#[derive(Default)]
struct Object {
    /// `error`, `fault` and the like, unless they say that there is none.
    error: Option<Value>,
    /// `errors`, unless empty.
    errors: Option<Value>,
    /// `ok`, `success` and the like are false.
    failed: bool,
    /// `status` says so in words, which can be the state of something.
    said_failed: bool,
    /// `status`, `code` and the like that read as an HTTP status from 400.
    status: Option<u64>,
    /// A code of the server's that is neither zero nor a status.
    code: Option<String>,
    /// There is a member for a code.
    has_code: bool,
    /// Messages for people.
    messages: Vec<String>,
    /// `data` or `result` is there and not null.
    data: bool,
    /// Members of other names.
    others: usize,
}

impl<'de> Visitor<'de> for &mut Object {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        self.take(&mut members)
    }
}

impl Object {
    fn fill<'de, D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }

    fn take<'de, A: MapAccess<'de>>(&mut self, members: &mut A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            match name.to_ascii_lowercase().as_str() {
                "error" | "fault" | "odata.error" | "exception" | "exceptioncode" => {
                    // What is cut in the middle of an error is one.
                    let before = self.failed;
                    self.failed = true;
                    let value: Value = members.next_value()?;
                    self.failed = before;
                    self.error(value);
                }
                "errors" => {
                    let before = self.failed;
                    self.failed = true;
                    let value: Value = members.next_value()?;
                    self.failed = before;
                    // Elasticsearch says by a boolean that some of its items failed.
                    if value.as_array().is_some_and(|list| !list.is_empty())
                        || value.as_object().is_some_and(|map| !map.is_empty())
                        || value.as_str().is_some_and(|text| !text.is_empty())
                    {
                        self.errors.get_or_insert(value);
                    }
                }
                "ok" | "success" | "succeeded" | "successful" | "issuccess" | "issuccessful" | "is_success" => {
                    let said = members.next_value::<Scalar>()?;
                    self.failed |= said.0.is_some_and(|said| said == "false" || said == "0");
                }
                "status" | "statuscode" | "status_code" | "httpstatus" | "http_status" | "httpstatuscode"
                | "http_code" | "code" => {
                    if let Some(said) = members.next_value::<Scalar>()?.0 {
                        self.has_code |= name.eq_ignore_ascii_case("code");
                        self.status(&said);
                    }
                }
                "errorcode" | "error_code" | "errcode" | "err_code" | "errorid" | "error_type" | "errortype" => {
                    self.has_code = true;
                    let said = members.next_value::<Scalar>()?.0.unwrap_or_default();
                    if !is_none(&said) {
                        self.failed = true;
                        self.status(&said);
                    }
                }
                "message" | "msg" | "detail" | "title" | "errmsg" | "errormessage" | "error_message"
                | "error_description" | "errordescription" | "reason" | "description" | "type" | "__type" => {
                    if let Some(said) = members.next_value::<Scalar>()?.0.filter(|said| !said.is_empty()) {
                        self.messages.push(said);
                    }
                }
                "data" | "result" | "results" => self.data |= members.next_value::<Presence>()?.0,
                "timestamp" | "path" | "requestid" | "request_id" | "traceid" | "trace_id" | "instance" | "jsonrpc"
                | "id" | "fields" | "extensions" => {
                    members.next_value::<IgnoredAny>()?;
                }
                _ => {
                    self.others += 1;
                    members.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn error(&mut self, value: Value) {
        let says_none = match &value {
            Value::Null => true,
            Value::Bool(is) => !is,
            Value::Number(number) => number.as_f64().is_some_and(|number| number == 0.0),
            Value::String(text) => is_none(text),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => {
                map.is_empty()
                    || map.iter().any(|(name, value)| name.eq_ignore_ascii_case("code") && is_none(&plain(value)))
            }
        };
        if !says_none {
            self.error.get_or_insert(value);
        }
    }

    fn status(&mut self, said: &str) {
        match said.trim().parse::<u64>() {
            Ok(number @ 400..=599) => self.status = self.status.or(Some(number)),
            Ok(0..=399) => {}
            _ if ["error", "fail", "failed", "failure", "unauthorized", "unauthenticated", "denied"]
                .iter()
                .any(|word| said.eq_ignore_ascii_case(word)) =>
            {
                self.failed |= words::is_code(said);
                self.said_failed = true;
                self.code.get_or_insert_with(|| said.to_owned());
            }
            _ if is_none(said) => {}
            _ => {
                self.code.get_or_insert_with(|| said.to_owned());
            }
        }
    }

    fn message(&self) -> Option<&str> {
        self.messages.first().map(String::as_str)
    }

    /// `is_problem`: it is an error by its type or its place.
    fn says(&self, is_problem: bool) -> Says {
        let has_message = self.message().is_some();
        let by_status = self.status.is_some() && has_message;
        let is_bare = self.others == 0 && !self.data;
        let said_failed = self.said_failed && self.others == 0;
        let is_error = is_problem
            || self.error.is_some()
            || self.failed
            || said_failed
            || by_status
            || (self.errors.is_some() && !self.data);
        // A message alone is an error only if it says what it is about.
        if !is_error && !(is_bare && (has_message || self.code.is_some())) {
            return Says::Fine;
        }
        let mut told = Told::default();
        self.error.iter().chain(&self.errors).for_each(|value| told.read("error", value, 0));
        self.status.iter().for_each(|status| told.numbers.push(*status));
        self.code.iter().for_each(|code| told.codes.push(code.clone()));
        told.messages.extend(self.messages.iter().take(STRINGS).cloned());
        match told.refusal() {
            Some(says) => says,
            None if is_error => Says::Error,
            None => Says::Fine,
        }
    }
}

/// Whether a code says that there is no error.
fn is_none(code: &str) -> bool {
    let code = code.trim();
    code.is_empty()
        || code.bytes().all(|byte| byte == b'0')
        || matches!(code, "200" | "201" | "202" | "204")
        || ["ok", "none", "null", "false", "success", "noerror", "no_error", "no error"]
            .iter()
            .any(|word| code.eq_ignore_ascii_case(word))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => "?".to_owned(),
    }
}

/// What an error tells.
#[derive(Default)]
struct Told {
    codes: Vec<String>,
    messages: Vec<String>,
    numbers: Vec<u64>,
}

impl Told {
    fn read(&mut self, name: &str, value: &Value, depth: usize) {
        if depth > 6 || self.codes.len() + self.messages.len() + self.numbers.len() >= STRINGS {
            return;
        }
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| self.read(name, value, depth + 1)),
            Value::Array(list) => list.iter().take(ELEMENTS).for_each(|value| self.read(name, value, depth + 1)),
            Value::Number(number) => {
                let name = name.to_ascii_lowercase();
                if ["code", "status", "error"].iter().any(|piece| name.contains(piece)) {
                    self.numbers.extend(number.as_u64());
                }
            }
            Value::String(text) => {
                let name = name.to_ascii_lowercase();
                if text.bytes().all(|byte| byte.is_ascii_digit()) {
                    if ["code", "status", "error"].iter().any(|piece| name.contains(piece)) {
                        self.numbers.extend(text.parse::<u64>());
                    }
                } else if text.contains(' ') {
                    self.messages.push(text.chars().take(2048).collect());
                } else {
                    self.codes.push(text.chars().take(256).collect());
                }
            }
            Value::Null | Value::Bool(_) => {}
        }
    }

    fn refusal(&self) -> Option<Says> {
        let message = self.messages.first().map(String::as_str);
        if let Some(code) = self.codes.iter().chain(&self.messages).find(|code| words::is_code(code)) {
            let said = self.messages.iter().find(|message| *message != code);
            return Some(Says::Refusal(refusal(code, said.map(String::as_str), "content")));
        }
        if self.numbers.iter().any(|number| words::is_number(*number)) {
            return Some(Says::Refusal(refusal("", message, "content")));
        }
        let phrase = self.messages.iter().find(|message| words::is_phrase(message))?;
        Some(Says::Refusal(refusal("", Some(phrase), "content")))
    }
}

/// A scalar as text; nothing for objects, arrays and null.
struct Scalar(Option<String>);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look).map(|seen| Self(seen.1))
    }
}

/// Whether a value is there and not null.
struct Presence(bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Look).map(|seen| Self(seen.0))
    }
}

/// Looks at a value: whether it is there, and its text if it is a scalar.
struct Look;

impl<'de> Visitor<'de> for Look {
    type Value = (bool, Option<String>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut any_set = false;
        // `{"data":{"me":null},"errors":[…]}`: a field that failed is null, and so is all that was given.
        while members.next_key::<IgnoredAny>()?.is_some() {
            any_set |= members.next_value::<Set>()?.0;
        }
        Ok((any_set, None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok((true, None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok((true, Some(text.chars().take(2048).collect())))
    }

    fn visit_bool<E>(self, is: bool) -> Result<Self::Value, E> {
        Ok((true, Some(is.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok((true, Some(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok((true, Some(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok((true, Some(number.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok((false, None))
    }
}

/// Whether a value is not null, whatever it is.
struct Set(bool);

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<IgnoredAny>::deserialize(deserializer).map(|value| Self(value.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(content: &str) -> &'static str {
        match read(content.as_bytes(), false) {
            None => "none",
            Some(Says::Fine) => "fine",
            Some(Says::Refusal(_)) => "refusal",
            Some(Says::Error) => "error",
            Some(Says::Unclear) => "unclear",
        }
    }

    #[test]
    fn refusals_in_every_dialect() {
        for content in [
            r#"{"error":"invalid_token","error_description":"The token has an invalid signature"}"#,
            r#"{"error":{"code":401,"message":"Unauthorized","status":"UNAUTHENTICATED"}}"#,
            r#"{"error":{"code":498,"message":"Invalid token.","details":[]}}"#,
            r#"{"error":{"code":499,"message":"x"}}"#,
            r#"{"error":{"code":"InvalidAuthenticationToken","message":"x"}}"#,
            r#"{"odata.error":{"code":"x","message":{"lang":"en","value":"The token is expired."}}}"#,
            r#"{"ok":false,"error":"invalid_auth"}"#,
            r#"{"success":false,"message":"Token expired"}"#,
            r#"{"status":401,"message":"jwt expired"}"#,
            r#"{"statusCode":"401","message":"x"}"#,
            r#"{"code":401,"msg":"x"}"#,
            r#"{"code":40001,"msg":"invalid token"}"#,
            r#"{"errcode":40001,"errmsg":"invalid credential, access_token is invalid or not latest: invalid access token"}"#,
            r#"{"errors":[{"message":"Not authenticated","extensions":{"code":"UNAUTHENTICATED"}}],"data":null}"#,
            r#"{"data":{"me":null},"errors":[{"message":"x","extensions":{"code":"UNAUTHENTICATED"}}]}"#,
            r#"{"errors":[{"message":"You must be logged in"}]}"#,
            r#"[{"errors":[{"message":"Unauthorized"}],"data":null}]"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"Unauthorized"}}"#,
            r#"[{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"Invalid token"}}]"#,
            r#"{"fault":{"faultstring":"x","detail":{"errorcode":"oauth.v2.InvalidAccessToken"}}}"#,
            r#"[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]"#,
            r#"{"Message":"Authorization has been denied for this request."}"#,
            r#"{"detail":"Authentication credentials were not provided."}"#,
            r#"{"message":"Unauthorized"}"#,
            r#"{"__type":"UnrecognizedClientException","message":"x"}"#,
            r#"{"error":{"errors":[{"domain":"global","reason":"authError","message":"Invalid Credentials"}],"code":401}}"#,
            ")]}',\n{\"error\":\"invalid_token\"}",
            r#""Unauthorized""#,
            "{\"err\\u006fr\":\"invalid_tok\\u0065n\"}",
        ] {
            assert_eq!(says(content), "refusal", "{content}");
        }
    }

    #[test]
    fn other_errors_are_no_refusals() {
        for content in [
            r#"{"error":"name required"}"#,
            r#"{"error":{"code":404,"message":"Not found"}}"#,
            r#"{"ok":false,"error":"channel_not_found"}"#,
            r#"{"success":false}"#,
            r#"{"errors":[{"message":"Cannot query field"}],"data":null}"#,
            r#"{"errors":[{"message":"x"}]}"#,
            r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#,
            r#"{"status":503,"message":"try later"}"#,
            r#"{"status":"error","message":"no such thing"}"#,
            r#"{"error":{"code":403,"status":"PERMISSION_DENIED","message":"The caller does not have permission"}}"#,
            r#"{"errorCode":"NOT_FOUND","message":"x"}"#,
            r#"{"error":{"message":"cut in the mid"#,
        ] {
            assert_eq!(says(content), "error", "{content}");
        }
    }

    #[test]
    fn what_an_api_gives_is_no_error() {
        for content in [
            "{}",
            "[]",
            "null",
            "true",
            "12",
            r#""text""#,
            r#"{"ok":true}"#,
            r#"{"id":1,"name":"x"}"#,
            r#"{"error":null,"data":{"a":1}}"#,
            r#"{"error":"","ok":true}"#,
            r#"{"error":false}"#,
            r#"{"error":0}"#,
            r#"{"error":{"code":0,"message":"success"},"x":1}"#,
            r#"{"errcode":0,"errmsg":"ok"}"#,
            r#"{"code":0,"msg":"ok","data":{}}"#,
            r#"{"code":200,"message":"x"}"#,
            r#"{"code":"DE","name":"Germany"}"#,
            r#"{"status":"failed","id":7,"kind":"job"}"#,
            r#"{"id":7,"kind":"job","status":"error"}"#,
            r#"{"status":404,"kind":"counter"}"#,
            r#"{"errors":[]}"#,
            r#"{"took":1,"errors":true,"items":[]}"#,
            r#"{"data":{"a":1},"errors":[{"message":"Unauthorized","path":["b"]}]}"#,
            r#"{"message":"Hello"}"#,
            r#"{"value":[{"error":"invalid_token"}]}"#,
            r#"{"messages":[{"text":"your token expired"}],"message":"your token expired"}"#,
            r#"[{"jsonrpc":"2.0","id":1,"result":1},{"jsonrpc":"2.0","id":2,"error":{"code":-32001,"message":"Unauthorized"}}]"#,
            r#"[1,{"error":"x"}]"#,
            r#"{"a":{"b":"cut in the mid"#,
        ] {
            assert_eq!(says(content), "fine", "{content}");
        }
        for content in ["", "<a/>", "nonsense", "\u{1f}"] {
            assert_eq!(says(content), "none", "{content}");
        }
    }

    #[test]
    fn a_problem_is_an_error_by_its_type() {
        assert!(matches!(read(br#"{"title":"x"}"#, true), Some(Says::Error)));
        assert!(matches!(read(br#"{"title":"Unauthorized","status":401}"#, true), Some(Says::Refusal(_))));
    }
}
