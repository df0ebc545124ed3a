//! QPACK's static and dynamic tables (RFC 9204 §3, appendix A).
//!
//! Entries of the dynamic table are numbered over the whole connection, so that one keeps its number after it was evicted.
//! A reader of a recording keeps evicted entries: the packets of the streams that refer to them may have been recorded after
//! the one that evicts them. What bounds the table is its memory alone.

use std::collections::VecDeque;

use crate::http::compression::Entry;

/// Appendix A, index 0 first.
const STATIC: [(&[u8], &[u8]); 99] = [
    (b":authority", b""),
    (b":path", b"/"),
    (b"age", b"0"),
    (b"content-disposition", b""),
    (b"content-length", b"0"),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"referer", b""),
    (b"set-cookie", b""),
    (b":method", b"CONNECT"),
    (b":method", b"DELETE"),
    (b":method", b"GET"),
    (b":method", b"HEAD"),
    (b":method", b"OPTIONS"),
    (b":method", b"POST"),
    (b":method", b"PUT"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"103"),
    (b":status", b"200"),
    (b":status", b"304"),
    (b":status", b"404"),
    (b":status", b"503"),
    (b"accept", b"*/*"),
    (b"accept", b"application/dns-message"),
    (b"accept-encoding", b"gzip, deflate, br"),
    (b"accept-ranges", b"bytes"),
    (b"access-control-allow-headers", b"cache-control"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-allow-origin", b"*"),
    (b"cache-control", b"max-age=0"),
    (b"cache-control", b"max-age=2592000"),
    (b"cache-control", b"max-age=604800"),
    (b"cache-control", b"no-cache"),
    (b"cache-control", b"no-store"),
    (b"cache-control", b"public, max-age=31536000"),
    (b"content-encoding", b"br"),
    (b"content-encoding", b"gzip"),
    (b"content-type", b"application/dns-message"),
    (b"content-type", b"application/javascript"),
    (b"content-type", b"application/json"),
    (b"content-type", b"application/x-www-form-urlencoded"),
    (b"content-type", b"image/gif"),
    (b"content-type", b"image/jpeg"),
    (b"content-type", b"image/png"),
    (b"content-type", b"text/css"),
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-type", b"text/plain"),
    (b"content-type", b"text/plain;charset=utf-8"),
    (b"range", b"bytes=0-"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"strict-transport-security", b"max-age=31536000; includesubdomains"),
    (b"strict-transport-security", b"max-age=31536000; includesubdomains; preload"),
    (b"vary", b"accept-encoding"),
    (b"vary", b"origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-xss-protection", b"1; mode=block"),
    (b":status", b"100"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"302"),
    (b":status", b"400"),
    (b":status", b"403"),
    (b":status", b"421"),
    (b":status", b"425"),
    (b":status", b"500"),
    (b"accept-language", b""),
    (b"access-control-allow-credentials", b"FALSE"),
    (b"access-control-allow-credentials", b"TRUE"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-allow-methods", b"get"),
    (b"access-control-allow-methods", b"get, post, options"),
    (b"access-control-allow-methods", b"options"),
    (b"access-control-expose-headers", b"content-length"),
    (b"access-control-request-headers", b"content-type"),
    (b"access-control-request-method", b"get"),
    (b"access-control-request-method", b"post"),
    (b"alt-svc", b"clear"),
    (b"authorization", b""),
    (b"content-security-policy", b"script-src 'none'; object-src 'none'; base-uri 'none'"),
    (b"early-data", b"1"),
    (b"expect-ct", b""),
    (b"forwarded", b""),
    (b"if-range", b""),
    (b"origin", b""),
    (b"purpose", b"prefetch"),
    (b"server", b""),
    (b"timing-allow-origin", b"*"),
    (b"upgrade-insecure-requests", b"1"),
    (b"user-agent", b""),
    (b"x-forwarded-for", b""),
    (b"x-frame-options", b"deny"),
    (b"x-frame-options", b"sameorigin"),
];

/// What an index refers to: a name, unless it was not recorded, and a value.
pub(super) type Found<'t> = (Option<&'t [u8]>, &'t [u8]);

/// An entry of the static table; `None` beyond its end.
pub(super) fn fixed(index: usize) -> Option<Found<'static>> {
    STATIC.get(index).map(|(name, value)| (Some(*name), *value))
}

/// The dynamic table of one direction.
#[derive(Debug)]
pub(super) struct Table {
    entries: VecDeque<Entry>,
    /// Entries before the first that is kept.
    forgotten: u64,
    size: usize,
    most: usize,
}

impl Table {
    /// One that keeps `most` bytes of entries, by RFC 9204 §3.2.1.
    pub(super) const fn new(most: usize) -> Self {
        Self { entries: VecDeque::new(), forgotten: 0, size: 0, most }
    }

    /// How many entries were inserted so far.
    pub(super) fn inserted(&self) -> u64 {
        self.forgotten.saturating_add(self.entries.len() as u64)
    }

    /// Bytes of memory it takes besides its own, about.
    pub(super) fn weight(&self) -> usize {
        self.size.saturating_add(self.entries.capacity().saturating_mul(size_of::<Entry>()))
    }

    /// The entry with this number; `None` if it was not inserted yet, or forgotten.
    pub(super) fn find(&self, absolute: u64) -> Option<Found<'_>> {
        self.entries.get(usize::try_from(absolute.checked_sub(self.forgotten)?).ok()?).map(Entry::parts)
    }

    /// Inserts an entry; the oldest are forgotten for it.
    pub(super) fn insert(&mut self, name: Option<&[u8]>, value: &[u8]) {
        let entry = Entry::new(name, value);
        self.size = self.size.saturating_add(entry.size());
        self.entries.push_back(entry);
        while self.size > self.most {
            let Some(entry) = self.entries.pop_front() else { return };
            self.size = self.size.saturating_sub(entry.size());
            self.forgotten += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_static_table_is_that_of_the_appendix() {
        for (index, name, value) in [
            (0, ":authority", ""),
            (1, ":path", "/"),
            (17, ":method", "GET"),
            (25, ":status", "200"),
            (46, "content-type", "application/json"),
            (63, ":status", "100"),
            (84, "authorization", ""),
            (98, "x-frame-options", "sameorigin"),
        ] {
            assert_eq!(fixed(index), Some((Some(name.as_bytes()), value.as_bytes())));
        }
        assert_eq!(fixed(99), None);
    }

    #[test]
    fn entries_keep_their_numbers() {
        let mut table = Table::new(100);
        table.insert(Some(b"a"), b"1");
        table.insert(None, b"2");
        assert_eq!(
            (table.find(0), table.find(1), table.find(2)),
            (Some((Some(&b"a"[..]), &b"1"[..])), Some((None, &b"2"[..])), None)
        );
        table.insert(Some(b"c"), b"3");
        assert_eq!((table.inserted(), table.find(0), table.find(2)), (3, None, Some((Some(&b"c"[..]), &b"3"[..]))));
        // An entry that is larger than all there is room for has a number, too.
        table.insert(Some(&[b'x'; 200]), b"");
        assert_eq!((table.inserted(), table.find(2), table.find(3)), (4, None, None));
    }
}
