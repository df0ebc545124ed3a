//! The cipher suites: one row each, with all that reading their records needs.
//!
//! The code points and names are those of the IANA registry "TLS Cipher Suites". A suite whose cipher is not
//! supported stays in the table, so that a report can name it. To add a suite, add a row; to add a cipher, add a
//! [`Bulk`] constant.

use aes::{Aes128, Aes256};
use aes_gcm::{
    AesGcm,
    aead::consts::{U8, U12, U16},
};
use aria::{Aria128, Aria256};
use camellia::{Camellia128, Camellia256};
use ccm::Ccm;
use chacha20poly1305::ChaCha20Poly1305;
use des::{Des, TdesEde3};
use idea::Idea;

use super::{
    cipher::{Bulk, new_aead, new_block},
    gcm,
    schedule::Hash,
    seed::Seed,
};

/// How the two sides agree on the premaster secret, as far as it decides which keys can open a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyExchange {
    /// The client encrypts it with the server's RSA key: that private key opens a recording.
    Rsa,
    /// (EC)DHE and anonymous (EC)DH: only a key log helps.
    Ephemeral,
    /// (EC)DH with the key of the certificate.
    StaticDiffieHellman,
    /// A key both sides have, alone or with RSA.
    Psk,
    /// Secure remote password.
    Srp,
    /// TLS 1.3: apart from the suite, always with forward secrecy or by a ticket.
    Tls13,
}

/// One cipher suite.
#[derive(Debug)]
pub(crate) struct Suite {
    /// Code point.
    pub(crate) code: u16,
    /// IANA name.
    pub(crate) name: &'static str,
    /// Key exchange.
    pub(crate) exchange: KeyExchange,
    /// Cipher of the records.
    pub(crate) bulk: Bulk,
    /// Hash of the records' MAC; for AEAD suites the one of the PRF.
    pub(crate) hash: Hash,
}

impl Suite {
    /// The suite with a code point.
    pub(crate) fn find(code: u16) -> Option<&'static Self> {
        SUITES.get(SUITES.binary_search_by_key(&code, |suite| suite.code).ok()?)
    }

    /// Whether it is a suite of TLS 1.3 that can be read.
    pub(crate) fn is_tls13(&self) -> bool {
        self.exchange == Tls13 && matches!(self.bulk, Bulk::Aead { .. })
    }

    /// Whether it is one of the export suites of the nineties: their keys hold forty secret bits.
    pub(crate) fn is_export(&self) -> bool {
        self.name.contains("_EXPORT_")
    }

    /// The hash of the TLS 1.2 PRF and of TLS 1.3 (RFC 5246 §5: SHA-256 unless the suite names a stronger one).
    pub(crate) const fn prf(&self) -> Hash {
        match self.hash {
            Sha384 => Sha384,
            Md5 | Sha1 | Sha256 => Sha256,
        }
    }
}

use Hash::{Md5, Sha1, Sha256, Sha384};
use KeyExchange::{Ephemeral, Psk, Rsa, Srp, StaticDiffieHellman, Tls13};

const NULL: Bulk = Bulk::Null;
const RC4_128: Bulk = Bulk::Rc4 { key: 16 };
const DES_CBC: Bulk = Bulk::Block { key: 8, block: 8, new: new_block::<Des> };
const DES40_CBC: Bulk = Bulk::Block { key: 5, block: 8, new: new_block::<Des> };
const IDEA_CBC: Bulk = Bulk::Block { key: 16, block: 8, new: new_block::<Idea> };
const SEED_CBC: Bulk = Bulk::Block { key: 16, block: 16, new: Seed::open };
const RC4_40: Bulk = Bulk::Rc4 { key: 5 };
const TRIPLE_DES_CBC: Bulk = Bulk::Block { key: 24, block: 8, new: new_block::<TdesEde3> };
const AES_128_CBC: Bulk = Bulk::Block { key: 16, block: 16, new: new_block::<Aes128> };
const AES_256_CBC: Bulk = Bulk::Block { key: 32, block: 16, new: new_block::<Aes256> };
const CAMELLIA_128_CBC: Bulk = Bulk::Block { key: 16, block: 16, new: new_block::<Camellia128> };
const CAMELLIA_256_CBC: Bulk = Bulk::Block { key: 32, block: 16, new: new_block::<Camellia256> };
const ARIA_128_CBC: Bulk = Bulk::Block { key: 16, block: 16, new: new_block::<Aria128> };
const ARIA_256_CBC: Bulk = Bulk::Block { key: 32, block: 16, new: new_block::<Aria256> };
const AES_128_GCM: Bulk = Bulk::Aead { key: 16, explicit_nonce: true, new: gcm::new_aes_128 };
const AES_256_GCM: Bulk = Bulk::Aead { key: 32, explicit_nonce: true, new: gcm::new_aes_256 };
const CAMELLIA_128_GCM: Bulk = Bulk::Aead { key: 16, explicit_nonce: true, new: new_aead::<AesGcm<Camellia128, U12>> };
const CAMELLIA_256_GCM: Bulk = Bulk::Aead { key: 32, explicit_nonce: true, new: new_aead::<AesGcm<Camellia256, U12>> };
const ARIA_128_GCM: Bulk = Bulk::Aead { key: 16, explicit_nonce: true, new: new_aead::<AesGcm<Aria128, U12>> };
const ARIA_256_GCM: Bulk = Bulk::Aead { key: 32, explicit_nonce: true, new: new_aead::<AesGcm<Aria256, U12>> };
const AES_128_CCM: Bulk = Bulk::Aead { key: 16, explicit_nonce: true, new: new_aead::<Ccm<Aes128, U16, U12>> };
const AES_256_CCM: Bulk = Bulk::Aead { key: 32, explicit_nonce: true, new: new_aead::<Ccm<Aes256, U16, U12>> };
const AES_128_CCM_8: Bulk = Bulk::Aead { key: 16, explicit_nonce: true, new: new_aead::<Ccm<Aes128, U8, U12>> };
const AES_256_CCM_8: Bulk = Bulk::Aead { key: 32, explicit_nonce: true, new: new_aead::<Ccm<Aes256, U8, U12>> };
const CHACHA20_POLY1305: Bulk = Bulk::Aead { key: 32, explicit_nonce: false, new: new_aead::<ChaCha20Poly1305> };
const UNSUPPORTED: Bulk = Bulk::Unsupported;

