//! A policy from what somebody says: options, and the contents of files.
//!
//! The command line and the bindings bring texts and bytes; nothing here opens a file or reads a clock.
//!
//! ```
//! use inspector_core::{limits::Limits, policy::{PolicyOptions, ProfileText}};
//!
//! let options = PolicyOptions {
//!     profile: ProfileText::Builtin("generic".to_owned()),
//!     hosts: vec!["api.contoso.com".to_owned()],
//!     ..PolicyOptions::default()
//! };
//! let made = options.build(&Limits::default())?;
//! assert_eq!(made.policy.profile.name, "generic");
//! # Ok::<(), inspector_core::policy::PolicyError>(())
//! ```

use std::sync::Arc;

use crate::{
    finding::Severity,
    limits::Limits,
    policy::{Clock, Policy},
    profile::{Profile, ProfileError, exceptions::Ignore},
    time::Timestamp,
    token::{
        verify::{Added, KeyError, Origin, VerificationKeys},
        words::WordList,
    },
};

/// A profile: one that is built in, or the content of a TOML file.
#[derive(Clone, Debug)]
pub enum ProfileText {
    /// By its name.
    Builtin(String),
    /// A file.
    File {
        /// How errors name it.
        name: String,
        /// Its content.
        bytes: Vec<u8>,
    },
}

impl ProfileText {
    /// The profile that is used where nothing else is said.
    pub const USUAL: &'static str = "exchange-s2s";
}

impl Default for ProfileText {
    fn default() -> Self {
        Self::Builtin(Self::USUAL.to_owned())
    }
}

/// What somebody says of how to judge. What is left out is as usual.
#[derive(Clone, Debug, Default)]
pub struct PolicyOptions {
    /// The profile.
    pub profile: ProfileText,
    /// Patterns of hosts that limit the scope, in place of the profile's.
    pub hosts: Vec<String>,
    /// Realms expected callers may be of, in place of the profile's.
    pub realms: Vec<String>,
    /// Keys to verify signatures with: the name of each file, and its content.
    pub signing_keys: Vec<(String, Vec<u8>)>,
    /// When validity is judged.
    pub clock: Clock,
    /// Words to try as secrets of tokens signed by HMAC, one a line.
    pub words: Option<Vec<u8>>,
    /// From this severity on a finding fails the run.
    pub fail_on: Option<Severity>,
    /// Findings that are ignored, besides those of the profile.
    pub ignores: Vec<Ignore>,
    /// Steps of handshakes are all messages, not only those of authentication.
    pub all_messages: bool,
}

/// A policy, and what is to be said of the files it was made of.
#[derive(Debug)]
pub struct Made {
    /// The policy.
    pub policy: Policy,
    /// What was found in each file of keys, by its name.
    pub signing_keys: Vec<(String, Added)>,
}

/// What was said cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// No built-in profile has that name.
    #[error("{0}")]
    Unknown(ProfileError),
    /// The file is no profile.
    #[error("the profile '{name}': {error}")]
    Profile {
        /// Its name.
        name: String,
        /// What is wrong, with the line.
        error: ProfileError,
    },
    /// The file is no text.
    #[error("the profile '{0}' is not UTF-8 text")]
    NotText(String),
    /// No key of a file can be used. Whoever gives keys relies on the result.
    #[error("keys '{name}': {error}")]
    Keys {
        /// The file's name.
        name: String,
        /// Why.
        error: KeyError,
    },
    /// A list of words without a word.
    #[error("the list of words holds none")]
    NoWord,
    /// That is no moment.
    #[error("'{0}' is no moment; write capture, now, or RFC 3339 like 2026-01-31T12:00:00Z")]
    Moment(String),
}

impl PolicyOptions {
    /// The policy.
    ///
    /// # Errors
    /// Something that was said cannot be used.
    pub fn build(self, limits: &Limits) -> Result<Made, PolicyError> {
        let mut policy = Policy::new(self.profile.read()?);
        let (keys, signing_keys) = read_keys(self.signing_keys, limits)?;
        policy.keys = Arc::new(keys);
        if !self.hosts.is_empty() {
            policy.hosts.clear();
        }
        for pattern in &self.hosts {
            policy = policy.host(pattern);
        }
        if !self.realms.is_empty() {
            policy.realms = self.realms;
        }
        policy.profile.exceptions.ignores.extend(self.ignores);
        policy.clock = self.clock;
        policy.fail_on = self.fail_on;
        policy.all_messages = self.all_messages;
        if let Some(text) = self.words {
            let words = WordList::new(text, limits);
            if words.is_empty() {
                return Err(PolicyError::NoWord);
            }
            policy.words = Arc::new(words);
        }
        Ok(Made { policy, signing_keys })
    }
}

