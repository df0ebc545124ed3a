//! Other names in place of those that tell who somebody is: users, hosts, tenants, and addresses.
//!
//! ```text
//! megan@contoso.com        bodak@tesilan.com         a name is a name of the same length, the same wherever it stands
//! mail.contoso.com         mail.tesilan.com          of a host what it is for stays, and what anybody registers under
//! 7f9c2b1e-4d3a-…          41c07ae2-9b50-…           a tenant is another one
//! 203.0.113.7              217.4.162.9               addresses of one network stay in one network
//! ```
//!
//! Every name keeps its length, so that nothing around it changes, in a capture either. What a name becomes depends on it
//! and on a key, and on nothing else but that two never become one: with the same key other recordings get the same names.
//! Names are learnt from the exchanges ([`Pseudonyms::learn`]), and found again wherever they stand, also in base64 and behind
//! `%`. Names of services that are everybody's (`accounts.accesscontrol.windows.net`), application ids, loopback and private
//! networks stay: they tell nothing, and the judgement rests on them.

pub(super) mod address;
mod domain;
mod name;
mod places;

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use aho_corasick::{AhoCorasick, MatchKind};

use super::{base, search::Search, word::is_word};
use crate::{
    connection::ConnectionReport,
    exchange::Exchange,
    http::auth::CredentialsKind,
    limits::Limits,
    token::{Token, extract, interner::Interner, principal::Principal},
};
use name::Key;

/// Encodings inside encodings that are looked into.
const DEPTH: usize = 4;
/// Names of a few letters run out after so many attempts: then two may become one.
const ATTEMPTS: u32 = 2000;
/// Names that are remembered.
const MOST: usize = 100_000;

/// What is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Who {
    /// Names of users, by themselves and in front of an `@`, and security identifiers.
    Users,
    /// Names of hosts and the domains they are in.
    Hosts,
    /// IP addresses.
    Addresses,
    /// Identifiers of tenants.
    Tenants,
}

impl Who {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Users, Self::Hosts, Self::Addresses, Self::Tenants];

    /// The word on the command line and of the receipt.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Hosts => "hosts",
            Self::Addresses => "addresses",
            Self::Tenants => "tenants",
        }
    }

    /// The one of that word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|who| who.as_str() == word)
    }
}

/// Knows the names of a run, and what they become.
pub struct Pseudonyms {
    who: HashSet<Who>,
    key: Key,
    /// Names in lower case, and what stands for them.
    known: HashMap<Box<str>, (Who, Box<str>), foldhash::fast::RandomState>,
    /// What stands for a name already.
    taken: HashSet<Box<str>, foldhash::fast::RandomState>,
    finder: Option<AhoCorasick>,
    patterns: Vec<Box<str>>,
    counts: BTreeMap<Who, u64>,
    addresses: HashSet<std::net::IpAddr, foldhash::fast::RandomState>,
    overflowed: bool,
}

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pseudonyms").field("who", &self.who).field("names", &self.known.len()).finish_non_exhaustive()
    }
}

impl Pseudonyms {
    /// Replaces these, by a key that nobody else should know: who knows it can try names.
    pub fn new(who: impl IntoIterator<Item = Who>, key: &[u8]) -> Self {
        Self {
            who: who.into_iter().collect(),
            key: Key::new(key),
            known: HashMap::default(),
            taken: HashSet::default(),
            finder: None,
            patterns: Vec::new(),
            counts: BTreeMap::new(),
            addresses: HashSet::default(),
            overflowed: false,
        }
    }

    fn does(&self, who: Who) -> bool {
        self.who.contains(&who)
    }

    /// Learns the names of an exchange.
    pub fn learn(&mut self, exchange: &Exchange, limits: &Limits) {
        let names = exchange.tls.iter().filter_map(|tls| tls.server_name.as_deref());
        names.for_each(|name| self.host(name));
        if let Some(authority) = exchange.authority() {
            self.host(&crate::host::of_authority(&authority));
        }
        if let Some(request) = &exchange.request {
            for host in request.head.values("host").filter_map(|value| std::str::from_utf8(value).ok()) {
                self.host(&crate::host::of_authority(host));
            }
        }
        let mut interner = Interner::new(limits);
        let found = extract::extract(exchange, &mut interner, limits);
        for credentials in &found.credentials {
            if let CredentialsKind::Basic(basic) = &credentials.kind {
                self.user(&basic.user);
            }
        }
        found.passwords.iter().for_each(|password| self.user(&password.user));
        for sighting in &found.sightings {
            self.token(&sighting.token);
        }
        for message in [&exchange.request, &exchange.response].into_iter().flatten() {
            self.text_learnt(message.head.bytes());
            self.text_learnt(message.body.kept.as_deref().unwrap_or_default());
        }
    }

    fn text_learnt(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        for name in places::named(&text) {
            match name {
                places::Named::Mail(local, domain) => {
                    self.user(local);
                    self.host(domain);
                }
                places::Named::Host(host) => self.host(host),
                places::Named::User(user) => self.user(user),
                places::Named::Tenant(tenant) => self.tenant(tenant),
            }
        }
    }

