//! Host names as they are compared: RFC 9110 §4.2.3, letter case and a trailing dot aside, ports and brackets apart.

/// The host of an authority: without port, brackets, trailing dot; in lower case.
pub fn of_authority(authority: &str) -> String {
    let authority = authority.trim();
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None if authority.matches(':').count() > 1 => authority,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// Whether `host` (an authority, port allowed) matches `pattern`, where each `*` stands for any run of characters.
pub fn matches(pattern: &str, host: &str) -> bool {
    glob(of_authority(pattern).as_bytes(), of_authority(host).as_bytes())
}

/// Linear apart from the restarts at the last star, as shells do it.
fn glob(mut pattern: &[u8], mut text: &[u8]) -> bool {
    let mut restart: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                restart = Some((rest, text));
                pattern = rest;
            }
            (Some((wanted, rest)), Some((found, tail))) if wanted == found => (pattern, text) = (rest, tail),
            (None, None) => return true,
            _ => match restart {
                Some((after, from)) if !from.is_empty() => {
                    let from = from.get(1..).unwrap_or_default();
                    restart = Some((after, from));
                    (pattern, text) = (after, from);
                }
                _ => return false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, host, expected) in [
            ("mail.contoso.com", "MAIL.contoso.com.", true),
            ("mail.contoso.com", "mail.contoso.com:443", true),
            ("mail.contoso.com", "xmail.contoso.com", false),
            ("mail.contoso.com", "mail.contoso.com.evil", false),
            ("*.contoso.com", "mail.contoso.com", true),
            ("*.contoso.com", "contoso.com", false),
            ("*.contoso.com", "a.contoso.com.contoso.com", true),
            ("*.contoso.com", "mail.contoso.com.evil", false),
            ("*", "anything", true),
            ("mail*", "mail.contoso.com", true),
            ("m*.c*m", "mail.contoso.com", true),
            ("10.0.0.*", "10.0.0.7:8080", true),
            ("[2001:db8::1]:443", "2001:db8::1", true),
        ] {
            assert_eq!(matches(pattern, host), expected, "{pattern} {host}");
        }
    }
}