const fn suite(code: u16, name: &'static str, exchange: KeyExchange, bulk: Bulk, hash: Hash) -> Suite {
    Suite { code, name, exchange, bulk, hash }
}

/// In the order of the code points.
#[rustfmt::skip]
static SUITES: &[Suite] = &[
    suite(0x0001, "TLS_RSA_WITH_NULL_MD5", Rsa, NULL, Md5),
    suite(0x0002, "TLS_RSA_WITH_NULL_SHA", Rsa, NULL, Sha1),
    suite(0x0003, "TLS_RSA_EXPORT_WITH_RC4_40_MD5", Rsa, RC4_40, Md5),
    suite(0x0004, "TLS_RSA_WITH_RC4_128_MD5", Rsa, RC4_128, Md5),
    suite(0x0005, "TLS_RSA_WITH_RC4_128_SHA", Rsa, RC4_128, Sha1),
    suite(0x0006, "TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5", Rsa, UNSUPPORTED, Md5),
    suite(0x0007, "TLS_RSA_WITH_IDEA_CBC_SHA", Rsa, IDEA_CBC, Sha1),
    suite(0x0008, "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA", Rsa, DES40_CBC, Sha1),
    suite(0x0009, "TLS_RSA_WITH_DES_CBC_SHA", Rsa, DES_CBC, Sha1),
    suite(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", Rsa, TRIPLE_DES_CBC, Sha1),
    suite(0x000b, "TLS_DH_DSS_EXPORT_WITH_DES40_CBC_SHA", Ephemeral, DES40_CBC, Sha1),
    suite(0x000c, "TLS_DH_DSS_WITH_DES_CBC_SHA", StaticDiffieHellman, DES_CBC, Sha1),
    suite(0x000d, "TLS_DH_DSS_WITH_3DES_EDE_CBC_SHA", StaticDiffieHellman, TRIPLE_DES_CBC, Sha1),
    suite(0x000e, "TLS_DH_RSA_EXPORT_WITH_DES40_CBC_SHA", Ephemeral, DES40_CBC, Sha1),
    suite(0x000f, "TLS_DH_RSA_WITH_DES_CBC_SHA", StaticDiffieHellman, DES_CBC, Sha1),
    suite(0x0010, "TLS_DH_RSA_WITH_3DES_EDE_CBC_SHA", StaticDiffieHellman, TRIPLE_DES_CBC, Sha1),
    suite(0x0011, "TLS_DHE_DSS_EXPORT_WITH_DES40_CBC_SHA", Ephemeral, DES40_CBC, Sha1),
    suite(0x0012, "TLS_DHE_DSS_WITH_DES_CBC_SHA", Ephemeral, DES_CBC, Sha1),
    suite(0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA", Ephemeral, TRIPLE_DES_CBC, Sha1),
    suite(0x0014, "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", Ephemeral, DES40_CBC, Sha1),
    suite(0x0015, "TLS_DHE_RSA_WITH_DES_CBC_SHA", Ephemeral, DES_CBC, Sha1),
    suite(0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", Ephemeral, TRIPLE_DES_CBC, Sha1),
    suite(0x0017, "TLS_DH_anon_EXPORT_WITH_RC4_40_MD5", Ephemeral, RC4_40, Md5),
    suite(0x0018, "TLS_DH_anon_WITH_RC4_128_MD5", Ephemeral, RC4_128, Md5),
    suite(0x0019, "TLS_DH_anon_EXPORT_WITH_DES40_CBC_SHA", Ephemeral, DES40_CBC, Sha1),
    suite(0x001a, "TLS_DH_anon_WITH_DES_CBC_SHA", Ephemeral, DES_CBC, Sha1),
    suite(0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA", Ephemeral, TRIPLE_DES_CBC, Sha1),
    suite(0x002c, "TLS_PSK_WITH_NULL_SHA", Psk, NULL, Sha1),
    suite(0x002d, "TLS_DHE_PSK_WITH_NULL_SHA", Ephemeral, NULL, Sha1),
    suite(0x002e, "TLS_RSA_PSK_WITH_NULL_SHA", Psk, NULL, Sha1),
    suite(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", Rsa, AES_128_CBC, Sha1),
    suite(0x0030, "TLS_DH_DSS_WITH_AES_128_CBC_SHA", StaticDiffieHellman, AES_128_CBC, Sha1),
    suite(0x0031, "TLS_DH_RSA_WITH_AES_128_CBC_SHA", StaticDiffieHellman, AES_128_CBC, Sha1),
    suite(0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", Ephemeral, AES_128_CBC, Sha1),
    suite(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", Ephemeral, AES_128_CBC, Sha1),
    suite(0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA", Ephemeral, AES_128_CBC, Sha1),
    suite(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", Rsa, AES_256_CBC, Sha1),
    suite(0x0036, "TLS_DH_DSS_WITH_AES_256_CBC_SHA", StaticDiffieHellman, AES_256_CBC, Sha1),
    suite(0x0037, "TLS_DH_RSA_WITH_AES_256_CBC_SHA", StaticDiffieHellman, AES_256_CBC, Sha1),
    suite(0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", Ephemeral, AES_256_CBC, Sha1),
    suite(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", Ephemeral, AES_256_CBC, Sha1),
    suite(0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA", Ephemeral, AES_256_CBC, Sha1),
    suite(0x003b, "TLS_RSA_WITH_NULL_SHA256", Rsa, NULL, Sha256),
    suite(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", Rsa, AES_128_CBC, Sha256),
    suite(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", Rsa, AES_256_CBC, Sha256),
    suite(0x003e, "TLS_DH_DSS_WITH_AES_128_CBC_SHA256", StaticDiffieHellman, AES_128_CBC, Sha256),
    suite(0x003f, "TLS_DH_RSA_WITH_AES_128_CBC_SHA256", StaticDiffieHellman, AES_128_CBC, Sha256),
    suite(0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256", Ephemeral, AES_128_CBC, Sha256),
    suite(0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", Rsa, CAMELLIA_128_CBC, Sha1),
    suite(0x0042, "TLS_DH_DSS_WITH_CAMELLIA_128_CBC_SHA", StaticDiffieHellman, CAMELLIA_128_CBC, Sha1),
    suite(0x0043, "TLS_DH_RSA_WITH_CAMELLIA_128_CBC_SHA", StaticDiffieHellman, CAMELLIA_128_CBC, Sha1),
    suite(0x0044, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA", Ephemeral, CAMELLIA_128_CBC, Sha1),
    suite(0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA", Ephemeral, CAMELLIA_128_CBC, Sha1),
    suite(0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA", Ephemeral, CAMELLIA_128_CBC, Sha1),
    suite(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", Ephemeral, AES_128_CBC, Sha256),
    suite(0x0068, "TLS_DH_DSS_WITH_AES_256_CBC_SHA256", StaticDiffieHellman, AES_256_CBC, Sha256),
    suite(0x0069, "TLS_DH_RSA_WITH_AES_256_CBC_SHA256", StaticDiffieHellman, AES_256_CBC, Sha256),
    suite(0x006a, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", Ephemeral, AES_256_CBC, Sha256),
    suite(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", Ephemeral, AES_256_CBC, Sha256),
    suite(0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256", Ephemeral, AES_128_CBC, Sha256),
    suite(0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256", Ephemeral, AES_256_CBC, Sha256),
    suite(0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", Rsa, CAMELLIA_256_CBC, Sha1),
    suite(0x0085, "TLS_DH_DSS_WITH_CAMELLIA_256_CBC_SHA", StaticDiffieHellman, CAMELLIA_256_CBC, Sha1),
    suite(0x0086, "TLS_DH_RSA_WITH_CAMELLIA_256_CBC_SHA", StaticDiffieHellman, CAMELLIA_256_CBC, Sha1),
    suite(0x0087, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA", Ephemeral, CAMELLIA_256_CBC, Sha1),
    suite(0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA", Ephemeral, CAMELLIA_256_CBC, Sha1),
    suite(0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA", Ephemeral, CAMELLIA_256_CBC, Sha1),
    suite(0x008a, "TLS_PSK_WITH_RC4_128_SHA", Psk, RC4_128, Sha1),
    suite(0x008b, "TLS_PSK_WITH_3DES_EDE_CBC_SHA", Psk, TRIPLE_DES_CBC, Sha1),
    suite(0x008c, "TLS_PSK_WITH_AES_128_CBC_SHA", Psk, AES_128_CBC, Sha1),
    suite(0x008d, "TLS_PSK_WITH_AES_256_CBC_SHA", Psk, AES_256_CBC, Sha1),
    suite(0x008e, "TLS_DHE_PSK_WITH_RC4_128_SHA", Ephemeral, RC4_128, Sha1),
    suite(0x008f, "TLS_DHE_PSK_WITH_3DES_EDE_CBC_SHA", Ephemeral, TRIPLE_DES_CBC, Sha1),
    suite(0x0090, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA", Ephemeral, AES_128_CBC, Sha1),
    suite(0x0091, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA", Ephemeral, AES_256_CBC, Sha1),
    suite(0x0092, "TLS_RSA_PSK_WITH_RC4_128_SHA", Psk, RC4_128, Sha1),
    suite(0x0093, "TLS_RSA_PSK_WITH_3DES_EDE_CBC_SHA", Psk, TRIPLE_DES_CBC, Sha1),
    suite(0x0094, "TLS_RSA_PSK_WITH_AES_128_CBC_SHA", Psk, AES_128_CBC, Sha1),
    suite(0x0095, "TLS_RSA_PSK_WITH_AES_256_CBC_SHA", Psk, AES_256_CBC, Sha1),
    suite(0x0096, "TLS_RSA_WITH_SEED_CBC_SHA", Rsa, SEED_CBC, Sha1),
    suite(0x0097, "TLS_DH_DSS_WITH_SEED_CBC_SHA", StaticDiffieHellman, SEED_CBC, Sha1),
    suite(0x0098, "TLS_DH_RSA_WITH_SEED_CBC_SHA", StaticDiffieHellman, SEED_CBC, Sha1),
    suite(0x0099, "TLS_DHE_DSS_WITH_SEED_CBC_SHA", Ephemeral, SEED_CBC, Sha1),
    suite(0x009a, "TLS_DHE_RSA_WITH_SEED_CBC_SHA", Ephemeral, SEED_CBC, Sha1),
    suite(0x009b, "TLS_DH_anon_WITH_SEED_CBC_SHA", Ephemeral, SEED_CBC, Sha1),
    suite(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Rsa, AES_128_GCM, Sha256),
    suite(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", Rsa, AES_256_GCM, Sha384),
    suite(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Ephemeral, AES_128_GCM, Sha256),
    suite(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Ephemeral, AES_256_GCM, Sha384),
    suite(0x00a0, "TLS_DH_RSA_WITH_AES_128_GCM_SHA256", StaticDiffieHellman, AES_128_GCM, Sha256),
    suite(0x00a1, "TLS_DH_RSA_WITH_AES_256_GCM_SHA384", StaticDiffieHellman, AES_256_GCM, Sha384),
    suite(0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256", Ephemeral, AES_128_GCM, Sha256),
    suite(0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", Ephemeral, AES_256_GCM, Sha384),
    suite(0x00a4, "TLS_DH_DSS_WITH_AES_128_GCM_SHA256", StaticDiffieHellman, AES_128_GCM, Sha256),
    suite(0x00a5, "TLS_DH_DSS_WITH_AES_256_GCM_SHA384", StaticDiffieHellman, AES_256_GCM, Sha384),
    suite(0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256", Ephemeral, AES_128_GCM, Sha256),
    suite(0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384", Ephemeral, AES_256_GCM, Sha384),
    suite(0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256", Psk, AES_128_GCM, Sha256),
    suite(0x00a9, "TLS_PSK_WITH_AES_256_GCM_SHA384", Psk, AES_256_GCM, Sha384),
    suite(0x00aa, "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256", Ephemeral, AES_128_GCM, Sha256),
    suite(0x00ab, "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384", Ephemeral, AES_256_GCM, Sha384),
    suite(0x00ac, "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256", Psk, AES_128_GCM, Sha256),
    suite(0x00ad, "TLS_RSA_PSK_WITH_AES_256_GCM_SHA384", Psk, AES_256_GCM, Sha384),
    suite(0x00ae, "TLS_PSK_WITH_AES_128_CBC_SHA256", Psk, AES_128_CBC, Sha256),
    suite(0x00af, "TLS_PSK_WITH_AES_256_CBC_SHA384", Psk, AES_256_CBC, Sha384),
    suite(0x00b0, "TLS_PSK_WITH_NULL_SHA256", Psk, NULL, Sha256),
    suite(0x00b1, "TLS_PSK_WITH_NULL_SHA384", Psk, NULL, Sha384),
    suite(0x00b2, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA256", Ephemeral, AES_128_CBC, Sha256),
    suite(0x00b3, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA384", Ephemeral, AES_256_CBC, Sha384),
    suite(0x00b4, "TLS_DHE_PSK_WITH_NULL_SHA256", Ephemeral, NULL, Sha256),
    suite(0x00b5, "TLS_DHE_PSK_WITH_NULL_SHA384", Ephemeral, NULL, Sha384),
    suite(0x00b6, "TLS_RSA_PSK_WITH_AES_128_CBC_SHA256", Psk, AES_128_CBC, Sha256),
    suite(0x00b7, "TLS_RSA_PSK_WITH_AES_256_CBC_SHA384", Psk, AES_256_CBC, Sha384),
    suite(0x00b8, "TLS_RSA_PSK_WITH_NULL_SHA256", Psk, NULL, Sha256),
    suite(0x00b9, "TLS_RSA_PSK_WITH_NULL_SHA384", Psk, NULL, Sha384),
    suite(0x00ba, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256", Rsa, CAMELLIA_128_CBC, Sha256),
    suite(0x00bb, "TLS_DH_DSS_WITH_CAMELLIA_128_CBC_SHA256", StaticDiffieHellman, CAMELLIA_128_CBC, Sha256),
    suite(0x00bc, "TLS_DH_RSA_WITH_CAMELLIA_128_CBC_SHA256", StaticDiffieHellman, CAMELLIA_128_CBC, Sha256),
    suite(0x00bd, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA256", Ephemeral, CAMELLIA_128_CBC, Sha256),
    suite(0x00be, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", Ephemeral, CAMELLIA_128_CBC, Sha256),
    suite(0x00bf, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256", Ephemeral, CAMELLIA_128_CBC, Sha256),
    suite(0x00c0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256", Rsa, CAMELLIA_256_CBC, Sha256),
    suite(0x00c1, "TLS_DH_DSS_WITH_CAMELLIA_256_CBC_SHA256", StaticDiffieHellman, CAMELLIA_256_CBC, Sha256),
    suite(0x00c2, "TLS_DH_RSA_WITH_CAMELLIA_256_CBC_SHA256", StaticDiffieHellman, CAMELLIA_256_CBC, Sha256),
    suite(0x00c3, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA256", Ephemeral, CAMELLIA_256_CBC, Sha256),
    suite(0x00c4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256", Ephemeral, CAMELLIA_256_CBC, Sha256),
    suite(0x00c5, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA256", Ephemeral, CAMELLIA_256_CBC, Sha256),
    suite(0x00c6, "TLS_SM4_GCM_SM3", Tls13, UNSUPPORTED, Sha256),
    suite(0x00c7, "TLS_SM4_CCM_SM3", Tls13, UNSUPPORTED, Sha256),
    suite(0x1301, "TLS_AES_128_GCM_SHA256", Tls13, AES_128_GCM, Sha256),
    suite(0x1302, "TLS_AES_256_GCM_SHA384", Tls13, AES_256_GCM, Sha384),
    suite(0x1303, "TLS_CHACHA20_POLY1305_SHA256", Tls13, CHACHA20_POLY1305, Sha256),
    suite(0x1304, "TLS_AES_128_CCM_SHA256", Tls13, AES_128_CCM, Sha256),
    suite(0x1305, "TLS_AES_128_CCM_8_SHA256", Tls13, AES_128_CCM_8, Sha256),
    suite(0x1306, "TLS_AEGIS_256_SHA512", Tls13, UNSUPPORTED, Sha384),
    suite(0x1307, "TLS_AEGIS_128L_SHA256", Tls13, UNSUPPORTED, Sha256),
    suite(0xc001, "TLS_ECDH_ECDSA_WITH_NULL_SHA", StaticDiffieHellman, NULL, Sha1),
    suite(0xc002, "TLS_ECDH_ECDSA_WITH_RC4_128_SHA", StaticDiffieHellman, RC4_128, Sha1),
    suite(0xc003, "TLS_ECDH_ECDSA_WITH_3DES_EDE_CBC_SHA", StaticDiffieHellman, TRIPLE_DES_CBC, Sha1),
    suite(0xc004, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA", StaticDiffieHellman, AES_128_CBC, Sha1),
    suite(0xc005, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA", StaticDiffieHellman, AES_256_CBC, Sha1),
    suite(0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA", Ephemeral, NULL, Sha1),
    suite(0xc007, "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", Ephemeral, RC4_128, Sha1),
    suite(0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", Ephemeral, TRIPLE_DES_CBC, Sha1),
    suite(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Ephemeral, AES_128_CBC, Sha1),
    suite(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Ephemeral, AES_256_CBC, Sha1),
    suite(0xc00b, "TLS_ECDH_RSA_WITH_NULL_SHA", StaticDiffieHellman, NULL, Sha1),
    suite(0xc00c, "TLS_ECDH_RSA_WITH_RC4_128_SHA", StaticDiffieHellman, RC4_128, Sha1),
    suite(0xc00d, "TLS_ECDH_RSA_WITH_3DES_EDE_CBC_SHA", StaticDiffieHellman, TRIPLE_DES_CBC, Sha1),
    suite(0xc00e, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA", StaticDiffieHellman, AES_128_CBC, Sha1),
    suite(0xc00f, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA", StaticDiffieHellman, AES_256_CBC, Sha1),
    suite(0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA", Ephemeral, NULL, Sha1),
    suite(0xc011, "TLS_ECDHE_RSA_WITH_RC4_128_SHA", Ephemeral, RC4_128, Sha1),
    suite(0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", Ephemeral, TRIPLE_DES_CBC, Sha1),
    suite(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Ephemeral, AES_128_CBC, Sha1),
    suite(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Ephemeral, AES_256_CBC, Sha1),
    suite(0xc015, "TLS_ECDH_anon_WITH_NULL_SHA", Ephemeral, NULL, Sha1),
    suite(0xc016, "TLS_ECDH_anon_WITH_RC4_128_SHA", Ephemeral, RC4_128, Sha1),
    suite(0xc017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA", Ephemeral, TRIPLE_DES_CBC, Sha1),
    suite(0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", Ephemeral, AES_128_CBC, Sha1),
    suite(0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", Ephemeral, AES_256_CBC, Sha1),
    suite(0xc01a, "TLS_SRP_SHA_WITH_3DES_EDE_CBC_SHA", Srp, TRIPLE_DES_CBC, Sha1),
    suite(0xc01b, "TLS_SRP_SHA_RSA_WITH_3DES_EDE_CBC_SHA", Srp, TRIPLE_DES_CBC, Sha1),
    suite(0xc01c, "TLS_SRP_SHA_DSS_WITH_3DES_EDE_CBC_SHA", Srp, TRIPLE_DES_CBC, Sha1),
    suite(0xc01d, "TLS_SRP_SHA_WITH_AES_128_CBC_SHA", Srp, AES_128_CBC, Sha1),
    suite(0xc01e, "TLS_SRP_SHA_RSA_WITH_AES_128_CBC_SHA", Srp, AES_128_CBC, Sha1),
    suite(0xc01f, "TLS_SRP_SHA_DSS_WITH_AES_128_CBC_SHA", Srp, AES_128_CBC, Sha1),
    suite(0xc020, "TLS_SRP_SHA_WITH_AES_256_CBC_SHA", Srp, AES_256_CBC, Sha1),
    suite(0xc021, "TLS_SRP_SHA_RSA_WITH_AES_256_CBC_SHA", Srp, AES_256_CBC, Sha1),
    suite(0xc022, "TLS_SRP_SHA_DSS_WITH_AES_256_CBC_SHA", Srp, AES_256_CBC, Sha1),
    suite(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", Ephemeral, AES_128_CBC, Sha256),
    suite(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", Ephemeral, AES_256_CBC, Sha384),
    suite(0xc025, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256", StaticDiffieHellman, AES_128_CBC, Sha256),
    suite(0xc026, "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA384", StaticDiffieHellman, AES_256_CBC, Sha384),
    suite(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", Ephemeral, AES_128_CBC, Sha256),
    suite(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", Ephemeral, AES_256_CBC, Sha384),
    suite(0xc029, "TLS_ECDH_RSA_WITH_AES_128_CBC_SHA256", StaticDiffieHellman, AES_128_CBC, Sha256),
    suite(0xc02a, "TLS_ECDH_RSA_WITH_AES_256_CBC_SHA384", StaticDiffieHellman, AES_256_CBC, Sha384),
    suite(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Ephemeral, AES_128_GCM, Sha256),
    suite(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Ephemeral, AES_256_GCM, Sha384),
    suite(0xc02d, "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", StaticDiffieHellman, AES_128_GCM, Sha256),
    suite(0xc02e, "TLS_ECDH_ECDSA_WITH_AES_256_GCM_SHA384", StaticDiffieHellman, AES_256_GCM, Sha384),
    suite(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Ephemeral, AES_128_GCM, Sha256),
    suite(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Ephemeral, AES_256_GCM, Sha384),
    suite(0xc031, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256", StaticDiffieHellman, AES_128_GCM, Sha256),
    suite(0xc032, "TLS_ECDH_RSA_WITH_AES_256_GCM_SHA384", StaticDiffieHellman, AES_256_GCM, Sha384),
    suite(0xc033, "TLS_ECDHE_PSK_WITH_RC4_128_SHA", Ephemeral, RC4_128, Sha1),
    suite(0xc034, "TLS_ECDHE_PSK_WITH_3DES_EDE_CBC_SHA", Ephemeral, TRIPLE_DES_CBC, Sha1),
    suite(0xc035, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA", Ephemeral, AES_128_CBC, Sha1),
    suite(0xc036, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA", Ephemeral, AES_256_CBC, Sha1),
    suite(0xc037, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", Ephemeral, AES_128_CBC, Sha256),
    suite(0xc038, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384", Ephemeral, AES_256_CBC, Sha384),
    suite(0xc039, "TLS_ECDHE_PSK_WITH_NULL_SHA", Ephemeral, NULL, Sha1),
    suite(0xc03a, "TLS_ECDHE_PSK_WITH_NULL_SHA256", Ephemeral, NULL, Sha256),
    suite(0xc03b, "TLS_ECDHE_PSK_WITH_NULL_SHA384", Ephemeral, NULL, Sha384),
    suite(0xc03c, "TLS_RSA_WITH_ARIA_128_CBC_SHA256", Rsa, ARIA_128_CBC, Sha256),
    suite(0xc03d, "TLS_RSA_WITH_ARIA_256_CBC_SHA384", Rsa, ARIA_256_CBC, Sha384),
    suite(0xc03e, "TLS_DH_DSS_WITH_ARIA_128_CBC_SHA256", StaticDiffieHellman, ARIA_128_CBC, Sha256),
    suite(0xc03f, "TLS_DH_DSS_WITH_ARIA_256_CBC_SHA384", StaticDiffieHellman, ARIA_256_CBC, Sha384),
    suite(0xc040, "TLS_DH_RSA_WITH_ARIA_128_CBC_SHA256", StaticDiffieHellman, ARIA_128_CBC, Sha256),
    suite(0xc041, "TLS_DH_RSA_WITH_ARIA_256_CBC_SHA384", StaticDiffieHellman, ARIA_256_CBC, Sha384),
    suite(0xc042, "TLS_DHE_DSS_WITH_ARIA_128_CBC_SHA256", Ephemeral, ARIA_128_CBC, Sha256),
    suite(0xc043, "TLS_DHE_DSS_WITH_ARIA_256_CBC_SHA384", Ephemeral, ARIA_256_CBC, Sha384),
    suite(0xc044, "TLS_DHE_RSA_WITH_ARIA_128_CBC_SHA256", Ephemeral, ARIA_128_CBC, Sha256),
    suite(0xc045, "TLS_DHE_RSA_WITH_ARIA_256_CBC_SHA384", Ephemeral, ARIA_256_CBC, Sha384),
    suite(0xc046, "TLS_DH_anon_WITH_ARIA_128_CBC_SHA256", Ephemeral, ARIA_128_CBC, Sha256),
    suite(0xc047, "TLS_DH_anon_WITH_ARIA_256_CBC_SHA384", Ephemeral, ARIA_256_CBC, Sha384),
    suite(0xc048, "TLS_ECDHE_ECDSA_WITH_ARIA_128_CBC_SHA256", Ephemeral, ARIA_128_CBC, Sha256),
    suite(0xc049, "TLS_ECDHE_ECDSA_WITH_ARIA_256_CBC_SHA384", Ephemeral, ARIA_256_CBC, Sha384),
    suite(0xc04a, "TLS_ECDH_ECDSA_WITH_ARIA_128_CBC_SHA256", StaticDiffieHellman, ARIA_128_CBC, Sha256),
    suite(0xc04b, "TLS_ECDH_ECDSA_WITH_ARIA_256_CBC_SHA384", StaticDiffieHellman, ARIA_256_CBC, Sha384),
    suite(0xc04c, "TLS_ECDHE_RSA_WITH_ARIA_128_CBC_SHA256", Ephemeral, ARIA_128_CBC, Sha256),
    suite(0xc04d, "TLS_ECDHE_RSA_WITH_ARIA_256_CBC_SHA384", Ephemeral, ARIA_256_CBC, Sha384),
    suite(0xc04e, "TLS_ECDH_RSA_WITH_ARIA_128_CBC_SHA256", StaticDiffieHellman, ARIA_128_CBC, Sha256),
    suite(0xc04f, "TLS_ECDH_RSA_WITH_ARIA_256_CBC_SHA384", StaticDiffieHellman, ARIA_256_CBC, Sha384),
    suite(0xc050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256", Rsa, ARIA_128_GCM, Sha256),
    suite(0xc051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384", Rsa, ARIA_256_GCM, Sha384),
    suite(0xc052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256", Ephemeral, ARIA_128_GCM, Sha256),
    suite(0xc053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384", Ephemeral, ARIA_256_GCM, Sha384),
    suite(0xc054, "TLS_DH_RSA_WITH_ARIA_128_GCM_SHA256", StaticDiffieHellman, ARIA_128_GCM, Sha256),
    suite(0xc055, "TLS_DH_RSA_WITH_ARIA_256_GCM_SHA384", StaticDiffieHellman, ARIA_256_GCM, Sha384),
    suite(0xc056, "TLS_DHE_DSS_WITH_ARIA_128_GCM_SHA256", Ephemeral, ARIA_128_GCM, Sha256),
    suite(0xc057, "TLS_DHE_DSS_WITH_ARIA_256_GCM_SHA384", Ephemeral, ARIA_256_GCM, Sha384),
    suite(0xc058, "TLS_DH_DSS_WITH_ARIA_128_GCM_SHA256", StaticDiffieHellman, ARIA_128_GCM, Sha256),
    suite(0xc059, "TLS_DH_DSS_WITH_ARIA_256_GCM_SHA384", StaticDiffieHellman, ARIA_256_GCM, Sha384),
    suite(0xc05a, "TLS_DH_anon_WITH_ARIA_128_GCM_SHA256", Ephemeral, ARIA_128_GCM, Sha256),
    suite(0xc05b, "TLS_DH_anon_WITH_ARIA_256_GCM_SHA384", Ephemeral, ARIA_256_GCM, Sha384),
    suite(0xc05c, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256", Ephemeral, ARIA_128_GCM, Sha256),
    suite(0xc05d, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384", Ephemeral, ARIA_256_GCM, Sha384),
    suite(0xc05e, "TLS_ECDH_ECDSA_WITH_ARIA_128_GCM_SHA256", StaticDiffieHellman, ARIA_128_GCM, Sha256),
    suite(0xc05f, "TLS_ECDH_ECDSA_WITH_ARIA_256_GCM_SHA384", StaticDiffieHellman, ARIA_256_GCM, Sha384),
    suite(0xc060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256", Ephemeral, ARIA_128_GCM, Sha256),
    suite(0xc061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384", Ephemeral, ARIA_256_GCM, Sha384),
    suite(0xc062, "TLS_ECDH_RSA_WITH_ARIA_128_GCM_SHA256", StaticDiffieHellman, ARIA_128_GCM, Sha256),
    suite(0xc063, "TLS_ECDH_RSA_WITH_ARIA_256_GCM_SHA384", StaticDiffieHellman, ARIA_256_GCM, Sha384),
    suite(0xc064, "TLS_PSK_WITH_ARIA_128_CBC_SHA256", Psk, ARIA_128_CBC, Sha256),
    suite(0xc065, "TLS_PSK_WITH_ARIA_256_CBC_SHA384", Psk, ARIA_256_CBC, Sha384),
    suite(0xc066, "TLS_DHE_PSK_WITH_ARIA_128_CBC_SHA256", Ephemeral, ARIA_128_CBC, Sha256),
    suite(0xc067, "TLS_DHE_PSK_WITH_ARIA_256_CBC_SHA384", Ephemeral, ARIA_256_CBC, Sha384),
    suite(0xc068, "TLS_RSA_PSK_WITH_ARIA_128_CBC_SHA256", Psk, ARIA_128_CBC, Sha256),
    suite(0xc069, "TLS_RSA_PSK_WITH_ARIA_256_CBC_SHA384", Psk, ARIA_256_CBC, Sha384),
    suite(0xc06a, "TLS_PSK_WITH_ARIA_128_GCM_SHA256", Psk, ARIA_128_GCM, Sha256),
    suite(0xc06b, "TLS_PSK_WITH_ARIA_256_GCM_SHA384", Psk, ARIA_256_GCM, Sha384),
    suite(0xc06c, "TLS_DHE_PSK_WITH_ARIA_128_GCM_SHA256", Ephemeral, ARIA_128_GCM, Sha256),
    suite(0xc06d, "TLS_DHE_PSK_WITH_ARIA_256_GCM_SHA384", Ephemeral, ARIA_256_GCM, Sha384),
    suite(0xc06e, "TLS_RSA_PSK_WITH_ARIA_128_GCM_SHA256", Psk, ARIA_128_GCM, Sha256),
    suite(0xc06f, "TLS_RSA_PSK_WITH_ARIA_256_GCM_SHA384", Psk, ARIA_256_GCM, Sha384),
    suite(0xc070, "TLS_ECDHE_PSK_WITH_ARIA_128_CBC_SHA256", Ephemeral, ARIA_128_CBC, Sha256),
    suite(0xc071, "TLS_ECDHE_PSK_WITH_ARIA_256_CBC_SHA384", Ephemeral, ARIA_256_CBC, Sha384),
    suite(0xc072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256", Ephemeral, CAMELLIA_128_CBC, Sha256),
    suite(0xc073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384", Ephemeral, CAMELLIA_256_CBC, Sha384),
    suite(0xc074, "TLS_ECDH_ECDSA_WITH_CAMELLIA_128_CBC_SHA256", StaticDiffieHellman, CAMELLIA_128_CBC, Sha256),
    suite(0xc075, "TLS_ECDH_ECDSA_WITH_CAMELLIA_256_CBC_SHA384", StaticDiffieHellman, CAMELLIA_256_CBC, Sha384),
    suite(0xc076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", Ephemeral, CAMELLIA_128_CBC, Sha256),
    suite(0xc077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384", Ephemeral, CAMELLIA_256_CBC, Sha384),
    suite(0xc078, "TLS_ECDH_RSA_WITH_CAMELLIA_128_CBC_SHA256", StaticDiffieHellman, CAMELLIA_128_CBC, Sha256),
    suite(0xc079, "TLS_ECDH_RSA_WITH_CAMELLIA_256_CBC_SHA384", StaticDiffieHellman, CAMELLIA_256_CBC, Sha384),
    suite(0xc07a, "TLS_RSA_WITH_CAMELLIA_128_GCM_SHA256", Rsa, CAMELLIA_128_GCM, Sha256),
    suite(0xc07b, "TLS_RSA_WITH_CAMELLIA_256_GCM_SHA384", Rsa, CAMELLIA_256_GCM, Sha384),
    suite(0xc07c, "TLS_DHE_RSA_WITH_CAMELLIA_128_GCM_SHA256", Ephemeral, CAMELLIA_128_GCM, Sha256),
    suite(0xc07d, "TLS_DHE_RSA_WITH_CAMELLIA_256_GCM_SHA384", Ephemeral, CAMELLIA_256_GCM, Sha384),
    suite(0xc07e, "TLS_DH_RSA_WITH_CAMELLIA_128_GCM_SHA256", StaticDiffieHellman, CAMELLIA_128_GCM, Sha256),
    suite(0xc07f, "TLS_DH_RSA_WITH_CAMELLIA_256_GCM_SHA384", StaticDiffieHellman, CAMELLIA_256_GCM, Sha384),
    suite(0xc080, "TLS_DHE_DSS_WITH_CAMELLIA_128_GCM_SHA256", Ephemeral, CAMELLIA_128_GCM, Sha256),
    suite(0xc081, "TLS_DHE_DSS_WITH_CAMELLIA_256_GCM_SHA384", Ephemeral, CAMELLIA_256_GCM, Sha384),
    suite(0xc082, "TLS_DH_DSS_WITH_CAMELLIA_128_GCM_SHA256", StaticDiffieHellman, CAMELLIA_128_GCM, Sha256),
    suite(0xc083, "TLS_DH_DSS_WITH_CAMELLIA_256_GCM_SHA384", StaticDiffieHellman, CAMELLIA_256_GCM, Sha384),
    suite(0xc084, "TLS_DH_anon_WITH_CAMELLIA_128_GCM_SHA256", Ephemeral, CAMELLIA_128_GCM, Sha256),
    suite(0xc085, "TLS_DH_anon_WITH_CAMELLIA_256_GCM_SHA384", Ephemeral, CAMELLIA_256_GCM, Sha384),
    suite(0xc086, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_GCM_SHA256", Ephemeral, CAMELLIA_128_GCM, Sha256),
    suite(0xc087, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_GCM_SHA384", Ephemeral, CAMELLIA_256_GCM, Sha384),
    suite(0xc088, "TLS_ECDH_ECDSA_WITH_CAMELLIA_128_GCM_SHA256", StaticDiffieHellman, CAMELLIA_128_GCM, Sha256),
    suite(0xc089, "TLS_ECDH_ECDSA_WITH_CAMELLIA_256_GCM_SHA384", StaticDiffieHellman, CAMELLIA_256_GCM, Sha384),
    suite(0xc08a, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_GCM_SHA256", Ephemeral, CAMELLIA_128_GCM, Sha256),
    suite(0xc08b, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_GCM_SHA384", Ephemeral, CAMELLIA_256_GCM, Sha384),
    suite(0xc08c, "TLS_ECDH_RSA_WITH_CAMELLIA_128_GCM_SHA256", StaticDiffieHellman, CAMELLIA_128_GCM, Sha256),
    suite(0xc08d, "TLS_ECDH_RSA_WITH_CAMELLIA_256_GCM_SHA384", StaticDiffieHellman, CAMELLIA_256_GCM, Sha384),
    suite(0xc08e, "TLS_PSK_WITH_CAMELLIA_128_GCM_SHA256", Psk, CAMELLIA_128_GCM, Sha256),
    suite(0xc08f, "TLS_PSK_WITH_CAMELLIA_256_GCM_SHA384", Psk, CAMELLIA_256_GCM, Sha384),
    suite(0xc090, "TLS_DHE_PSK_WITH_CAMELLIA_128_GCM_SHA256", Ephemeral, CAMELLIA_128_GCM, Sha256),
    suite(0xc091, "TLS_DHE_PSK_WITH_CAMELLIA_256_GCM_SHA384", Ephemeral, CAMELLIA_256_GCM, Sha384),
    suite(0xc092, "TLS_RSA_PSK_WITH_CAMELLIA_128_GCM_SHA256", Psk, CAMELLIA_128_GCM, Sha256),
    suite(0xc093, "TLS_RSA_PSK_WITH_CAMELLIA_256_GCM_SHA384", Psk, CAMELLIA_256_GCM, Sha384),
    suite(0xc094, "TLS_PSK_WITH_CAMELLIA_128_CBC_SHA256", Psk, CAMELLIA_128_CBC, Sha256),
    suite(0xc095, "TLS_PSK_WITH_CAMELLIA_256_CBC_SHA384", Psk, CAMELLIA_256_CBC, Sha384),
    suite(0xc096, "TLS_DHE_PSK_WITH_CAMELLIA_128_CBC_SHA256", Ephemeral, CAMELLIA_128_CBC, Sha256),
    suite(0xc097, "TLS_DHE_PSK_WITH_CAMELLIA_256_CBC_SHA384", Ephemeral, CAMELLIA_256_CBC, Sha384),
    suite(0xc098, "TLS_RSA_PSK_WITH_CAMELLIA_128_CBC_SHA256", Psk, CAMELLIA_128_CBC, Sha256),
    suite(0xc099, "TLS_RSA_PSK_WITH_CAMELLIA_256_CBC_SHA384", Psk, CAMELLIA_256_CBC, Sha384),
    suite(0xc09a, "TLS_ECDHE_PSK_WITH_CAMELLIA_128_CBC_SHA256", Ephemeral, CAMELLIA_128_CBC, Sha256),
    suite(0xc09b, "TLS_ECDHE_PSK_WITH_CAMELLIA_256_CBC_SHA384", Ephemeral, CAMELLIA_256_CBC, Sha384),
    suite(0xc09c, "TLS_RSA_WITH_AES_128_CCM", Rsa, AES_128_CCM, Sha256),
    suite(0xc09d, "TLS_RSA_WITH_AES_256_CCM", Rsa, AES_256_CCM, Sha256),
    suite(0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM", Ephemeral, AES_128_CCM, Sha256),
    suite(0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM", Ephemeral, AES_256_CCM, Sha256),
    suite(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8", Rsa, AES_128_CCM_8, Sha256),
    suite(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8", Rsa, AES_256_CCM_8, Sha256),
    suite(0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8", Ephemeral, AES_128_CCM_8, Sha256),
    suite(0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8", Ephemeral, AES_256_CCM_8, Sha256),
    suite(0xc0a4, "TLS_PSK_WITH_AES_128_CCM", Psk, AES_128_CCM, Sha256),
    suite(0xc0a5, "TLS_PSK_WITH_AES_256_CCM", Psk, AES_256_CCM, Sha256),
    suite(0xc0a6, "TLS_DHE_PSK_WITH_AES_128_CCM", Ephemeral, AES_128_CCM, Sha256),
    suite(0xc0a7, "TLS_DHE_PSK_WITH_AES_256_CCM", Ephemeral, AES_256_CCM, Sha256),
    suite(0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8", Psk, AES_128_CCM_8, Sha256),
    suite(0xc0a9, "TLS_PSK_WITH_AES_256_CCM_8", Psk, AES_256_CCM_8, Sha256),
    suite(0xc0aa, "TLS_PSK_DHE_WITH_AES_128_CCM_8", Ephemeral, AES_128_CCM_8, Sha256),
    suite(0xc0ab, "TLS_PSK_DHE_WITH_AES_256_CCM_8", Ephemeral, AES_256_CCM_8, Sha256),
    suite(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", Ephemeral, AES_128_CCM, Sha256),
    suite(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", Ephemeral, AES_256_CCM, Sha256),
    suite(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", Ephemeral, AES_128_CCM_8, Sha256),
    suite(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", Ephemeral, AES_256_CCM_8, Sha256),
    suite(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Ephemeral, CHACHA20_POLY1305, Sha256),
    suite(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", Ephemeral, CHACHA20_POLY1305, Sha256),
    suite(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", Ephemeral, CHACHA20_POLY1305, Sha256),
    suite(0xccab, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256", Psk, CHACHA20_POLY1305, Sha256),
    suite(0xccac, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", Ephemeral, CHACHA20_POLY1305, Sha256),
    suite(0xccad, "TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256", Ephemeral, CHACHA20_POLY1305, Sha256),
    suite(0xccae, "TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256", Psk, CHACHA20_POLY1305, Sha256),
    suite(0xd001, "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", Ephemeral, AES_128_GCM, Sha256),
    suite(0xd002, "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384", Ephemeral, AES_256_GCM, Sha384),
    suite(0xd003, "TLS_ECDHE_PSK_WITH_AES_128_CCM_8_SHA256", Ephemeral, AES_128_CCM_8, Sha256),
    suite(0xd005, "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256", Ephemeral, AES_128_CCM, Sha256),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_their_names_agree_with_their_contents() {
        assert!(SUITES.is_sorted_by(|a, b| a.code < b.code));
        for suite in SUITES {
            let name = suite.name;
            let (key, block) = match &suite.bulk {
                Bulk::Null => (0, 0),
                Bulk::Rc4 { key } => (*key, 0),
                Bulk::Block { key, block, .. } => (*key, *block),
                Bulk::Aead { key, .. } => (*key, 1),
                Bulk::Unsupported => continue,
            };
            let bits = [
                ("_40_", 5),
                ("_DES40_", 5),
                ("_128_", 16),
                ("_256_", 32),
                ("_CHACHA20_", 32),
                ("_3DES_", 24),
                ("_WITH_DES_", 8),
                ("_IDEA_", 16),
                ("_SEED_", 16),
                ("_NULL_", 0),
            ];
            let expected = bits.iter().find(|(part, _)| name.contains(part)).map(|(_, key)| *key);
            assert_eq!(Some(key), expected, "{name}");
            assert_eq!(name.contains("_CBC_"), block > 1, "{name}");
            assert_eq!(name.ends_with("SHA384"), suite.prf() == Sha384, "{name}");
            let rsa = name.contains("TLS_RSA_WITH_") || name.contains("TLS_RSA_EXPORT_");
            assert_eq!(rsa, suite.exchange == Rsa, "{name}");
        }
    }

    #[test]
    fn finds_by_code_point() {
        assert_eq!(Suite::find(0xc02f).unwrap().name, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(Suite::find(0x1303).unwrap().name, "TLS_CHACHA20_POLY1305_SHA256");
        assert!(Suite::find(0x0a0a).is_none());
    }
}
