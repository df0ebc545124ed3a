use serde_json::Value;

use crate::{
    http::base64,
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Token, mask},
};

/// Claims named per token.
const MOST: usize = 8;

declare_rule! {
    /// There is a token inside the token: `cty` says so, or a claim has the form of one. Actor tokens were decoded and judged
    /// themselves.
    ///
    /// # Evidence
    /// The claim's name.
    ///
    /// # Traps
    /// Server-to-server OAuth nests by design.
    pub(crate) NestedJwt = "JWT-024" "nested-jwt" Info,
    title: "There is a token inside a token",
    remedy: "Make sure the receiver validates every layer.",
    source: "RFC 7519 §5.2; RFC 8725 §3.3",
    reference: "https://www.rfc-editor.org/rfc/rfc8725#section-3.3",
}

impl Rule for NestedJwt {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_whole()) {
            let token = layer.token;
            let typed = token.parameter("cty").is_some_and(|content| content.to_ascii_lowercase().ends_with("jwt"));
            let mut places = inside(token);
            if typed {
                places.push("cty".to_owned());
            }
            if places.is_empty() {
                continue;
            }
            let list = places.join(", ");
            for draft in layer.drafts(Self::META, "claims", &list) {
                context.find(draft.detail(format!("{}: {list}", token.kind)));
            }
        }
    }
}

fn inside(token: &Token) -> Vec<String> {
    let holds = |value: &Value| value.as_str().is_some_and(is_compact);
    token.claims.iter().filter(|(_, value)| holds(value)).take(MOST).map(|(name, _)| mask::text(name)).collect()
}

/// Whether a text has the form of a compact JWS or JWE: its first part is a JSON object with `alg`.
fn is_compact(text: &str) -> bool {
    let text = text.strip_prefix("Bearer ").unwrap_or(text);
    let (Some((header, rest)), true) = (text.split_once('.'), text.starts_with("ey") || text.starts_with("ew")) else {
        return false;
    };
    let decoded = rest.contains('.').then(|| base64::decode(header)).flatten();
    let header = decoded.and_then(|decoded| serde_json::from_slice::<Value>(&decoded.bytes).ok());
    header.is_some_and(|header| header.get("alg").is_some())
}
