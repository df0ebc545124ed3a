//! What is expected, as data: callers, resources, issuers, paths.
//!
//! Tenants register applications of their own and clouds differ in their issuers, so nothing of this is code: built-in
//! profiles are TOML files beside this module, and a user's file may extend one of them:
//!
//! ```toml
//! name = "contoso"
//! extends = "exchange-s2s"
//! realms = ["7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f"]
//!
//! [[callers]]
//! id = "11111111-2222-4333-8444-555555555555"
//! name = "Dedicated Exchange hybrid application"
//! ```
//!
//! Lists of a file are put before those of the profile it extends, so that its endpoints decide first; other values
//! replace. What a user's file can change about findings is in [`crate::profile::exceptions`].

pub mod applications;
pub mod exceptions;
pub(crate) mod file;
mod form;
pub(crate) mod nearest;

use std::sync::Arc;

use serde::{Deserialize, Deserializer};

pub use self::{
    file::ProfileError,
    form::{AnswerPattern, Form},
};
use crate::{
    hosts,
    profile::exceptions::Exceptions,
    token::{Token, principal::Principal},
};

/// Which question is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Judgement {
    /// Did OAuth from an expected caller work, and was Basic never sent?
    ServerToServer,
    /// Was any bearer token accepted, and was Basic never sent?
    Bearer,
}

/// An application that calls or is called.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// Application id.
    pub id: String,
    /// For people.
    pub name: String,
    /// The edition or date it became expected.
    #[serde(default)]
    pub since: Option<String>,
    /// It is being replaced by the others.
    #[serde(default)]
    pub legacy: bool,
    /// Where that is written.
    #[serde(default)]
    pub source: Option<String>,
    /// When that was last looked up.
    #[serde(default)]
    pub checked: Option<String>,
}

/// An issuer that may sign actor tokens: a principal `id@realm` with realm `*` for any, or a URL ending in `*`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// The pattern.
    pub issuer: String,
    /// For people.
    #[serde(default)]
    pub name: Option<String>,
    /// Where that is written.
    #[serde(default)]
    pub source: Option<String>,
}

impl Issuer {
    /// Whether an `iss` value fits. Ids are compared without letter case, realms with it, as [MS-XOAUTH] 3.2.5.6 does.
    pub fn admits(&self, issuer: &str) -> bool {
        match (Principal::parse(&self.issuer), Principal::parse(issuer)) {
            (Some(pattern), Some(found)) => {
                pattern.is(&found.name)
                    && pattern.realm().is_none_or(|realm| realm == "*" || found.realm().is_none_or(|r| r == realm))
            }
            (None, None) => {
                hosts::glob(self.issuer.to_ascii_lowercase().as_bytes(), issuer.to_ascii_lowercase().as_bytes())
            }
            _ => false,
        }
    }
}

/// How an endpoint's path is compared, always in lower case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// The path, or a folder it is in.
    #[default]
    Prefix,
    /// Anywhere; a folder also at the end, without its slash.
    Contains,
    /// The end of the path, a slash behind it aside.
    Suffix,
}

impl Place {
    /// Whether `path` is at this place of what `pattern` says.
    fn matches(self, pattern: &str, path: &str) -> bool {
        match self {
            Self::Contains => {
                let folder = pattern.strip_suffix('/').unwrap_or(pattern);
                memchr::memmem::find(path.as_bytes(), pattern.as_bytes()).is_some() || path.ends_with(folder)
            }
            Self::Suffix => path.trim_end_matches('/').ends_with(pattern),
            Self::Prefix => path
                .strip_prefix(pattern)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || pattern.ends_with('/')),
        }
    }
}

/// What an endpoint is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndpointKind {
    /// A resource that takes tokens.
    Resource,
    /// Anonymous by design; no token is expected.
    Anonymous,
    /// Published keys and configuration.
    Metadata,
    /// A token endpoint.
    Token,
}

/// An endpoint by its path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointPattern {
    /// The path in lower case.
    pub path: String,
    /// How it is compared.
    #[serde(default)]
    pub place: Place,
    /// What it is for.
    pub kind: EndpointKind,
    /// Whose it is.
    #[serde(deserialize_with = "shared")]
    pub product: Arc<str>,
    /// The path tells by itself that its host is of interest.
    #[serde(default)]
    pub alone: bool,
}

fn shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    String::deserialize(deserializer).map(Into::into)
}

impl EndpointPattern {
    /// Whether a path in lower case fits.
    pub fn matches(&self, path: &str) -> bool {
        self.place.matches(&self.path, path)
    }
}

