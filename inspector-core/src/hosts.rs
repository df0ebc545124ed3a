//! The names of hosts: what an authority, a server name indication and a `--host` pattern have in common.
//!
//! Hosts are compared in lower case, without a trailing dot and without the scheme's default port. Every host of a run
//! gets a small number ([`HostId`]), so that findings can be weighed at the end, when it is known which hosts are in
//! scope.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use crate::exchange::Scheme;

/// Number of a host within one analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HostId(u32);

impl HostId {
    /// All hosts beyond `Limits::hosts`.
    pub const OTHER: Self = Self(u32::MAX);

    /// Position in the table, except for [`Self::OTHER`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The hosts of one analysis in the order they were first seen.
#[derive(Debug)]
pub struct HostNames {
    names: Vec<Arc<str>>,
    ids: HashMap<Arc<str>, HostId, foldhash::fast::RandomState>,
    other: Arc<str>,
    limit: usize,
    overflowed: bool,
}

impl HostNames {
    /// A table of at most `limit` hosts.
    pub fn new(limit: usize) -> Self {
        Self { names: Vec::new(), ids: HashMap::default(), other: "(further hosts)".into(), limit, overflowed: false }
    }

    /// The number of a normalised host name, or [`HostId::OTHER`] when the table is full.
    pub fn intern(&mut self, name: &str) -> HostId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let (true, Ok(next)) = (self.names.len() < self.limit, u32::try_from(self.names.len())) else {
            self.overflowed = true;
            return HostId::OTHER;
        };
        let name: Arc<str> = name.into();
        self.names.push(Arc::clone(&name));
        self.ids.insert(name, HostId(next));
        HostId(next)
    }

    /// The number of a host that was seen before.
    pub fn find(&self, name: &str) -> Option<HostId> {
        self.ids.get(name).copied()
    }

    /// The name of the host with that number in order.
    pub fn by_number(&self, number: usize) -> Option<&str> {
        self.names.get(number).map(|name| &**name)
    }

    /// The name of a host.
    pub fn name(&self, id: HostId) -> &Arc<str> {
        self.names.get(id.index()).unwrap_or(&self.other)
    }

    /// Whether there were more hosts than `Limits::hosts`.
    pub const fn overflowed(&self) -> bool {
        self.overflowed
    }
}

/// Longest host kept, in characters: RFC 1035 allows 253, a port adds six.
const LONGEST: usize = 259;

/// An authority in the form hosts are compared in. What no name can be (control characters, excess length) is replaced
/// and cut: a recording may hold anything there.
pub fn normalize(authority: &str, scheme: Scheme) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c.to_ascii_lowercase() };
    let text: String = authority.trim().chars().take(LONGEST).map(printable).collect();
    let (host, port) = split_port(&text);
    let host = if host.starts_with('[') { host } else { host.trim_end_matches('.') };
    let default = match scheme {
        Scheme::Http => "80",
        Scheme::Https => "443",
    };
    match port {
        Some(port) if port != default && !port.is_empty() => format!("{host}:{port}"),
        _ => host.to_owned(),
    }
}

/// The host without its port.
pub fn bare(host: &str) -> &str {
    split_port(host).0
}

/// The part of a host name that its owner registered, as far as that can be told without a list: the last two labels,
/// the last three below suffixes such as `co.uk`. Addresses are their own.
pub fn site(name: &str) -> &str {
    let name = bare(name);
    if address_of(name).is_some() {
        return name;
    }
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (Some(last), Some(second)) = (dots.next(), dots.next()) else { return name };
    let country = name.len() - last == 3 && last - second <= 4;
    let cut = if country { dots.next() } else { Some(second) };
    cut.and_then(|at| name.get(at + 1..)).unwrap_or(name)
}

/// The address a normalised host is, if it is one.
pub fn address_of(host: &str) -> Option<IpAddr> {
    let bare = bare(host);
    let inside = bare.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')).unwrap_or(bare);
    inside.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port))
            if port.bytes().all(|b| b.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']')) =>
        {
            (host, Some(port))
        }
        _ => (authority, None),
    }
}

/// A pattern of `--host`: a name in which `*` stands for any characters and `?` for one. Without a port it fits all ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    pattern: String,
    port: Option<String>,
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.pattern)?;
        self.port.iter().try_for_each(|port| write!(f, ":{port}"))
    }
}

impl HostPattern {
    /// Reads a pattern; a scheme in front and a path behind are dropped.
    pub fn new(text: &str) -> Self {
        let text = text.trim().to_ascii_lowercase();
        let text = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
        let text = text.split('/').next().unwrap_or_default();
        let (host, port) = split_port(text);
        let host = host.trim_end_matches('.');
        let port = port.filter(|port| !port.is_empty()).map(str::to_owned);
        Self { pattern: host.to_owned(), port }
    }

