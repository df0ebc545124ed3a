use serde_json::Value;

use crate::{
    rules::{Context, Declared, Rule, Summary, declare_rule},
    token::{Token, mask},
};

/// Roles and scopes named per token.
const MOST: usize = 8;

declare_rule! {
    /// The token grants much: all mailboxes, everything of a kind (`….All`), or a directory role.
    ///
    /// # Evidence
    /// `roles`, `scp` or `wids`.
    ///
    /// # Traps
    /// It is a description, no fault: the grant may be wanted.
    pub(crate) Privilege = "JWT-022" "privilege" Info,
    title: "A token grants wide permissions",
    remedy: "Grant less where it serves: scoped RBAC for applications instead of full_access_as_app, the role \
             TeamsSchedulerRole instead of UserApplication.",
    source: "RFC 9700 §2.3; Microsoft Entra access token claims reference",
    reference: "https://www.rfc-editor.org/rfc/rfc9700#section-2.3",
}

impl Rule for Privilege {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        for layer in super::layers(context.ledger).filter(|layer| layer.is_readable() && layer.is_used()) {
            let granted = granted(layer.token);
            if granted.is_empty() {
                continue;
            }
            let list = mask::text(&granted.join(", "));
            for draft in layer.drafts(Self::META, "permissions", &list) {
                context.find(draft.detail(list.clone()));
            }
        }
    }
}

fn granted(token: &Token) -> Vec<String> {
    let values = |claim: &str| -> Vec<String> {
        match token.claims.get(claim) {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            Some(Value::String(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    };
    let wide = |name: &String| name.eq_ignore_ascii_case("full_access_as_app") || name.ends_with(".All");
    let mut all: Vec<String> = values("roles").into_iter().chain(values("scp")).filter(wide).take(MOST).collect();
    // Every user of a directory has the first; it grants nothing (the default role).
    let member = "b79fbf4d-3ef9-4689-8143-76b194e85509";
    let roles = values("wids").into_iter().filter(|id| !id.eq_ignore_ascii_case(member)).count();
    if roles > 0 {
        all.push(format!("{roles} directory roles"));
    }
    all
}
