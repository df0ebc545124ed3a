//! Rows of tokens with what the mask hides, for whoever asks for secrets.

use serde::{Serialize, Serializer, ser::Error as _, ser::SerializeSeq as _};
use serde_json::Value;

use super::made;
use crate::{
    report::Report,
    token::{Members, Token},
};

/// The tokens of a report as objects of the schema, each made when it is asked for: there may be thousands, each with its
/// claims. With `show_secrets` also the tokens themselves.
///
/// # Errors
/// None but for a defect: an own type could not be written as JSON.
pub fn tokens(report: &Report, show_secrets: bool) -> impl Iterator<Item = Result<Value, serde_json::Error>> {
    made(report).zip(&report.tokens).map(move |(token, summary)| {
        let mut object = serde_json::to_value(token)?;
        if show_secrets {
            reveal(&mut object, &summary.token);
        }
        Ok(object)
    })
}

/// All of them as one array, of which only one at a time takes memory.
#[derive(Clone, Copy, Debug)]
pub struct TokenRows<'r> {
    /// Whose.
    pub report: &'r Report,
    /// With the tokens themselves.
    pub show_secrets: bool,
}

impl Serialize for TokenRows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.report.tokens.len()))?;
        for object in tokens(self.report, self.show_secrets) {
            array.serialize_element(&object.map_err(S::Error::custom)?)?;
        }
        array.end()
    }
}

/// Puts in what was masked: the token itself, and its header and claims as sent.
pub fn reveal(object: &mut Value, token: &Token) {
    let Some(object) = object.as_object_mut() else { return };
    object.insert("raw".to_owned(), Value::String(token.raw.reveal().to_string()));
    let mut replace = |name: &str, members: &Members| {
        if let Some(member) = object.get_mut(name).filter(|member| member.is_object()) {
            *member = Value::Object(members.to_object());
        }
    };
    replace("header", &token.header);
    replace("claims", &token.claims);
    if let (Some(actor), Some(token)) = (object.get_mut("actor"), token.actor.as_deref()) {
        reveal(actor, token);
    }
}