    /// Whether a normalised host fits. One without a port is asked at the default port of its scheme.
    pub fn matches(&self, host: &str) -> bool {
        let (name, port) = split_port(host);
        let fits = match (&self.port, port) {
            (None, _) => true,
            (Some(wanted), Some(port)) => wanted == port,
            (Some(wanted), None) => matches!(wanted.as_str(), "443" | "80"),
        };
        fits && glob(self.pattern.as_bytes(), name.as_bytes())
    }
}

/// Whether `text` fits `pattern`, in time proportional to the product of their lengths at worst.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || text.get(t) == Some(byte) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                retry = Some((star, from + 1));
                p = star + 1;
                t = from + 1;
            }
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Loopback, private, shared, unique-local or link-local: the hop behind a TLS terminator looks like this.
    Local,
    /// Everything else, documentation ranges included: they stand for public hosts in examples.
    Global,
}

/// Classifies an address; IPv4-mapped IPv6 addresses count as the IPv4 address they hold.
pub fn reach(address: IpAddr) -> Reach {
    let local = match address.to_canonical() {
        IpAddr::V4(v4) => local_v4(v4),
        IpAddr::V6(v6) => local_v6(v6),
    };
    if local { Reach::Local } else { Reach::Global }
}

fn local_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && (64..128).contains(&second);
    address.is_loopback() || address.is_private() || address.is_link_local() || shared
}

const fn local_v6(address: Ipv6Addr) -> bool {
    address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sites() {
        for (name, expected) in [
            ("login.contoso.com", "contoso.com"),
            ("contoso.com:8443", "contoso.com"),
            ("a.b.contoso.co.uk", "contoso.co.uk"),
            ("contoso.co.uk", "contoso.co.uk"),
            ("login.contoso.de", "contoso.de"),
            ("localhost", "localhost"),
            ("10.0.0.1:80", "10.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(site(name), expected, "{name}");
        }
    }

    #[test]
    fn normalises() {
        for (authority, scheme, expected) in [
            ("Mail.Contoso.COM", Scheme::Https, "mail.contoso.com"),
            ("mail.contoso.com.:443", Scheme::Https, "mail.contoso.com"),
            ("mail.contoso.com:80", Scheme::Http, "mail.contoso.com"),
            ("mail.contoso.com:443", Scheme::Http, "mail.contoso.com:443"),
            ("mail.contoso.com:", Scheme::Https, "mail.contoso.com"),
            ("[2001:DB8::1]:443", Scheme::Https, "[2001:db8::1]"),
            ("[2001:db8::1]", Scheme::Https, "[2001:db8::1]"),
        ] {
            assert_eq!(normalize(authority, scheme), expected, "{authority}");
        }
        assert_eq!(normalize("a\u{1b}[2J", Scheme::Https), "a\u{fffd}[2j");
        assert_eq!(normalize(&"a".repeat(9999), Scheme::Https).len(), LONGEST);
        assert_eq!((bare("a:8443"), bare("[::1]:8443"), bare("[::1]")), ("a", "[::1]", "[::1]"));
    }

    #[test]
    fn patterns() {
        for (pattern, host, fits) in [
            ("mail.contoso.com", "mail.contoso.com", true),
            ("mail.contoso.com", "mail.contoso.com:8443", true),
            ("mail.contoso.com:8443", "mail.contoso.com", false),
            ("mail.contoso.com:8443", "mail.contoso.com:8443", true),
            ("mail.contoso.com:443", "mail.contoso.com", true),
            ("mail.contoso.com:443", "mail.contoso.com:8443", false),
            ("*:8443", "mail.contoso.com:8443", true),
            ("[::1]:8443", "[::1]:8443", true),
            ("[::1]", "[::1]:8443", true),
            ("https://Mail.contoso.com/ews", "mail.contoso.com", true),
            ("*.contoso.com", "mail.contoso.com", true),
            ("*.contoso.com", "contoso.com", false),
            ("*.contoso.com", "mail.contoso.com.evil.test", false),
            ("m?il.*", "mail.contoso.com", true),
            ("*", "anything", true),
            ("", "anything", false),
        ] {
            assert_eq!(HostPattern::new(pattern).matches(host), fits, "{pattern} {host}");
        }
    }

    #[test]
    fn the_table_is_bounded() {
        let mut names = HostNames::new(2);
        let (a, b, c) = (names.intern("a"), names.intern("b"), names.intern("c"));
        assert_eq!((a.index(), b.index(), c), (0, 1, HostId::OTHER));
        assert!(names.overflowed());
        assert_eq!((&**names.name(b), names.find("a")), ("b", Some(a)));
    }

    #[test]
    fn reaches() {
        for (address, expected) in [
            ("127.0.0.1", Reach::Local),
            ("10.1.2.3", Reach::Local),
            ("169.254.1.1", Reach::Local),
            ("::ffff:192.168.1.1", Reach::Local),
            ("fe80::1", Reach::Local),
            ("fd00::1", Reach::Local),
            ("203.0.113.7", Reach::Global),
            ("40.97.0.1", Reach::Global),
            ("2603:1026::1", Reach::Global),
        ] {
            assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
        }
    }
}
