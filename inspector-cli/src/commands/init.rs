//! `inspector init`: a profile to begin with, filled with what a recording shows.
//!
//! What is written loads as it is. What would trust somebody (a caller, an issuer) or narrow what is judged (hosts) is
//! proposed as a comment: that is for the user to decide.

use std::{
    fs::OpenOptions,
    io::{self, Write},
};

use inspector_core::{
    evidence::Evidence,
    profile::Profile,
    report::Report,
    token::{
        Token,
        principal::{Principal, is_guid},
    },
};

use super::judging;
use crate::{
    args::{self, Init},
    exit::{Exit, Failure},
    output::human::place,
};

/// Values of a kind that are proposed.
const MOST: usize = 20;
/// Longest value that is proposed, in bytes: what is longer is no name of a realm or a host.
const LONGEST: usize = 255;

/// Runs the command.
pub(crate) fn run(init: &Init) -> Result<Exit, Failure> {
    let base = Profile::builtin(&init.profile)
        .map_err(|error| Failure::Usage(format!("{error}. A profile extends one of these")))?;
    let seen = match init.paths.as_slice() {
        [] => Seen::default(),
        _ => {
            let (reading, judging) = asked(init);
            let judged = judging::judge(&reading, &judging, &judging::Asked::default())?;
            Seen::of(&judged.report, &base)
        }
    };
    let text = profile(&base, &seen);
    match &init.output {
        None => io::stdout().lock().write_all(text.as_bytes())?,
        Some(path) => {
            let refused = |error: &io::Error| match error.kind() {
                io::ErrorKind::AlreadyExists => "it is there already, and is not overwritten".to_owned(),
                _ => error.to_string(),
            };
            let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
                Failure::Usage(format!("cannot write '{}' (--output): {}", path.display(), refused(&error)))
            })?;
            file.write_all(text.as_bytes())?;
        }
    }
    Ok(Exit::Pass)
}

fn asked(init: &Init) -> (args::Reading, args::Judging) {
    let reading = args::Reading {
        no_found_keys: false,
        time: None,
        paths: init.paths.clone(),
        keys: init.keys.clone(),
        key_texts: Vec::new(),
        config: args::ConfigFile::default(),
        host: Vec::new(),
        output: None,
        show_secrets: false,
        jobs: None,
        max_memory: init.max_memory,
        quiet: init.quiet,
        color: args::Color::Never,
    };
    let judging = args::Judging {
        profile: init.profile.clone(),
        realm: None,
        jwks: Vec::new(),
        at: "capture".to_owned(),
        agreed: args::Agreed::default(),
    };
    (reading, judging)
}

/// A value and where it was seen first.
struct Sight {
    value: String,
    place: String,
}

/// What a recording shows that a profile can name.
#[derive(Default)]
struct Seen {
    /// Realms of expected callers that called.
    realms: Vec<Sight>,
    /// Realms of other tokens.
    other_realms: Vec<Sight>,
    /// Hosts in scope.
    hosts: Vec<Sight>,
    /// Application ids the base does not expect.
    applications: Vec<Sight>,
    /// Issuers of actor tokens the base does not know.
    issuers: Vec<Sight>,
}

impl Seen {
    fn of(report: &Report, base: &Profile) -> Self {
        let mut seen = Self::default();
        for handshake in &report.handshakes {
            let Some(step) = handshake.steps.first() else { continue };
            let token = report.tokens.iter().find(|summary| Some(summary.token.id) == handshake.token);
            let place = place::words(token.map_or(&step.evidence, |summary| &summary.first), report);
            if handshake.in_scope {
                push(&mut seen.hosts, &handshake.resource, &place);
            }
            let caller = handshake.caller.as_deref().and_then(Principal::parse);
            if let Some(realm) = caller.as_ref().filter(|_| handshake.expected).and_then(Principal::realm) {
                push(&mut seen.realms, realm, &place);
            }
        }
        for summary in &report.tokens {
            let mut layer = Some(&*summary.token);
            while let Some(token) = layer {
                seen.token(token, &summary.first, report, base);
                layer = token.actor.as_deref();
            }
        }
        seen
    }

