//! AES-GCM, by the quickest implementation the processor can run.
//!
//! Nearly all that is recorded is under AES-GCM, and opening it is most of the work on an encrypted capture. On x86-64
//! `graviola` works on 512 bits at a time where the processor can, which is four times as fast as `aes-gcm`; it is
//! Rust alone, too. It needs instructions that processors have had since about 2013 and refuses to run without them, so
//! that is found out here; everywhere else `aes-gcm` does the same work.

use aes::{Aes128, Aes256};
use aes_gcm::{AesGcm, aead::consts::U12};

use super::cipher::{OpenAead, new_aead};

/// Sets up AES-128-GCM for the table of suites.
pub(super) fn new_aes_128(key: &[u8]) -> Option<Box<dyn OpenAead>> {
    quick::new(key).or_else(|| new_aead::<AesGcm<Aes128, U12>>(key))
}

/// Sets up AES-256-GCM for the table of suites.
pub(super) fn new_aes_256(key: &[u8]) -> Option<Box<dyn OpenAead>> {
    quick::new(key).or_else(|| new_aead::<AesGcm<Aes256, U12>>(key))
}

#[cfg(target_arch = "x86_64")]
mod quick {
    use graviola::aead::AesGcm;

    use crate::tls::cipher::OpenAead;

    /// The cipher with a key of 16 or 32 bytes, if the processor can run it.
    pub(super) fn new(key: &[u8]) -> Option<Box<dyn OpenAead>> {
        let runs = is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("pclmulqdq")
            && is_x86_feature_detected!("adx")
            && is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        (runs && matches!(key.len(), 16 | 32)).then(|| Box::new(Quick(AesGcm::new(key))) as _)
    }

    struct Quick(AesGcm);

    impl OpenAead for Quick {
        fn tag_length(&self) -> usize {
            16
        }

        fn open(&self, nonce: &[u8; 12], additional: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
            self.0.decrypt(nonce, additional, text, tag).is_ok()
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod quick {
    use crate::tls::cipher::OpenAead;

    pub(super) const fn new(_key: &[u8]) -> Option<Box<dyn OpenAead>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use aes_gcm::{
        KeyInit,
        aead::{AeadInOut, array::Array},
    };
    use proptest::prelude::*;

    use super::*;

    fn seal<A: AeadInOut + KeyInit>(key: &[u8], nonce: &[u8; 12], additional: &[u8], text: &mut [u8]) -> Vec<u8> {
        let nonce = Array::try_from(nonce.as_slice()).unwrap();
        A::new_from_slice(key).unwrap().encrypt_inout_detached(&nonce, additional, text.into()).unwrap().to_vec()
    }

    proptest! {
        /// Whichever implementation runs: it opens what `aes-gcm` sealed, and nothing that was changed since.
        #[test]
        fn opens_what_is_authentic_and_nothing_else(
            key: [u8; 32],
            long: bool,
            nonce: [u8; 12],
            additional in prop::collection::vec(any::<u8>(), 0..14),
            text in prop::collection::vec(any::<u8>(), 0..3000),
            change: prop::sample::Index,
        ) {
            let mut sealed = text.clone();
            let (cipher, mut tag) = if long {
                (new_aes_256(&key), seal::<AesGcm<Aes256, U12>>(&key, &nonce, &additional, &mut sealed))
            } else {
                (new_aes_128(&key[..16]), seal::<AesGcm<Aes128, U12>>(&key[..16], &nonce, &additional, &mut sealed))
            };
            let cipher = cipher.unwrap();
            let mut opened = sealed.clone();
            prop_assert!(cipher.open(&nonce, &additional, &mut opened, &tag));
            prop_assert_eq!(opened, text);
            let at = change.index(sealed.len() + tag.len());
            match at.checked_sub(sealed.len()) {
                None => sealed[at] ^= 1,
                Some(at) => tag[at] ^= 1,
            }
            prop_assert!(!cipher.open(&nonce, &additional, &mut sealed, &tag));
        }
    }

    #[test]
    fn refuses_tags_and_keys_of_other_lengths() {
        let cipher = new_aes_128(&[7; 16]).unwrap();
        let tag = seal::<AesGcm<Aes128, U12>>(&[7; 16], &[1; 12], b"", &mut []);
        assert!(cipher.open(&[1; 12], b"", &mut [], &tag));
        assert!(!cipher.open(&[1; 12], b"", &mut [], &tag[..12]) && !cipher.open(&[1; 12], b"", &mut [], b""));
        assert!(new_aes_128(&[7; 15]).is_none() && new_aes_256(&[7; 24]).is_none());
    }
}