    fn token(&mut self, token: &Token) {
        const OF_USER: [&str; 12] = [
            "upn",
            "unique_name",
            "preferred_username",
            "email",
            "smtp",
            "name",
            "given_name",
            "family_name",
            "nickname",
            "winaccountname",
            "samaccountname",
            "onprem_sam_account_name",
        ];
        for claim in OF_USER {
            if let Some(value) = token.claim(claim) {
                self.user(&value);
            }
        }
        for claim in ["tid", "tenantid", "tenant_id", "realm"] {
            if let Some(value) = token.claim(claim) {
                self.tenant(&value);
            }
        }
        let named = ["iss", "aud", "nameid", "identityprovider", "appctxsender"].map(|claim| token.claim(claim));
        for text in named.into_iter().flatten() {
            if let Some(principal) = Principal::parse(&text) {
                principal.realm().into_iter().for_each(|realm| self.tenant(realm));
                principal.host.iter().for_each(|host| self.host(&crate::host::of_authority(host)));
            }
            self.text_learnt(text.as_bytes());
        }
        if let Some(actor) = &token.actor {
            self.token(actor);
        }
    }

    /// `megan`, `CONTOSO\megan`, `megan@contoso.com`, `Megan Bowen`.
    fn user(&mut self, user: &str) {
        let user = user.trim();
        if let Some((domain, name)) = user.split_once('\\') {
            self.domain_of_users(domain);
            return self.user(name);
        }
        if let Some((local, domain)) = user.split_once('@') {
            self.host(domain);
            return self.user(local);
        }
        if self.does(Who::Users) {
            // Parts of a full name stand by themselves, too.
            let whole = std::iter::once(user);
            let parts = user.split(' ').filter(|part| part.len() < user.len());
            for part in whole.chain(parts).filter(|part| name::tells(part)) {
                self.add(Who::Users, part);
            }
        }
    }

    /// What stands in front of a backslash: the first label of a domain, mostly.
    fn domain_of_users(&mut self, domain: &str) {
        if self.does(Who::Hosts) && name::tells(domain) && !domain.contains('.') && !domain::is_common(domain) {
            self.add(Who::Hosts, domain);
        } else if domain.contains('.') {
            self.host(domain);
        }
    }

    fn host(&mut self, host: &str) {
        if !self.does(Who::Hosts) || host.parse::<std::net::IpAddr>().is_ok() {
            return;
        }
        for (label, next) in domain::telling(&host.to_ascii_lowercase()) {
            if label.len() >= name::SHORTEST {
                self.add(Who::Hosts, label);
            } else if !next.is_empty() {
                // A short one is a part of other words, and is told by the one behind it.
                self.add_as(Who::Hosts, &format!("{label}.{next}"), label.len());
            }
        }
    }

    fn tenant(&mut self, tenant: &str) {
        if crate::redact::opaque::is_uuid(tenant) {
            if self.does(Who::Tenants) && !name::is_everybodys(tenant) {
                self.add(Who::Tenants, tenant);
            }
        } else {
            self.host(tenant);
        }
    }

    fn add(&mut self, who: Who, name: &str) {
        self.add_as(who, name, name.len());
    }

    /// Adds a name of which only the first so many letters change.
    fn add_as(&mut self, who: Who, name: &str, changed: usize) {
        let lower = name.to_lowercase();
        if lower.len() != name.len() || self.known.contains_key(lower.as_str()) || self.finder.is_some() {
            return;
        }
        if self.known.len() >= MOST {
            self.overflowed = true;
            return;
        }
        let mut attempt = 0;
        let new = loop {
            let (first, rest) = lower.split_at_checked(changed).unwrap_or((lower.as_str(), ""));
            let first = if who == Who::Tenants { self.key.uuid(first, attempt) } else { self.key.word(first, attempt) };
            let new = format!("{first}{rest}");
            let is_free = new != lower && !self.taken.contains(new.as_str()) && !self.known.contains_key(new.as_str());
            if is_free || attempt > ATTEMPTS {
                break new;
            }
            attempt += 1;
        };
        self.taken.insert(new.as_str().into());
        self.known.insert(lower.into(), (who, new.into()));
    }

