//! What is expected of a recording, and how it is judged: the profile, and what the user adds to it.

pub mod options;

use std::sync::Arc;

pub use options::{Made, PolicyError, PolicyOptions, ProfileText, read_keys};

use crate::{
    finding::Severity,
    hosts::HostPattern,
    profile::Profile,
    time::Timestamp,
    token::{verify::VerificationKeys, words::WordList},
};

/// When the validity of tokens is judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// At the time of the recording.
    #[default]
    Capture,
    /// At this moment (the caller's now, or one the user named).
    Fixed(Timestamp),
}

impl Clock {
    /// The moment to judge at for something recorded at `recorded`; `None` if that is only counted from the beginning of
    /// the recording.
    pub fn at(self, recorded: Option<Timestamp>) -> Option<Timestamp> {
        match self {
            Self::Capture => recorded.filter(|time| !time.is_relative()),
            Self::Fixed(moment) => Some(moment),
        }
    }
}

/// What is expected, and how it is judged.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Callers, resources, issuers, paths.
    pub profile: Profile,
    /// Limits the scope. The profile's, unless `--host` names others. Empty for the scope the traffic tells.
    pub hosts: Vec<HostPattern>,
    /// Realms an expected caller may be of; any if empty. The profile's, unless `--realm` names others.
    pub realms: Vec<String>,
    /// When validity is judged.
    pub clock: Clock,
    /// `--fail-on`: a finding at or above it fails the run, whatever the outcome is.
    pub fail_on: Option<Severity>,
    /// Words to try on HMAC signatures; none unless the user gives a list.
    pub words: Arc<WordList>,
    /// Keys the user gave to verify signatures with.
    pub keys: Arc<VerificationKeys>,
    /// Steps of handshakes are all messages, not only those of authentication.
    pub all_messages: bool,
}

impl Policy {
    /// A policy of that profile with everything else as usual.
    pub fn new(profile: Profile) -> Self {
        let realms = profile.realms.clone();
        let hosts = profile.hosts.iter().map(|pattern| HostPattern::new(pattern)).collect();
        Self {
            profile,
            hosts,
            realms,
            clock: Clock::Capture,
            fail_on: None,
            words: Arc::default(),
            keys: Arc::default(),
            all_messages: false,
        }
    }

    /// Limits the scope to hosts that fit a pattern; may be called more than once.
    #[must_use]
    pub fn host(mut self, pattern: &str) -> Self {
        self.hosts.push(HostPattern::new(pattern));
        self
    }

    /// Wants callers of that realm.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        self.realms = vec![realm.to_owned()];
        self
    }
}
