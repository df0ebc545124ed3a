//! What a refusing resource says: `x-ms-diagnostics` in its three dialects, and the `error` of a Bearer challenge.
//!
//! ```text
//! Exchange     2000003;reason="The hostname component …";error_category="invalid_resource"
//! SharePoint   3005004;reason="…";category="invalid_client"
//! Skype        28020;source="fe01.contoso.com";reason="No valid security token."
//! ```
//!
//! The syntax varies (blanks around `;` and `=`, missing quotes, a trailing blank), so it is read leniently. The numbers
//! changed their meaning between builds: the category decides, the number only where there is none, and a number that
//! is not known is reported and not explained.

/// Which product wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `error_category=`, numbers 2000000 and 4000000.
    Exchange,
    /// `category=`, numbers from 3000000.
    SharePoint,
    /// Five digits and `source=`.
    SkypeForBusiness,
    /// None of these.
    Unknown,
}

/// One `x-ms-diagnostics` field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Which product wrote it.
    pub dialect: Dialect,
    /// The number in front.
    pub code: Option<u32>,
    /// `reason`.
    pub reason: Option<String>,
    /// `error_category` or `category`, in lower case.
    pub category: Option<String>,
    /// `source`.
    pub source: Option<String>,
}

/// What a category means and what to do.
#[derive(Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The category.
    pub category: &'static str,
    /// The number of Exchange builds that were seen to write it.
    pub code: u32,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

/// By category; the number serves only where a message has no category.
const EXPLANATIONS: &[Explanation] = &[
    Explanation {
        category: "invalid_signature",
        code: 2_000_000,
        meaning: "the server's copy of the issuer's keys does not fit the token's signature",
        remedy: "Run Set-AuthServer <name> -RefreshAuthMetadata and wait 15 minutes or restart IIS; check Get-AuthServer \
                 (IssuerIdentifier, TokenIssuingEndpoint, AuthMetadataUrl, Enabled).",
    },
    Explanation {
        category: "invalid_token",
        code: 2_000_001,
        meaning: "the token cannot be parsed, its layers do not fit together, or this endpoint does not take its kind",
        remedy: "Check how the caller builds the token: the user context unsigned, the actor token signed, outer iss equal \
                 to inner nameid; check that OAuth is enabled on the virtual directory.",
    },
    Explanation {
        category: "token_expired",
        code: 2_000_002,
        meaning: "the token is outside its lifetime at the server",
        remedy: "Synchronise the clocks of caller and server; restart the caller if it keeps a stale token.",
    },
    Explanation {
        category: "invalid_resource",
        code: 2_000_003,
        meaning: "the audience does not name the host the server knows itself by (often TLS offloading or a renaming proxy)",
        remedy: "Disable TLS offloading for OAuth traffic, and register the published name as a service principal name of \
                 00000002-0000-0ff1-ce00-000000000000.",
    },
    Explanation {
        category: "invalid_tenant",
        code: 2_000_004,
        meaning: "the realm in the token is no accepted domain or tenant of the server",
        remedy: "Check the realm and the accepted domains; a wildcard accepted domain does not count.",
    },
    Explanation {
        category: "invalid_user",
        code: 2_000_005,
        meaning: "the user in the token is not found, or more than one fits",
        remedy: "Correct duplicate or missing UPN, SMTP and SIP addresses and their synchronisation.",
    },
    Explanation {
        category: "invalid_client",
        code: 2_000_006,
        meaning: "the calling application is not known to the server",
        remedy: "Create or enable the partner application: New-PartnerApplication -ApplicationIdentifier <id>, \
                 Set-PartnerApplication -Enabled $true.",
    },
    Explanation {
        category: "internal_error",
        code: 2_000_007,
        meaning: "the server failed while it checked the token",
        remedy: "Look at the server's own log at this time.",
    },
    Explanation {
        category: "invalid_grant",
        code: 2_000_008,
        meaning: "the partner application has no linked account, or the account lacks the role",
        remedy: "Set-PartnerApplication -LinkedAccount <account>, and New-ManagementRoleAssignment with the roles \
                 UserApplication and ArchiveApplication.",
    },
    Explanation {
        category: "invalid_issuer",
        code: 2_000_009,
        meaning: "the issuer of the token is not among those the server trusts",
        remedy: "Create or enable the authorization server: New-AuthServer, Set-AuthServer -Enabled $true; check its \
                 AuthMetadataUrl and realm.",
    },
    Explanation {
        category: "insufficient_claims",
        code: 2_000_020,
        meaning: "tenant restrictions or claims the server asks for are not met",
        remedy: "Check tenant restrictions (Restrict-Access-Confirm) and Conditional Access.",
    },
    Explanation {
        category: "oauth_not_available",
        code: 4_000_000,
        meaning: "OAuth is off for this tenant or domain",
        remedy: "Enable modern authentication for the organisation.",
    },
];