    fn token(&mut self, token: &Token, first: &Evidence, report: &Report, base: &Profile) {
        let place = place::words(first, report);
        let principals: Vec<&Principal> =
            [token.issuer(), token.name_id()].into_iter().flatten().filter(|it| it.is_guid()).collect();
        for principal in &principals {
            let realm = principal.realm().filter(|realm| *realm != "*" && !realm.is_empty());
            if let Some(realm) = realm.filter(|realm| !self.realms.iter().any(|known| known.value == **realm)) {
                push(&mut self.other_realms, realm, &place);
            }
        }
        let issuer = token.claim("iss").filter(|_| token.actor.is_none());
        let own = |issuer: &str| Principal::parse(issuer).is_some_and(|it| base.caller(&it.name).is_some());
        let foreign = issuer.filter(|issuer| {
            let principal = Principal::parse(issuer).is_some_and(|it| it.is_guid());
            principal
                && !base.admits_issuer(issuer)
                && !own(issuer)
                && token.kind == inspector_core::token::TokenKind::S2sActor
        });
        if let Some(issuer) = foreign {
            push(&mut self.issuers, &issuer, &place);
        }
        let claimed = ["appid", "azp"].into_iter().filter_map(|name| token.claim(name));
        let ids = claimed.map(std::borrow::Cow::into_owned).chain(principals.iter().map(|it| it.name.to_string()));
        for id in ids.filter(|id| is_guid(id)) {
            let known = base.caller(&id).is_some() || base.resource(&id).is_some();
            let signs = base.issuers.iter().any(|issuer| issuer.issuer.starts_with(&*id.to_ascii_lowercase()));
            if !known && !signs {
                push(&mut self.applications, &id.to_ascii_lowercase(), &place);
            }
        }
    }
}

/// Keeps a value, once, if it can be what it is proposed as: letters, digits and a few signs.
fn push(list: &mut Vec<Sight>, value: &str, place: &str) {
    let is_sensible = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:@/[]*".contains(&byte);
    let sensible = !value.is_empty() && value.len() <= LONGEST && value.bytes().all(is_sensible);
    if sensible && list.len() < MOST && !list.iter().any(|known| known.value == value) {
        list.push(Sight { value: value.to_owned(), place: one_line(place) });
    }
}

/// A text for a comment of one line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if crate::output::escape::is_harmful(c) { '?' } else { c }).collect()
}

/// The text of the profile.
fn profile(base: &Profile, seen: &Seen) -> String {
    let mut text = format!(
        "# What `inspector check --profile FILE` expects, and how it judges. Only `name` is needed; whatever is left out is\n\
         # as in the profile this one extends, which is one of {known}.\n\
         # Lists are added to those of that profile.\n\
         name = \"own\"\n\
         extends = \"{}\"\n",
        base.name,
        known = Profile::BUILTIN.join(", "),
    );
    text.push_str(
        "\n# Realms callers may be of: tenant ids, or SIP domains on premises. Any, if there is none.\n\
         # Beware: other tenants' tokens count as somebody else's once this is set.\n",
    );
    list(&mut text, "realms", &seen.realms, "7f9c2b1e-4d3a-4c58-9f21-0a1b2c3d4e5f", true);
    for sight in &seen.other_realms {
        text.push_str(&format!("# Seen too, in {}: \"{}\"\n", sight.place, sight.value));
    }
    text.push_str(
        "\n# Hosts that are judged, like --host. Without them the traffic tells; with them, what is sent to other hosts does\n\
         # not count, so name all that matter.\n",
    );
    list(&mut text, "hosts", &seen.hosts, "mail.contoso.com", false);
    text.push_str(
        "\n# Applications of your own that may call: the dedicated hybrid application has an id of its own in every tenant.\n\
         # Whoever is named here counts as expected, so name only what you registered.\n",
    );
    applications(&mut text, base, &seen.applications);
    text.push_str(
        "\n# Issuers that may sign actor tokens, besides callers that sign their own: `id@realm`, with * for any realm.\n",
    );
    let issuer = Sight { value: "00000001-0000-0000-c000-000000000000@*".to_owned(), place: String::new() };
    for sight in if seen.issuers.is_empty() { std::slice::from_ref(&issuer) } else { &seen.issuers } {
        text.push_str(&format!("# [[issuers]]\n# issuer = \"{}\"{}\n", sight.value, seen_in(sight)));
    }
    text.push_str(REST);
    text
}

