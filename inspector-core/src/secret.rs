//! Values that must not leave the program by accident.
//!
//! A [`Secret`] prints, debugs and serialises as a mask; the one way to its value is [`Secret::reveal`], so that every
//! place which shows a secret can be found by its name. A [`Fingerprint`] stands for a secret in every output.

pub mod names;
pub(crate) mod stand_ins;

use std::fmt;

/// A value that is masked in `Debug`, `Display` and `Serialize`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Whoever calls this decides to handle a secret.
    pub const fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[masked]")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[masked]")
    }
}

impl<T> serde::Serialize for Secret<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[masked]")
    }
}

/// The first eight bytes of a value's SHA-256: enough to tell values apart, useless to recover one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint([u8; 8]);

impl Fingerprint {
    /// The fingerprint of `bytes`; of what stands in for a secret in a partial result, that of the secret.
    pub fn of(bytes: &[u8]) -> Self {
        Self(stand_ins::fingerprint(bytes))
    }
}

/// Sixteen lower-case hexadecimal digits.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new("P@ss:w0rd!");
        let shown = format!("{secret} {secret:?} {}", serde_json::to_string(&secret).unwrap_or_default());
        assert!(!shown.contains("w0rd"), "{shown}");
        assert_eq!(*secret.reveal(), "P@ss:w0rd!");
    }

    #[test]
    fn a_fingerprint_is_the_start_of_sha_256() {
        assert_eq!(Fingerprint::of(b"abc").to_string(), "ba7816bf8f01cfea");
    }
}