impl ProfileText {
    fn read(self) -> Result<Profile, PolicyError> {
        match self {
            Self::Builtin(name) => Profile::builtin(&name).map_err(PolicyError::Unknown),
            Self::File { name, bytes } => {
                let Ok(text) = String::from_utf8(bytes) else { return Err(PolicyError::NotText(name)) };
                Profile::from_toml(&text).map_err(|error| PolicyError::Profile { name, error })
            }
        }
    }
}

/// The keys of files, with what was found in each. Files without a usable one are refused.
///
/// # Errors
/// [`PolicyError::Keys`].
pub fn read_keys(
    files: Vec<(String, Vec<u8>)>,
    limits: &Limits,
) -> Result<(VerificationKeys, Vec<(String, Added)>), PolicyError> {
    let (mut keys, mut all) = (VerificationKeys::new(limits), Vec::new());
    for (name, bytes) in files {
        match keys.add(&bytes, &Origin::File(name.clone())) {
            Ok(added) => all.push((name, added)),
            Err(error) => return Err(PolicyError::Keys { name, error }),
        }
    }
    Ok((keys, all))
}

impl Clock {
    /// Reads `capture`, `now` or a moment (RFC 3339). `now` is asked for the time of the run, which nothing here knows.
    ///
    /// # Errors
    /// [`PolicyError::Moment`].
    pub fn parse(text: &str, now: impl FnOnce() -> Timestamp) -> Result<Self, PolicyError> {
        match text {
            "capture" => Ok(Self::Capture),
            "now" => Ok(Self::Fixed(now())),
            moment => {
                Timestamp::parse_rfc3339(moment).map(Self::Fixed).ok_or_else(|| PolicyError::Moment(moment.to_owned()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(options: PolicyOptions) -> String {
        options.build(&Limits::default()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_left_out_is_as_usual() {
        let made = PolicyOptions::default().build(&Limits::default()).unwrap();
        assert_eq!((made.policy.profile.name.as_str(), made.policy.clock), ("exchange-s2s", Clock::Capture));
        assert!(made.policy.hosts.is_empty() && made.policy.fail_on.is_none() && made.signing_keys.is_empty());
    }

    #[test]
    fn what_is_said_takes_the_place_of_what_the_profile_says() {
        let text = String::from_utf8_lossy(include_bytes!("../profile/exchange-s2s.toml")).into_owned();
        let text = format!("hosts = [\"a.example\"]\nrealms = [\"a.example\"]\n{text}");
        let file = || ProfileText::File { name: "own.toml".to_owned(), bytes: text.clone().into_bytes() };
        let build = |options: PolicyOptions| options.build(&Limits::default()).unwrap().policy;
        let own = build(PolicyOptions { profile: file(), ..PolicyOptions::default() });
        assert_eq!((own.hosts.len(), own.realms), (1, vec!["a.example".to_owned()]));
        let said = build(PolicyOptions {
            profile: file(),
            hosts: vec!["b.example".to_owned(), "c.example".to_owned()],
            realms: vec!["b.example".to_owned()],
            fail_on: Some(Severity::Low),
            ..PolicyOptions::default()
        });
        assert_eq!((said.hosts.len(), said.realms), (2, vec!["b.example".to_owned()]));
        assert_eq!(said.fail_on, Some(Severity::Low));
    }

    #[test]
    fn what_cannot_be_used_is_said_by_its_name() {
        let of = |profile| PolicyOptions { profile, ..PolicyOptions::default() };
        assert!(error(of(ProfileText::Builtin("nothing".to_owned()))).contains("nothing"));
        let file = |bytes: &[u8]| ProfileText::File { name: "own.toml".to_owned(), bytes: bytes.to_vec() };
        assert_eq!(error(of(file(b"\xff"))), "the profile 'own.toml' is not UTF-8 text");
        assert!(error(of(file(b"nothing = 1"))).starts_with("the profile 'own.toml': "));
        let keys = vec![("sts.json".to_owned(), b"no key".to_vec())];
        assert!(
            error(PolicyOptions { signing_keys: keys, ..PolicyOptions::default() }).starts_with("keys 'sts.json': ")
        );
        let words = PolicyOptions { words: Some(Vec::new()), ..PolicyOptions::default() };
        assert_eq!(error(words), "the list of words holds none");
    }

    #[test]
    fn moments() {
        let now = || Timestamp::from_seconds(7);
        assert_eq!(Clock::parse("capture", now).unwrap(), Clock::Capture);
        assert_eq!(Clock::parse("now", now).unwrap(), Clock::Fixed(Timestamp::from_seconds(7)));
        assert!(matches!(Clock::parse("2026-01-31T12:00:00Z", now).unwrap(), Clock::Fixed(_)));
        assert!(Clock::parse("yesterday", now).unwrap_err().to_string().starts_with("'yesterday' is no moment"));
    }
}
