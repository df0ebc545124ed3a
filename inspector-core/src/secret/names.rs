//! What a name says of its value: the one list of the names of secrets.
//!
//! Fields, parameters, members, elements and claims are named in many ways (`os_password`, `j_password`, `userpwd`,
//! `ctl00$Login$Password`, `user[kennwort]`). Rules that look for a secret and masks that hide one ask here, so that what
//! one of them knows the other knows too.
//!
//! A name is read as words, in lower case: letters and digits of other kinds divide, and so do capitals in a name of
//! mixed case. Digits do not count.
//!
//! ```text
//! ctl00$Login$txtPassword2   ctl login txt password
//! sap-password               sap password
//! userPwd                    user pwd
//! ```

use std::sync::LazyLock;

use smallvec::SmallVec;

use crate::encoding::any_case::Words;

/// What a secret is good for, told by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecretKind {
    /// What somebody knows or reads from a device to sign in: a password, a passphrase, a PIN, a one-time code.
    Password,
    /// What a program signs in with: a client's secret, an API key, a private key, a signature that grants access.
    Key,
    /// A token, an assertion, a ticket: whoever has it is let in.
    Token,
    /// The identifier of a session.
    Session,
    /// A code that is exchanged for something, or proves that two messages belong together.
    Code,
}

/// The longest name that is looked at, in bytes; of a longer one its end is.
const LONGEST: usize = 128;

/// Parts of a name that stand for a password wherever they are in it.
const PASSWORD_PARTS: &[&str] = &[
    "password",
    "passwd",
    "passwrd",
    "passphrase",
    "passcode",
    "passwort",
    "kennwort",
    "motdepasse",
    "motpasse",
    "contrasena",
    "contraseña",
    "contrasenya",
    "palavrapasse",
    "wachtwoord",
    "losenord",
    "lösenord",
    "adgangskode",
    "salasana",
    "slaptazodis",
    "jelszo",
    "jelszó",
    "pincode",
    "onetimepass",
    "onetimecode",
    "onetimepin",
    "verificationcode",
    "securitycode",
    "mfacode",
    "twofactorcode",
    "smscode",
    "totpcode",
    "otpcode",
    "otccode",
    "secretanswer",
    "пароль",
    "密码",
    "密碼",
    "パスワード",
    "비밀번호",
];

/// Ends of a name that stand for a password.
const PASSWORD_ENDS: &[&str] = &[
    "pwd",
    "pswd",
    "passwd",
    "otp",
    "userpass",
    "loginpass",
    "dbpass",
    "mypass",
    "newpass",
    "oldpass",
    "adminpass",
    "mailpass",
    "smtppass",
    "ftppass",
    "sshpass",
    "proxypass",
    "authpass",
    "userpw",
    "loginpw",
    "dbpw",
    "adminpw",
];

/// Words that stand for a password where they are whole words of a name.
const PASSWORD_WORDS: &[&str] = &[
    "pass", "passw", "pword", "pw", "psw", "pin", "otp", "totp", "hotp", "mdp", "senha", "heslo", "haslo", "hasło",
    "passord", "sifre", "şifre", "parola", "parole", "parol", "geslo", "lozinka", "parool", "clave", "otc",
];

/// Ends of a name that stand for a key.
const KEY_ENDS: &[&str] = &[
    "secret",
    "apikey",
    "privatekey",
    "secretkey",
    "accesskey",
    "accesskeyid",
    "sharedkey",
    "accountkey",
    "masterkey",
    "subscriptionkey",
    "encryptionkey",
    "signingkey",
    "authkey",
    "secretid",
    "connectionstring",
];

/// Words that stand for a key.
const KEY_WORDS: &[&str] = &["secret", "secrets", "key", "sig", "signature", "credential", "credentials", "creds"];

/// Ends of a name that stand for a token.
const TOKEN_ENDS: &[&str] = &["token", "tokens", "jwt", "assertion", "samlresponse", "samlrequest", "wresult"];

/// Words that stand for a token.
const TOKEN_WORDS: &[&str] = &[
    "jwt",
    "assertion",
    "auth",
    "authorization",
    "bearer",
    "ticket",
    "cwt",
    "appcontext",
    "appcontexttoken",
    "canary",
];