fn seen_in(sight: &Sight) -> String {
    if sight.place.is_empty() { String::new() } else { format!("  # seen in {}", sight.place) }
}

/// `realms = […]`, one a line with its place; as a comment where nothing was seen or where the user has to decide.
fn list(text: &mut String, name: &str, sights: &[Sight], example: &str, active: bool) {
    if sights.is_empty() {
        text.push_str(&format!("# {name} = [\"{example}\"]\n"));
        return;
    }
    let front = if active { "" } else { "# " };
    text.push_str(&format!("{front}{name} = [\n"));
    for sight in sights {
        text.push_str(&format!("{front}    \"{}\",{}\n", sight.value, seen_in(sight)));
    }
    text.push_str(&format!("{front}]\n"));
}

fn applications(text: &mut String, base: &Profile, sights: &[Sight]) {
    if sights.is_empty() {
        text.push_str(
            "# [[callers]]\n# id = \"11111111-2222-4333-8444-555555555555\"\n# name = \"Dedicated Exchange hybrid application\"\n",
        );
    }
    for sight in sights {
        let name = base.application_name(&sight.value).unwrap_or("Name it");
        text.push_str(&format!("# [[callers]]\n# id = \"{}\"{}\n# name = \"{name}\"\n", sight.value, seen_in(sight)));
    }
}

/// What no recording tells.
const REST: &str = "
# Severities of rules, by code or name (`inspector rules` lists them): critical, high, medium, low or info.
# A critical finding that decides the outcome stays at least high.
# [severities]
# BAS-003 = \"low\"

# Findings that are known: they are counted apart, with the reason, until the end of that day (UTC).
# What blocks a pass and what is critical for the outcome cannot be ignored.
# [[ignores]]
# rule = \"BAS-001\"
# host = \"mail.contoso.com\"
# reason = \"The probe of the load balancer; replaced in spring\"
# until = 2027-03-31

# Endpoints by their paths; `kind` is resource, token, metadata or anonymous. The first that fits decides.
# [[endpoints]]
# path = \"/api/calendar\"
# kind = \"resource\"
# product = \"Exchange\"
# alone = true

# Token endpoints besides the known ones, by host (with *) and by the end of the path.
# [tokens]
# hosts = [\"sts.contoso.com\"]
# paths = [\"/adfs/oauth2/token\"]
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_loads_also_with_every_comment_taken_as_it_is() {
        for name in Profile::BUILTIN {
            let base = Profile::builtin(name).unwrap();
            let text = profile(&base, &Seen::default());
            let loaded = Profile::from_toml(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!((loaded.judgement, loaded.realms.len()), (base.judgement, base.realms.len()));
            // Comments of one blank are examples.
            let active: Vec<&str> = text.lines().map(|line| example(line).unwrap_or(line)).collect();
            let loaded = Profile::from_toml(&active.join("\n"))
                .unwrap_or_else(|error| panic!("{name}: {error}\n{}", active.join("\n")));
            assert_eq!(loaded.callers.len(), base.callers.len() + 1, "{name}");
            assert_eq!((loaded.hosts.len(), loaded.realms.len()), (1, 1), "{name}");
            assert_eq!((loaded.exceptions.ignores.len(), loaded.exceptions.severities.len()), (1, 1), "{name}");
        }
    }

    /// The example in a comment, if it is one.
    fn example(line: &str) -> Option<&str> {
        let text = line.strip_prefix("# ")?;
        let begins = |names: &[&str]| {
            names.iter().any(|name| text.strip_prefix(name).is_some_and(|rest| rest.starts_with(" = ")))
        };
        let keys = [
            "realms", "hosts", "id", "name", "issuer", "rule", "host", "reason", "until", "path", "paths", "kind",
            "product", "alone", "BAS-003",
        ];
        (text.starts_with('[') || begins(&keys)).then_some(text)
    }

    #[test]
    fn hostile_values_are_not_proposed() {
        let mut list = Vec::new();
        for value in ["", "a\"b", "a\nb", "\u{202e}x", "a b", &"x".repeat(256)] {
            push(&mut list, value, "here");
        }
        assert!(list.is_empty());
        push(&mut list, "contoso.com", "a\nb.har");
        assert_eq!(list[0].place, "a?b.har");
    }
}