    /// Ends the learning.
    ///
    /// # Errors
    /// There are more names than can be searched for.
    pub fn settle(&mut self) -> Result<(), aho_corasick::BuildError> {
        self.patterns = self.known.keys().cloned().collect();
        self.patterns.sort_unstable();
        let finder = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::LeftmostLongest)
            .build(self.patterns.iter().map(|name| name.as_bytes()))?;
        self.finder = Some(finder);
        Ok(())
    }

    /// Whether there were more than are remembered.
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// How many were replaced.
    pub const fn counts(&self) -> &BTreeMap<Who, u64> {
        &self.counts
    }

    /// Counts from zero again.
    pub fn forget_counts(&mut self) {
        self.counts.clear();
    }

    /// A search for what was replaced: as words, by themselves.
    ///
    /// # Errors
    /// There are more than can be searched for.
    pub fn search(&self) -> Result<Search, aho_corasick::BuildError> {
        // What stands for an address may be another one of the recording: it stands there rightly.
        let new: HashSet<std::net::IpAddr> =
            self.addresses.iter().map(|old| address::mapped(&self.key, *old)).collect();
        let gone = self.addresses.iter().filter(|old| !new.contains(old));
        let addresses: Vec<String> = gone.map(ToString::to_string).collect();
        Search::of_words(self.patterns.iter().map(|name| &**name).chain(addresses.iter().map(String::as_str)))
    }

    /// Bytes of any kind with other names in them. Lengths stay.
    pub fn bytes(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        if self.finder.is_none() {
            return bytes;
        }
        let text: Cow<'_, str> = match std::str::from_utf8(&bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '\u{1}' }).collect(),
        };
        match self.text(&text, DEPTH) {
            Some(new) if new.len() == bytes.len() => {
                let pairs = text.bytes().zip(new.bytes()).zip(&bytes);
                pairs.map(|((old, new), byte)| if old == new { *byte } else { new }).collect()
            }
            _ => bytes,
        }
    }

    /// A text with other names in it; `None` if it has none.
    fn text(&mut self, text: &str, depth: usize) -> Option<String> {
        let mut edits: Vec<(Range<usize>, String)> = self.names_in(text);
        if self.does(Who::Addresses) {
            edits.extend(self.addresses_in(text));
        }
        if depth > 0 {
            for run in places::runs(text) {
                let word = text.get(run.clone()).unwrap_or_default();
                let Some((inside, encode)) = base::decode(word) else { continue };
                let Ok(inside) = String::from_utf8(inside) else { continue };
                if inside.chars().any(|c| c.is_control() && !c.is_whitespace()) {
                    continue;
                }
                if let Some(new) = self.text(&inside, depth - 1) {
                    edits.push((run, encode.encode(new.as_bytes())));
                }
            }
        }
        if edits.is_empty() {
            return None;
        }
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(text.len());
        let mut done = 0;
        for (range, new) in edits {
            if range.start >= done && new.len() == range.len() {
                out.push_str(text.get(done..range.start).unwrap_or_default());
                out.push_str(&new);
                done = range.end;
            }
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Some(out)
    }

    fn names_in(&mut self, text: &str) -> Vec<(Range<usize>, String)> {
        let Some(finder) = self.finder.clone() else { return Vec::new() };
        let mut edits = Vec::new();
        for hit in finder.find_iter(text) {
            if !is_word(text.as_bytes(), &hit.range()) {
                continue;
            }
            let name = self.patterns.get(hit.pattern().as_usize());
            let Some((who, new)) = name.and_then(|name| self.known.get(name)) else { continue };
            let old = text.get(hit.range()).unwrap_or_default();
            edits.push((hit.range(), name::in_case(new, old)));
            *self.counts.entry(*who).or_default() += 1;
        }
        edits
    }

    fn addresses_in(&mut self, text: &str) -> Vec<(Range<usize>, String)> {
        let mut edits = Vec::new();
        for (range, address) in address::found(text) {
            let old = text.get(range.clone()).unwrap_or_default();
            let new = address::written(&self.key, old, address);
            if new != old {
                self.addresses.insert(address);
                *self.counts.entry(Who::Addresses).or_default() += 1;
                edits.push((range, new));
            }
        }
        edits
    }

    /// What an exchange tells of its connection: addresses and the name of the server. Its messages are texts.
    pub fn exchange(&mut self, exchange: &mut Exchange) {
        if self.finder.is_none() {
            return;
        }
        for endpoint in [&mut exchange.client, &mut exchange.server].into_iter().flatten() {
            endpoint.address = self.address(endpoint.address);
        }
        if let Some(tls) = exchange.tls.as_mut().filter(|tls| tls.server_name.is_some()) {
            let tls = std::sync::Arc::make_mut(tls);
            tls.server_name = tls.server_name.take().map(|name| self.line(&name));
        }
    }

    /// What a connection tells of itself.
    pub fn connection(&mut self, report: &mut ConnectionReport) {
        for endpoint in [&mut report.connection.client, &mut report.connection.server] {
            endpoint.address = self.address(endpoint.address);
        }
        report.server_name = report.server_name.take().map(|name| self.line(&name));
    }

    fn line(&mut self, text: &str) -> String {
        self.text(text, DEPTH).unwrap_or_else(|| text.to_owned())
    }

    /// What an address becomes.
    pub fn address(&mut self, address: std::net::IpAddr) -> std::net::IpAddr {
        if !self.does(Who::Addresses) {
            return address;
        }
        let new = address::mapped(&self.key, address);
        if new != address {
            *self.counts.entry(Who::Addresses).or_default() += 1;
        }
        new
    }
}

#[cfg(test)]
mod tests;