impl Diagnostic {
    /// Reads one field value. Never fails: what cannot be read is absent.
    pub fn parse(value: &str) -> Self {
        let value = value.trim();
        let value = value.strip_prefix("diagnostics:").unwrap_or(value).trim_start();
        let mut pieces = split_outside_quotes(value).into_iter();
        let code = pieces.next().and_then(|first| first.trim().trim_matches('"').parse().ok());
        let mut diagnostic = Self { dialect: Dialect::Unknown, code, reason: None, category: None, source: None };
        let mut sharepoint = false;
        let mut exchange = false;
        for piece in split_outside_quotes(value) {
            let Some((name, text)) = piece.split_once('=') else { continue };
            let text = text.trim().trim_matches('"').trim().to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "reason" => diagnostic.reason = Some(text),
                "error_category" => {
                    exchange = true;
                    diagnostic.category = Some(text.to_ascii_lowercase());
                }
                "category" => {
                    sharepoint = true;
                    diagnostic.category.get_or_insert(text.to_ascii_lowercase());
                }
                "source" => diagnostic.source = Some(text),
                _ => {}
            }
        }
        if diagnostic.category.as_deref() == Some("insufficiant_claims") {
            diagnostic.category = Some("insufficient_claims".to_owned());
        }
        diagnostic.dialect = match code {
            _ if exchange => Dialect::Exchange,
            _ if sharepoint => Dialect::SharePoint,
            Some(2_000_000..=2_000_999 | 4_000_000..=4_000_999) => Dialect::Exchange,
            Some(3_000_000..=3_999_999) => Dialect::SharePoint,
            Some(10_000..=99_999) => Dialect::SkypeForBusiness,
            _ => Dialect::Unknown,
        };
        diagnostic
    }

    /// Whether it speaks of OAuth: then it stands for a refusal whatever the status is.
    pub const fn is_oauth(&self) -> bool {
        matches!(self.dialect, Dialect::Exchange | Dialect::SharePoint)
    }

    /// Meaning and remedy: by category, by number only without one. `None` for what is not known.
    pub fn explanation(&self) -> Option<&'static Explanation> {
        match (&self.category, self.code) {
            (Some(category), _) => explain(category),
            (None, Some(code)) if self.dialect == Dialect::Exchange => {
                EXPLANATIONS.iter().find(|explanation| explanation.code == code)
            }
            _ => None,
        }
    }
}

/// Meaning and remedy of a category at Exchange on premises.
pub fn explain(category: &str) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.category.eq_ignore_ascii_case(category))
}

/// Meaning and remedy of a number of Exchange, where it comes without a category.
pub fn explain_code(code: u32) -> Option<&'static Explanation> {
    EXPLANATIONS.iter().find(|explanation| explanation.code == code)
}

/// Pieces between `;` (and `,`, where somebody merged fields) that are not inside quotes.
fn split_outside_quotes(value: &str) -> Vec<&str> {
    let mut quoted = false;
    value
        .split(move |c: char| {
            if c == '"' {
                quoted = !quoted;
            }
            c == ';' && !quoted
        })
        .collect()
}

/// Why a server refused, from whatever it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerReason {
    /// The category, or the `error` of a challenge.
    pub category: Option<String>,
    /// The number.
    pub code: Option<u32>,
    /// The server's words.
    pub text: Option<String>,
    /// Where it was said: a field's name, or `SOAP fault`.
    pub said_in: &'static str,
    /// What it means there, and what to do (`handshake::meaning`).
    pub explained: Option<&'static Explanation>,
}

impl ServerReason {
    /// Meaning and remedy, if they are known.
    pub const fn explanation(&self) -> Option<&'static Explanation> {
        self.explained
    }

    /// One line: number, category, words.
    pub fn describe(&self) -> String {
        let code = self.code.map(|code| code.to_string());
        let parts = [code.as_deref(), self.category.as_deref(), self.text.as_deref()];
        let said: Vec<&str> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        said.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_dialects() {
        type Case = (&'static str, Dialect, Option<u32>, Option<&'static str>, Option<&'static str>);
        let cases: &[Case] = &[
            (
                "2000000;reason=\"The token has an invalid signature.\";error_category=\"invalid_signature\"",
                Dialect::Exchange,
                Some(2_000_000),
                Some("invalid_signature"),
                Some("The token has an invalid signature."),
            ),
            (
                "2000005;reason= \"The user is ambiguous; really.\" ;error_category= \"Invalid_User\" ",
                Dialect::Exchange,
                Some(2_000_005),
                Some("invalid_user"),
                Some("The user is ambiguous; really."),
            ),
            (
                "2000020;error_category=insufficiant_claims",
                Dialect::Exchange,
                Some(2_000_020),
                Some("insufficient_claims"),
                None,
            ),
            (
                "3005004;reason=\"x\";category=\"invalid_client\"",
                Dialect::SharePoint,
                Some(3_005_004),
                Some("invalid_client"),
                Some("x"),
            ),
            (
                "28020;source=\"fe01.contoso.com\";reason=\"No valid security token.\"",
                Dialect::SkypeForBusiness,
                Some(28_020),
                None,
                Some("No valid security token."),
            ),
            ("28029 Authentication type not allowed", Dialect::Unknown, None, None, None),
            ("diagnostics: 2000003", Dialect::Exchange, Some(2_000_003), None, None),
            ("", Dialect::Unknown, None, None, None),
            (";;=\"", Dialect::Unknown, None, None, None),
        ];
        for (value, dialect, code, category, reason) in cases {
            let read = Diagnostic::parse(value);
            assert_eq!((read.dialect, read.code), (*dialect, *code), "{value}");
            assert_eq!((read.category.as_deref(), read.reason.as_deref()), (*category, *reason), "{value}");
        }
    }

    #[test]
    fn the_category_decides_and_nothing_is_guessed() {
        let by = |value: &str| Diagnostic::parse(value).explanation().map(|e| e.category);
        assert_eq!(by("2000009;error_category=\"invalid_certificate\""), None);
        assert_eq!(by("2000009;error_category=\"invalid_issuer\""), Some("invalid_issuer"));
        assert_eq!(by("2000001;error_category=\"invalid_grant\""), Some("invalid_grant"));
        assert_eq!(by("2000004"), Some("invalid_tenant"));
        assert_eq!(by("2000011;reason=\"?\""), None);
        assert_eq!(by("28020;reason=\"No valid security token.\""), None);
    }
}