/// What is expected of the traffic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name, as the report shows it.
    pub name: String,
    /// One sentence: what a pass means.
    pub title: String,
    /// Which question is answered.
    pub judgement: Judgement,
    /// Who is expected to call.
    pub callers: Vec<Application>,
    /// Who is called.
    pub resources: Vec<Application>,
    /// Who may sign actor tokens.
    pub issuers: Vec<Issuer>,
    /// Realms callers may be of; any if empty.
    pub realms: Vec<String>,
    /// Hosts (with `*`) the scope is limited to; that which the traffic tells if empty.
    pub hosts: Vec<String>,
    /// Paths.
    pub endpoints: Vec<EndpointPattern>,
    /// What the endpoints give.
    pub answers: Vec<AnswerPattern>,
    /// Hosts (with `*`) of token endpoints.
    pub token_hosts: Vec<String>,
    /// Ends of paths of endpoints where clients authenticate.
    pub token_paths: Vec<String>,
    /// Only tokens of the profile's issuers count as accepted.
    pub issuers_only: bool,
    /// Beginnings of keys that are meant to be published: they name a project and permit nothing.
    pub publishable: Vec<String>,
    /// Hosts (with `*`) that collect statistics and errors.
    pub analytics: Vec<String>,
    /// Pieces of the path and the query of a URL to which a redirect sends who is not signed in.
    pub login_paths: Vec<String>,
    /// First labels of the names of hosts where somebody signs in.
    pub login_hosts: Vec<String>,
    /// Pieces of the callers' `User-Agent`.
    pub user_agents: Vec<String>,
    /// Hosts (with `*`) that relay for a resource of another name.
    pub relays: Vec<String>,
    /// Severities and ignores of the user's.
    pub exceptions: Exceptions,
}

impl Profile {
    /// Names of the built-in profiles.
    pub const BUILTIN: [&str; 4] = ["exchange-s2s", "generic", "entra", "sharepoint-s2s"];

    /// The text of a built-in profile.
    pub fn builtin_text(name: &str) -> Option<&'static str> {
        Some(match name {
            "exchange-s2s" => include_str!("exchange-s2s.toml"),
            "generic" => include_str!("generic.toml"),
            "entra" => include_str!("entra.toml"),
            "sharepoint-s2s" => include_str!("sharepoint-s2s.toml"),
            _ => return None,
        })
    }

    /// A built-in profile.
    ///
    /// # Errors
    /// [`ProfileError::Unknown`] if none has that name.
    pub fn builtin(name: &str) -> Result<Self, ProfileError> {
        let text = Self::builtin_text(name).ok_or_else(|| ProfileError::Unknown { name: name.to_owned() })?;
        Self::read(text, &[])
    }

    /// The expected caller of that id, letter case aside.
    pub fn caller(&self, id: &str) -> Option<&Application> {
        self.callers.iter().find(|caller| caller.id.eq_ignore_ascii_case(id))
    }

    /// The resource of that id, letter case aside.
    pub fn resource(&self, id: &str) -> Option<&Application> {
        self.resources.iter().find(|resource| resource.id.eq_ignore_ascii_case(id))
    }

    /// Whether an `iss` value may sign actor tokens.
    pub fn admits_issuer(&self, issuer: &str) -> bool {
        self.issuers.iter().any(|known| known.admits(issuer))
    }

    /// The endpoint a path in lower case belongs to.
    pub fn endpoint(&self, path: &str) -> Option<&EndpointPattern> {
        self.endpoints.iter().find(|endpoint| endpoint.matches(path))
    }

    /// The forms in which a path in lower case answers; none if it answers anyone, or nothing is known of it.
    pub fn forms(&self, path: &str) -> &[Form] {
        self.answers.iter().find(|answer| answer.matches(path)).map_or(&[], |answer| &answer.forms)
    }

    /// Whether the host collects statistics and errors, and is nobody's API.
    pub fn is_analytics(&self, host: &str) -> bool {
        fits_any(&self.analytics, hosts::bare(host))
    }

    /// Whether a token is a key that is meant to be published. Supabase's is a JWT with the role `anon`.
    pub fn is_publishable(&self, token: &Token) -> bool {
        let raw = token.raw.reveal();
        let anonymous = || {
            token.claim("role").is_some_and(|role| role == "anon")
                && token.claim("iss").is_some_and(|issuer| issuer.starts_with("supabase"))
        };
        self.publishable.iter().any(|beginning| raw.starts_with(beginning.as_str())) || anonymous()
    }

    /// Whether the host is known for its token endpoints.
    pub fn is_token_host(&self, host: &str) -> bool {
        fits_any(&self.token_hosts, hosts::bare(host))
    }

    /// Whether the path in lower case ends as endpoints do where clients authenticate.
    pub fn is_token_path(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.token_paths.iter().any(|end| path.ends_with(end.as_str()))
    }

    /// Whether the host relays for a resource of another name.
    pub fn is_relay(&self, host: &str) -> bool {
        fits_any(&self.relays, hosts::bare(host))
    }

    /// A name for an application id: this profile's, else the published one.
    pub fn application_name(&self, id: &str) -> Option<&str> {
        let own = self.caller(id).or_else(|| self.resource(id)).map(|application| application.name.as_str());
        own.or_else(|| applications::application_name(id))
    }
}