/// Parts of a name that stand for a session.
const SESSION_PARTS: &[&str] = &["sessionid", "sessid"];

/// Words that stand for a session.
const SESSION_WORDS: &[&str] = &["session", "sid"];

/// Words that stand for a code.
const CODE_WORDS: &[&str] = &["code", "nonce", "verifier"];

/// Ends of a name that stand for a code.
const CODE_ENDS: &[&str] = &["authcode", "usercode", "devicecode"];

/// Whatever tells of a secret in a name, by its first byte.
static STEMS: LazyLock<Vec<Vec<&'static str>>> = LazyLock::new(|| {
    let mut stems = vec![Vec::new(); 256];
    let lists = [
        PASSWORD_PARTS,
        PASSWORD_ENDS,
        PASSWORD_WORDS,
        KEY_ENDS,
        KEY_WORDS,
        TOKEN_ENDS,
        TOKEN_WORDS,
        SESSION_PARTS,
        SESSION_WORDS,
        CODE_WORDS,
        CODE_ENDS,
    ];
    for stem in lists.concat() {
        let first = stem.bytes().next().unwrap_or_default();
        stems.get_mut(usize::from(first)).into_iter().for_each(|list: &mut Vec<_>| list.push(stem));
    }
    stems
});

/// Whether there is anything in a name that can tell of a secret.
fn may_tell(joined: &str) -> bool {
    let bytes = joined.as_bytes();
    bytes.iter().enumerate().any(|(at, first)| {
        let (stems, rest) = (STEMS.get(usize::from(*first)), bytes.get(at..).unwrap_or_default());
        stems.is_some_and(|stems| stems.iter().any(|stem| rest.starts_with(stem.as_bytes())))
    })
}

/// Words before `code` and `key` that tell of no secret.
const PLAIN_BEFORE: &[&str] = &[
    "area",
    "bar",
    "cache",
    "color",
    "country",
    "currency",
    "err",
    "error",
    "event",
    "exit",
    "foreign",
    "group",
    "http",
    "idempotency",
    "lang",
    "language",
    "message",
    "object",
    "order",
    "partition",
    "postal",
    "primary",
    "product",
    "public",
    "reason",
    "response",
    "result",
    "return",
    "row",
    "sort",
    "status",
    "websocket",
    "zip",
];

/// Last words of names that tell something about a secret: its age, its kind, where to change it.
const FACTS: &[&str] = &[
    "age",
    "changed",
    "count",
    "date",
    "enabled",
    "exp",
    "expired",
    "expires",
    "expiration",
    "expiry",
    "failed",
    "hint",
    "in",
    "label",
    "length",
    "len",
    "less",
    "lifetime",
    "method",
    "methods",
    "ops",
    "policy",
    "quality",
    "required",
    "reset",
    "rules",
    "size",
    "strength",
    "supported",
    "time",
    "type",
    "types",
    "uri",
    "url",
    "use",
    "version",
];

/// The same, also where nothing divides them from the word before them.
const FACT_ENDS: &[&str] = &[
    "changed",
    "enabled",
    "exp",
    "expired",
    "expires",
    "expiration",
    "expiry",
    "expiresin",
    "hint",
    "length",
    "policy",
    "required",
    "reset",
    "strength",
    "type",
    "types",
    "uri",
    "url",
    "version",
    "passwordless",
];

/// First words of names of what shall happen to a password, or whether it is one.
const VERBS: &[&str] = &[
    "allow", "can", "change", "disable", "display", "enable", "forget", "forgot", "has", "hide", "is", "keep", "lost",
    "needs", "no", "recover", "remember", "require", "requires", "reset", "save", "show", "store", "toggle", "use",
];

/// Names that hold a secret word but no secret.
const HARMLESS: &[&str] = &[
    "requested_token_use",
    "code_challenge",
    "code_challenge_method",
    "x-oauth-enabled",
    "sec-websocket-key",
    "auth_type",
];

