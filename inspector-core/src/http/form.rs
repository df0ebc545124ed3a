//! `application/x-www-form-urlencoded` pairs, in contents and in queries ([URL Standard] §5.1).
//!
//! Reading never fails: a `%` that is not followed by two digits stands for itself, and text that is not UTF-8 is read
//! with replacement characters. Nothing is allocated for text without `%` and `+`.
//!
//! [URL Standard]: https://url.spec.whatwg.org/#urlencoded-parsing

use std::borrow::Cow;

use crate::encoding::percent;

/// The pairs of a query or a form, decoded, in order. A pair without `=` has an empty value; empty pairs are left out.
pub fn pairs(input: &[u8]) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    input.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = match memchr::memchr(b'=', pair) {
            Some(at) => (pair.get(..at).unwrap_or_default(), pair.get(at + 1..).unwrap_or_default()),
            None => (pair, b"".as_slice()),
        };
        (decode(name), decode(value))
    })
}

/// Undoes percent-encoding, and `+` for a blank.
pub fn decode(input: &[u8]) -> Cow<'_, str> {
    if memchr::memchr2(b'%', b'+', input).is_none() {
        return String::from_utf8_lossy(input);
    }
    let blanks: Vec<u8> = input.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent::owned(percent::bytes(&blanks).into_owned())
}

/// Undoes percent-encoding only, as in paths, user information and cookies.
pub fn percent_decode(input: &[u8]) -> Cow<'_, str> {
    percent::decode(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let table: &[(&str, &[(&str, &str)])] = &[
            ("", &[]),
            ("a=1&b=2", &[("a", "1"), ("b", "2")]),
            ("&&a=&=b&c", &[("a", ""), ("", "b"), ("c", "")]),
            ("a=b=c&a+b=%2B+%20", &[("a", "b=c"), ("a b", "+  ")]),
            ("p=%&q=%4&r=%zz&s=%2", &[("p", "%"), ("q", "%4"), ("r", "%zz"), ("s", "%2")]),
            ("u=j%C3%BCrgen&l=j%FCrgen", &[("u", "jürgen"), ("l", "j\u{fffd}rgen")]),
            (
                "grant_type=http%3A%2F%2Foauth.net%2Fgrant_type%2Fjwt%2F1.0%2Fbearer",
                &[("grant_type", "http://oauth.net/grant_type/jwt/1.0/bearer")],
            ),
            ("secret=s3cr%2Bet", &[("secret", "s3cr+et")]),
        ];
        for (input, expected) in table {
            let found: Vec<_> = pairs(input.as_bytes()).map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
            let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            assert_eq!(found, expected, "{input}");
        }
        assert_eq!(percent_decode(b"a+b%3dc%"), "a+b=c%");
        assert_eq!(percent_decode(b"plain"), Cow::Borrowed("plain"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_decode(input: Vec<u8>) {
            let total: usize = pairs(&input).map(|(n, v)| n.chars().count() + v.chars().count()).sum();
            proptest::prop_assert!(total <= input.len());
        }
    }
}