fn fits_any(patterns: &[String], host: &str) -> bool {
    patterns.iter().any(|pattern| hosts::glob(pattern.as_bytes(), host.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::principal::is_guid;

    #[test]
    fn the_built_in_profiles_are_whole() {
        for name in Profile::BUILTIN {
            let profile = Profile::builtin(name).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(profile.name, name);
            assert!(profile.callers.iter().chain(&profile.resources).all(|a| is_guid(&a.id)), "{name}");
            assert!(profile.endpoints.iter().all(|e| e.path.starts_with('/')), "{name}");
            assert!(!profile.token_hosts.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_profile_extends_another() {
        let text =
            "name = \"own\"\nextends = \"exchange-s2s\"\nrealms = [\"t\"]\n[[callers]]\nid = \"a\"\nname = \"Own\"";
        let profile = Profile::from_toml(text).unwrap();
        assert_eq!((profile.callers.len(), profile.caller("A").unwrap().name.as_str()), (4, "Own"));
        assert_eq!((profile.judgement, profile.realms.as_slice()), (Judgement::ServerToServer, &["t".to_owned()][..]));
    }

    #[test]
    fn a_bad_profile_is_refused() {
        for text in [
            "name = 1",
            "name = \"x\"\nunknown = 1",
            "name = \"x\"",
            "name = \"x\"\nextends = \"nothing\"",
            "name = \"x\"\n[[callers]]\nid = \"a\"\nname = \"b\"\nextra = 1",
        ] {
            assert!(Profile::from_toml(text).is_err(), "{text}");
        }
        assert!(Profile::builtin("nothing").unwrap_err().to_string().contains("exchange-s2s"));
    }

    #[test]
    fn issuers_are_compared_by_their_kind() {
        let profile = Profile::builtin("exchange-s2s").unwrap();
        for (issuer, admitted) in [
            ("00000001-0000-0000-c000-000000000000@7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f", true),
            ("00000001-0002-0000-C000-000000000000@", true),
            ("https://sts.windows.net/7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f/", true),
            ("https://evil.test/?https://sts.windows.net/", false),
            ("00000002-0000-0000-c000-000000000000@7f9c", false),
            ("", false),
        ] {
            assert_eq!(profile.admits_issuer(issuer), admitted, "{issuer}");
        }
        let pinned = Issuer { issuer: "a@realm".into(), name: None, source: None };
        assert!(pinned.admits("A@realm") && !pinned.admits("a@Realm"));
    }

    #[test]
    fn endpoints_of_sharepoint() {
        let profile = Profile::builtin("sharepoint-s2s").unwrap();
        let kind = |path: &str| profile.endpoint(path).map(|e| (e.kind, e.alone));
        for path in [
            "/_api/web/title",
            "/sites/team/_api/web",
            "/sites/team/_api",
            "/_vti_bin/client.svc/processquery",
            "/sites/team/_vti_bin/lists.asmx",
        ] {
            assert_eq!(kind(path), Some((EndpointKind::Resource, true)), "{path}");
        }
        assert_eq!(kind("/_layouts/15/metadata/json/1"), Some((EndpointKind::Metadata, false)));
        assert_eq!((kind("/sites/team_api/x"), kind("/_apix")), (None, None));
    }

    #[test]
    fn endpoints_by_path() {
        let profile = Profile::builtin("exchange-s2s").unwrap();
        let kind = |path: &str| profile.endpoint(path).map(|e| (e.kind, e.alone));
        assert_eq!(kind("/ews/exchange.asmx"), Some((EndpointKind::Resource, true)));
        assert_eq!(kind("/ewsx"), None);
        assert_eq!(kind("/autodiscover/autodiscover.json"), Some((EndpointKind::Anonymous, false)));
        assert_eq!(kind("/autodiscover/autodiscover.json/v1.0/a@b.test"), Some((EndpointKind::Anonymous, false)));
        assert_eq!(kind("/autodiscover/metadata/json/1"), Some((EndpointKind::Metadata, false)));
        assert_eq!(kind("/api/v2.0/me"), Some((EndpointKind::Resource, false)));
        assert!(profile.is_token_path("/t/tokens/oauth/2") && profile.is_token_path("/common/oauth2/v2.0/token/"));
        assert!(!profile.is_token_path("/tokens"));
        assert!(profile.is_token_host("login.microsoftonline.com") && !profile.is_token_host("login.contoso.com"));
    }
}