/// Words for somebody who signs in.
const USER_WORDS: &[&str] = &[
    "user",
    "username",
    "uname",
    "userid",
    "uid",
    "login",
    "loginfmt",
    "loginname",
    "logon",
    "logonname",
    "email",
    "mail",
    "account",
    "upn",
    "identifier",
    "identity",
    "principal",
    "domainusername",
    "benutzer",
    "benutzername",
    "utilisateur",
    "identifiant",
    "usuario",
    "utente",
    "gebruiker",
    "gebruikersnaam",
];

/// Words before or behind one of those that make it something else.
const NOT_USER: &[&str] =
    &["agent", "type", "role", "group", "lang", "locale", "count", "action", "url", "code", "realm"];

/// The private parameters of a JWK, and its symmetric key (RFC 7518 §6).
pub const PRIVATE_JWK: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "k", "oth"];

/// What the value under `name` is, if the name marks it as a secret. Facts about a secret (`pwd_exp`, `token_type`) and
/// other things of that name (`status_code`, `cache-key`) are none.
pub fn secret_kind(name: &str) -> Option<SecretKind> {
    let read = Name::read(name);
    let found = read.kind()?;
    (!HARMLESS.iter().any(|known| name.eq_ignore_ascii_case(known))).then_some(found)
}

/// Whether a value under `name` is a password that somebody signs in with: [`SecretKind::Password`], and the name says
/// nothing of what shall happen to it (`show_password`, `forgotPassword`).
pub fn is_password(name: &str) -> bool {
    let read = Name::read(name);
    read.kind() == Some(SecretKind::Password) && !read.words().next().is_some_and(|word| VERBS.contains(&word))
}

/// The names of passwords.
static NAMES: LazyLock<Words> = LazyLock::new(|| Words::new(names_of_passwords()));

/// What passwords are named, and the beginnings of names that are divided.
fn names_of_passwords() -> impl Iterator<Item = &'static str> {
    const BEGUN: &[&str] = &[
        "grant_type",
        "mot_de_pass",
        "mot-de-pass",
        "one_time",
        "one-time",
        "verification",
        "security",
        "secret",
        "Пароль",
    ];
    [PASSWORD_PARTS, PASSWORD_ENDS, PASSWORD_WORDS, BEGUN].into_iter().flatten().copied()
}

/// Whether the name of a password can stand in a text. `false` is certain, but for letters other than ASCII's that are
/// capitals.
pub(crate) fn may_name_password(text: &[u8]) -> bool {
    NAMES.is_match(text)
}

/// Whether a value under `name` is a secret a client signs in with (`client_secret`, `appSecret`).
pub fn is_client_secret(name: &str) -> bool {
    let read = Name::read(name);
    read.kind() == Some(SecretKind::Key) && read.joined.ends_with("secret")
}

/// Whether a value under `name` is the name of somebody who signs in.
pub fn is_user(name: &str) -> bool {
    let read = Name::read(name);
    read.kind().is_none()
        && read.words().any(|word| USER_WORDS.contains(&word) || word.ends_with("username"))
        && !read.words().any(|word| NOT_USER.contains(&word))
}

/// Whether `value` says yes, no or nothing: such a value under the name of a secret is a switch.
pub fn is_switch(value: &str) -> bool {
    const SWITCHES: [&str; 12] =
        ["true", "false", "0", "1", "yes", "no", "on", "off", "null", "none", "undefined", "nil"];
    let value = value.trim();
    value.is_empty() || SWITCHES.iter().any(|switch| value.eq_ignore_ascii_case(switch))
}

/// The words of a name, in lower case.
struct Name {
    /// With nothing between them.
    joined: Text,
    /// Where each ends.
    ends: SmallVec<[u8; 16]>,
}

/// A short text.
struct Text(SmallVec<[u8; 64]>);

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Name {
    fn read(name: &str) -> Self {
        let start = name.len().saturating_sub(LONGEST);
        let start = (start..=name.len()).find(|at| name.is_char_boundary(*at)).unwrap_or_default();
        let name = name.get(start..).unwrap_or_default();
        let mut read = Self { joined: Text(SmallVec::new()), ends: SmallVec::new() };
        let mixed = name.bytes().any(|b| b.is_ascii_lowercase());
        let mut before = ' ';
        let mut letters = name.chars().peekable();
        while let Some(letter) = letters.next() {
            let divides = !letter.is_alphabetic();
            let begins = mixed
                && letter.is_uppercase()
                && (before.is_lowercase() || letters.peek().is_some_and(|next| next.is_lowercase()));
            if divides || begins {
                read.end();
            }
            if !divides {
                let mut buffer = [0; 4];
                for small in letter.to_lowercase() {
                    read.joined.0.extend_from_slice(small.encode_utf8(&mut buffer).as_bytes());
                }
            }
            before = letter;
        }
        read.end();
        read
    }

    /// A word ends here, if one was begun.
    fn end(&mut self) {
        // Capitals that become longer in lower case are few; a name of nothing else is cut.
        let Ok(end) = u8::try_from(self.joined.0.len()) else { return };
        if self.ends.last().copied().unwrap_or_default() < end {
            self.ends.push(end);
        }
    }

    fn words(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.ends.iter().enumerate().filter_map(|(at, end)| {
            let start = at.checked_sub(1).and_then(|at| self.ends.get(at)).copied().unwrap_or_default();
            self.joined.get(usize::from(start)..usize::from(*end))
        })
    }

    fn kind(&self) -> Option<SecretKind> {
        let joined: &str = &self.joined;
        // Most names of most messages have nothing of it.
        if !may_tell(joined) {
            return None;
        }
        let has = |parts: &[&str]| parts.iter().any(|part| joined.contains(part));
        let ends = |ends: &[&str]| ends.iter().any(|end| joined.ends_with(end));
        let word = |words: &[&str]| self.words().any(|word| words.contains(&word));
        let kind = if has(PASSWORD_PARTS) || ends(PASSWORD_ENDS) || word(PASSWORD_WORDS) {
            SecretKind::Password
        } else if ends(KEY_ENDS) || word(KEY_WORDS) {
            SecretKind::Key
        } else if ends(TOKEN_ENDS) || word(TOKEN_WORDS) || self.words().any(|word| word == "token") {
            SecretKind::Token
        } else if has(SESSION_PARTS) || word(SESSION_WORDS) {
            SecretKind::Session
        } else if word(CODE_WORDS) || ends(CODE_ENDS) {
            SecretKind::Code
        } else {
            return None;
        };
        (!self.is_fact(kind)).then_some(kind)
    }

    /// Whether the name tells something about a secret, or is one of another thing.
    fn is_fact(&self, kind: SecretKind) -> bool {
        let mut words = self.words().rev();
        let (last, before) = (words.next().unwrap_or_default(), words.next());
        let many = before.is_some();
        // The hint of OpenID Connect is a token itself.
        if self.joined.ends_with("tokenhint") {
            return false;
        }
        (many && FACTS.contains(&last))
            || FACT_ENDS.iter().any(|end| self.joined.ends_with(end))
            || (matches!(kind, SecretKind::Key | SecretKind::Code)
                && matches!(last, "key" | "code")
                && before.is_some_and(|word| PLAIN_BEFORE.contains(&word)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_go_by_many_names() {
        for name in [
            "password",
            "PASSWORD",
            "Password",
            "PassWord",
            "passwd",
            "pwd",
            "pass",
            "pw",
            "psw",
            "pword",
            "pswd",
            "os_password",
            "j_password",
            "sap-password",
            "userpwd",
            "userPwd",
            "UserPWD",
            "user_pwd",
            "passcode",
            "otp",
            "OTP",
            "smsotp",
            "totp",
            "one_time_password",
            "oneTimeCode",
            "kennwort",
            "Kennwort",
            "motdepasse",
            "mot_de_passe",
            "motDePasse",
            "contraseña",
            "contrasena",
            "senha",
            "wachtwoord",
            "passwort",
            "пароль",
            "Пароль",
            "Пароль",
            "密码",
            "パスワード",
            "ctl00$Login$Password",
            "user[password]",
            "data[User][passwd]",
            "login:password",
            "txtPassword",
            "password2",
            "newPassword",
            "password_confirmation",
            "userpass",
            "db_pass",
            "dbpass",
            "http_password",
            "X-Auth-Password",
            "SAPPassword",
            "pin",
            "PIN_CODE",
            "passphrase",
            "org.example.password",
            "verification_code",
            "user.pass.1",
            "passw",
            "pass_word",
            "user-kennwort",
        ] {
            assert_eq!(secret_kind(name), Some(SecretKind::Password), "{name}");
            assert!(is_password(name), "{name}");
            assert!(may_name_password(name.as_bytes()), "{name}");
            assert!(!is_user(name), "{name}");
        }
        for name in [
            "pwd_exp",
            "pwd_url",
            "password_expires",
            "passwordExpires",
            "passwordexpires",
            "password_policy",
            "compass",
            "bypass",
            "passive",
            "passenger",
            "passport",
            "password_type",
            "pwdLength",
            "laptop",
            "pinned",
            "spin",
            "passwordless",
            "mapping",
            "",
            "1",
            "$$",
            "pawn",
            "grant_types",
        ] {
            assert_ne!(secret_kind(name), Some(SecretKind::Password), "{name}");
            assert!(!is_password(name), "{name}");
        }
        // What shall happen to one: masked, and no password that somebody sends.
        for name in ["show_password", "forgotPassword", "remember-password", "isPassword", "resetPassword"] {
            assert!(secret_kind(name).is_some() && !is_password(name), "{name}");
        }
    }

    #[test]
    fn other_secrets_are_told_apart() {
        use SecretKind::{Code, Key, Session, Token};
        for (name, kind) in [
            ("client_secret", Some(Key)),
            ("client-secret", Some(Key)),
            ("clientSecret", Some(Key)),
            ("api_key", Some(Key)),
            ("X-Api-Key", Some(Key)),
            ("apikey", Some(Key)),
            ("Ocp-Apim-Subscription-Key", Some(Key)),
            ("sig", Some(Key)),
            ("X-Amz-Signature", Some(Key)),
            ("access_token", Some(Token)),
            ("accessToken", Some(Token)),
            ("SAMLResponse", Some(Token)),
            ("client_assertion", Some(Token)),
            ("id_token_hint", Some(Token)),
            ("token_type_hint", None),
            ("X-Skypetoken", Some(Token)),
            ("jsessionid", Some(Session)),
            ("PHPSESSID", Some(Session)),
            ("ASP.NET_SessionId", Some(Session)),
            ("sid", Some(Session)),
            ("code", Some(Code)),
            ("device_code", Some(Code)),
            ("code_verifier", Some(Code)),
            ("nonce", Some(Code)),
            ("token_type", None),
            ("tokenType", None),
            ("client_assertion_type", None),
            ("code_challenge_method", None),
            ("requested_token_use", None),
            ("Sec-WebSocket-Key", None),
            ("X-Cache-Key", None),
            ("status_code", None),
            ("statusCode", None),
            ("countryCode", None),
            ("token_endpoint_auth_method", None),
            ("monkey", None),
            ("decode", None),
            ("username", None),
            ("inside", None),
        ] {
            assert_eq!(secret_kind(name), kind, "{name}");
        }
        assert!(is_client_secret("client_secret") && is_client_secret("AppSecret") && !is_client_secret("api_key"));
    }

    #[test]
    fn users_are_told() {
        for name in [
            "username",
            "user",
            "user_name",
            "userid",
            "user_id",
            "login",
            "loginfmt",
            "j_username",
            "os_username",
            "sap-user",
            "email",
            "ctl00$UserName",
            "user[login]",
            "userPrincipalName",
            "benutzername",
            "identifiant",
            "upn",
        ] {
            assert!(is_user(name), "{name}");
        }
        for name in ["user_agent", "userType", "password", "user_password", "userToken", "action", "usage", ""] {
            assert!(!is_user(name), "{name}");
        }
        for value in ["", " ", "true", "OFF", "1", "null"] {
            assert!(is_switch(value), "{value}");
        }
        assert!(!is_switch("hunter2"));
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_read(name: String) {
            let read = Name::read(&name);
            let words: String = read.words().collect();
            proptest::prop_assert!(read.joined.starts_with(&words));
        }
    }

    #[test]
    fn all_names_are_looked_for() {
        for name in names_of_passwords() {
            assert!(name.len() <= Words::LONGEST && may_name_password(name.to_ascii_uppercase().as_bytes()), "{name}");
        }
        assert!(!may_name_password(b"<t:Item Id=\"AAMk\"/>"));
    }
}
