//! The recordings that are mutated, and what is known of each: its outcome, which packets carry which exchange, which
//! exchanges decide, and what would be answered if only some of the exchanges had been recorded.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Mutex,
};

use inspector_core::{
    evidence::At,
    exchange::{Exchange, message::Message},
    finding::{Family, Severity},
    report::Report,
    verdict::Outcome,
};
use serde_json::{Value, json};

use crate::{
    capture::{self, Packet, SYN, readdress, tcp},
    judge::{Answer, Given, judge, listen},
};

/// A recording to mutate.
pub(crate) struct Base {
    /// `scenario/transport`.
    pub(crate) name: String,
    /// The kind of recording, for the table.
    pub(crate) transport: String,
    pub(crate) profile: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) content: Content,
    /// Exchanges, in capture order.
    pub(crate) exchanges: usize,
    /// Exchanges of which high findings of the deciding families speak.
    pub(crate) deciding: BTreeSet<usize>,
    /// Of these, those with a password.
    pub(crate) basic: BTreeSet<usize>,
    /// Exchanges with a host out of scope.
    pub(crate) aside: BTreeSet<usize>,
    /// Refused tokens are part of it, so that it may rightly fail if the acceptance after them was not recorded.
    pub(crate) refusals: bool,
    /// The same exchanges as entries of a HAR.
    reference: Option<Vec<Value>>,
    /// Answers to some of the exchanges.
    known: Mutex<BTreeMap<Vec<usize>, Option<Outcome>>>,
}

/// What a recording is made of.
pub(crate) enum Content {
    Capture(Capture),
    Archive(Vec<Value>),
}

/// A capture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Capture {
    pub(crate) packets: Vec<Packet>,
    /// Lines of the key log.
    pub(crate) keys: Vec<String>,
    /// The key log stands inside.
    pub(crate) inside: bool,
    /// What each packet is.
    pub(crate) facts: Vec<Facts>,
    /// It is opened by keys.
    pub(crate) encrypted: bool,
    /// Exchanges with a host out of scope.
    pub(crate) aside: BTreeSet<usize>,
    /// The name of the resource, where it has one.
    pub(crate) host: Option<String>,
}

/// What a packet of a recording is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Its connection, by the order of their first packets.
    pub(crate) connection: usize,
    pub(crate) from_client: bool,
    pub(crate) flags: u8,
    /// Relative to the first of its side.
    pub(crate) sequence: u32,
    /// Where its payload and its flags end, in the same count.
    pub(crate) end: u32,
    /// What it acknowledges of the other side, in that one's count.
    pub(crate) acknowledged: u32,
    pub(crate) payload: usize,
    /// The exchange its payload is a part of.
    pub(crate) carries: Option<usize>,
    /// The host its connection is with, by number.
    pub(crate) host: u8,
}

impl Base {
    /// What would be answered if exactly these exchanges had been recorded; `None` if nobody knows.
    pub(crate) fn of_exchanges(&self, which: &BTreeSet<usize>) -> Option<Outcome> {
        let entries = self.reference.as_ref()?;
        let which: Vec<usize> = which.iter().copied().collect();
        if let Some(known) = self.known.lock().expect("nobody panics while asking").get(&which) {
            return *known;
        }
        let kept: Vec<Value> = which.iter().map(|index| entries[*index].clone()).collect();
        let outcome = if kept.is_empty() {
            Some(Outcome::Inconclusive)
        } else {
            match judge(&archive(&kept), self.profile, 1) {
                Answer::Report(report) => Some(report.outcome),
                _ => None,
            }
        };
        self.known.lock().expect("nobody panics while asking").insert(which, outcome);
        outcome
    }
}

/// A HAR of these entries.
pub(crate) fn archive(entries: &[Value]) -> Given {
    let har = json!({"log": {"version": "1.2", "creator": {"name": "campaign", "version": "1"}, "entries": entries}});
    Given { recordings: vec![vec![har.to_string().into_bytes()]], keys: None }
}

impl Capture {
    /// As files: one capture, with its keys beside or inside.
    fn given(&self) -> Given {
        let keys = self.keys.join("\n") + "\n";
        let container = capture::Container { pcapng: self.inside, ..capture::Container::default() };
        let (file, _) =
            capture::write(&self.packets, container, Some(&keys).filter(|_| self.inside).map(|x| x.as_str()));
        let beside = !self.inside && !self.keys.is_empty();
        Given { recordings: vec![vec![file]], keys: beside.then_some(keys) }
    }

    /// The packets of another one on top, on connections of their own, before or after. Times follow on.
    pub(crate) fn join(&mut self, other: &Self, before: bool) {
        let span = |packets: &[Packet]| {
            let times = || packets.iter().map(|packet| packet.time);
            (times().min().unwrap_or(0), times().max().unwrap_or(0))
        };
        let (first, last) = span(&self.packets);
        let (other_first, other_last) = span(&other.packets);
        let mut added = other.packets.clone();
        for packet in &mut added {
            packet.time = if before {
                first - 5_000_000 - (other_last - packet.time)
            } else {
                last + 5_000_000 + (packet.time - other_first)
            };
            if let Some(at) = tcp(&packet.bytes) {
                // Ports below those of the fixtures.
                let ends = at.ends.map(|(address, port)| (address, 2000 + port % 20_000));
                readdress(&mut packet.bytes, ends);
            }
        }
        if before {
            added.append(&mut self.packets);
            self.packets = added;
        } else {
            self.packets.append(&mut added);
        }
        for (index, packet) in self.packets.iter_mut().enumerate() {
            packet.origin = packet.origin.take().map(|(_, range)| (index, range));
        }
        self.keys.extend(other.keys.iter().cloned());
    }
}

/// What every packet is, by its headers and by the exchanges that were read.
fn facts(packets: &[Packet], exchanges: &[Exchange]) -> Vec<Facts> {
    let mut connections: Vec<[([u8; 4], u16); 2]> = Vec::new();
    let mut first: Vec<[Option<u32>; 2]> = Vec::new();
    let mut all = Vec::new();
    for packet in packets {
        let Some(at) = tcp(&packet.bytes) else {
            all.push(Facts { connection: usize::MAX, ..Facts::default() });
            continue;
        };
        let [from, to] = at.ends;
        let known = connections.iter().position(|ends| *ends == [from, to] || *ends == [to, from]);
        let connection = known.unwrap_or_else(|| {
            // The fixtures begin with the client's SYN.
            connections.push([from, to]);
            first.push([None; 2]);
            connections.len() - 1
        });
        let from_client = connections[connection][0] == from;
        let [own, other] = if from_client { [0, 1] } else { [1, 0] };
        let start = *first[connection][own].get_or_insert(at.sequence);
        let sequence = at.sequence.wrapping_sub(start);
        let payload = at.end - at.payload;
        let counted = payload as u32 + u32::from(at.flags & SYN != 0) + u32::from(at.flags & capture::FIN != 0);
        let acknowledged = first[connection][other].map_or(0, |start| at.acknowledgement.wrapping_sub(start));
        let end = sequence + counted;
        all.push(Facts {
            connection,
            from_client,
            flags: at.flags,
            sequence,
            end,
            acknowledged,
            payload,
            carries: None,
            host: 0,
        });
    }
    let mut hosts: Vec<String> = Vec::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        let authority = exchange.authority().unwrap_or_default().into_owned();
        let host = hosts.iter().position(|known| *known == authority).unwrap_or_else(|| {
            hosts.push(authority);
            hosts.len() - 1
        });
        let first =
            exchange.request.as_ref().and_then(|message| message.first.frame()).map(|number| number as usize - 1);
        let connection = first.map(|place| all[place].connection);
        all.iter_mut().filter(|fact| Some(fact.connection) == connection).for_each(|fact| fact.host = host as u8 + 1);
        for (message, from_client) in [(&exchange.request, true), (&exchange.response, false)] {
            let Some(message) = message else { continue };
            mark(&mut all, message, from_client, index);
        }
    }
    all
}

fn mark(facts: &mut [Facts], message: &Message, from_client: bool, exchange: usize) {
    let place = |at: At| at.frame().map_or(0, |number| number as usize - 1);
    let connection = facts[place(message.first)].connection;
    for fact in &mut facts[place(message.first)..=place(message.end)] {
        if fact.connection == connection && fact.from_client == from_client && fact.payload > 0 {
            fact.carries = Some(exchange);
        }
    }
}

/// Exchanges high findings of the deciding families speak of: all, and those of the family of passwords.
fn deciding(report: &Report, exchanges: usize) -> (BTreeSet<usize>, BTreeSet<usize>) {
    let mut sets = [BTreeSet::new(), BTreeSet::new()];
    let grave = report.findings.iter().filter(|finding| finding.severity >= Severity::High);
    for finding in grave.filter(|finding| matches!(finding.meta.family(), Family::S2s | Family::Basic)) {
        let places = finding.evidence.iter().filter_map(|evidence| {
            evidence.entry.or(evidence.exchange.map(|number| number - 1)).map(|index| index as usize)
        });
        for index in places {
            sets[0].insert(index);
            if finding.meta.family() == Family::Basic {
                sets[1].insert(index);
            }
        }
    }
    let [mut all, basic] = sets;
    if all.is_empty() && report.outcome == Outcome::Fail {
        all.extend(0..exchanges);
    }
    (all, basic)
}

/// The resource of most scenarios.
const HOST: &str = "mail.contoso.com";

/// Where the fixtures are.
fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).map(|text| text.lines().map(ToOwned::to_owned).collect()).unwrap_or_default()
}

fn read_capture(path: &Path, keys: Option<&Path>) -> Capture {
    let (packets, secrets) = capture::read(&fs::read(path).expect("the fixture is there"));
    let inside = !secrets.is_empty();
    let keys =
        if inside { secrets.lines().map(ToOwned::to_owned).collect() } else { keys.map(lines).unwrap_or_default() };
    Capture { packets, encrypted: !keys.is_empty(), keys, inside, facts: Vec::new(), ..Capture::default() }
}

fn read_archive(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the fixture is there");
    let mut har: Value = serde_json::from_str(&text).expect("the fixture is JSON");
    match har["log"]["entries"].take() {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    }
}

/// The recordings of a scenario: transport, file, key log.
const TRANSPORTS: [(&str, &str, Option<&str>); 5] = [
    ("clear", "clear.pcap", None),
    ("tls12", "tls12.pcap", Some("tls12.keys")),
    ("tls13", "tls13.pcap", Some("tls13.keys")),
    ("dsb", "dsb.pcapng", None),
    ("h2", "h2.pcap", Some("h2.keys")),
];

/// Exchanges of a scenario with hosts out of scope.
fn aside(scenario: &str) -> BTreeSet<usize> {
    let (scenario, index) = match (scenario.strip_suffix("-basic-before"), scenario.strip_suffix("-basic-after")) {
        // A challenge and a call with Basic stand before it.
        (Some(name), _) => (name, 2),
        (_, Some(name)) => (name, 0),
        _ => (scenario, 0),
    };
    match scenario {
        "client-secret-basic" | "identity-token-is-not-s2s" => BTreeSet::from([index]),
        _ => BTreeSet::new(),
    }
}

/// A base of a capture. Reads it once to know it.
fn of_capture(
    name: &str,
    transport: &str,
    profile: &'static str,
    mut capture: Capture,
    reference: Option<Vec<Value>>,
) -> Base {
    let (answer, exchanges) = listen(&capture.given(), profile);
    let Answer::Report(report) = answer else { panic!("{name}: {}", answer.reason()) };
    capture.facts = facts(&capture.packets, &exchanges);
    let named = |exchange: &Exchange| exchange.authority().is_some_and(|authority| authority == HOST);
    capture.aside = aside(name);
    capture.host = exchanges.iter().any(named).then(|| HOST.to_owned());
    let (deciding, basic) = deciding(&report, exchanges.len());
    Base {
        name: format!("{name}/{transport}"),
        transport: transport.to_owned(),
        profile,
        outcome: report.outcome,
        content: Content::Capture(capture),
        exchanges: exchanges.len(),
        deciding,
        basic,
        aside: aside(name),
        refusals: has(&report, "S2S-032"),
        reference: reference.filter(|entries| entries.len() == exchanges.len()),
        known: Mutex::default(),
    }
}

fn of_archive(name: &str, profile: &'static str, entries: Vec<Value>) -> Base {
    let answer = judge(&archive(&entries), profile, 1);
    let Answer::Report(report) = answer else { panic!("{name}: {}", answer.reason()) };
    let (deciding, basic) = deciding(&report, entries.len());
    Base {
        name: format!("{name}/har"),
        transport: "har".to_owned(),
        profile,
        outcome: report.outcome,
        exchanges: entries.len(),
        deciding,
        basic,
        aside: aside(name),
        refusals: has(&report, "S2S-032"),
        reference: Some(entries.clone()),
        content: Content::Archive(entries),
        known: Mutex::default(),
    }
}

fn has(report: &Report, code: &str) -> bool {
    report.findings.iter().any(|finding| finding.meta.code == code)
}

/// All recordings whose name has `filter` in it, and what was not as the fixtures promise.
pub(crate) fn all(filter: &str) -> (Vec<Base>, Vec<String>) {
    let mut bases = Vec::new();
    let mut wrong = Vec::new();
    let text = fs::read_to_string(fixtures().join("scenarios/scenarios.json")).expect("the fixtures are there");
    let scenarios: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("the list is JSON");
    let wanted = |name: &str, transport: &str| format!("{name}/{transport}").contains(filter);
    let folder = |name: &str| fixtures().join("scenarios").join(name);
    let basic_entries = read_archive(&folder("basic-sent").join("recording.har"));
    for (name, expected) in &scenarios {
        let outcome = expected["outcome"].as_str().unwrap_or_default();
        let entries = read_archive(&folder(name).join("recording.har"));
        let mut add = |base: Base, outcome: &str| {
            if base.outcome.as_str() != outcome {
                wrong.push(format!(
                    "{}: {}, not {outcome}, before anything was changed",
                    base.name,
                    base.outcome.as_str()
                ));
            } else {
                bases.push(base);
            }
        };
        // "More evidence of Basic never improves": a pass with Basic beside it is a fail to begin with.
        let passes = outcome == "pass";
        for (transport, file, keys) in TRANSPORTS {
            let read = |name: &str| {
                read_capture(&folder(name).join(file), keys.map(|keys| folder(name).join(keys)).as_deref())
            };
            if wanted(name, transport) {
                add(of_capture(name, transport, "exchange-s2s", read(name), Some(entries.clone())), outcome);
            }
            for (place, before) in [("after", false), ("before", true)] {
                let transport = format!("{transport}+basic");
                let joined = format!("{name}-basic-{place}");
                if passes && wanted(&joined, &transport) {
                    let mut capture = read(name);
                    capture.join(&read("basic-sent"), before);
                    let entries = if before { [&basic_entries[..], &entries] } else { [&entries[..], &basic_entries] };
                    add(of_capture(&joined, &transport, "exchange-s2s", capture, Some(entries.concat())), "fail");
                }
            }
        }
        if wanted(name, "har") {
            add(of_archive(name, "exchange-s2s", entries.clone()), outcome);
        }
        let joined = format!("{name}-basic-after");
        if passes && wanted(&joined, "har") {
            let mut base = of_archive(&joined, "exchange-s2s", [entries, basic_entries.clone()].concat());
            base.transport = "har+basic".to_owned();
            add(base, "fail");
        }
    }
    others(&wanted, &mut bases);
    (bases, wrong)
}

/// The recordings that are no scenarios: sets of files as one, and OAuth of an ordinary server.
fn others(wanted: &dyn Fn(&str, &str) -> bool, bases: &mut Vec<Base>) {
    for name in ["dumpcap", "dumpcap-tls", "tcpdump", "times"] {
        if !wanted(name, "set") {
            continue;
        }
        let mut files: Vec<PathBuf> = fs::read_dir(fixtures().join("sets").join(name))
            .expect("the fixtures are there")
            .map(|file| file.expect("it is listed").path())
            .collect();
        files.sort();
        let mut whole = Capture::default();
        for file in files {
            let piece = read_capture(&file, None);
            whole.packets.extend(piece.packets);
            whole.keys.extend(piece.keys);
            whole.inside |= piece.inside;
        }
        whole.encrypted = whole.inside;
        for (index, packet) in whole.packets.iter_mut().enumerate() {
            packet.origin = packet.origin.take().map(|(_, range)| (index, range));
        }
        bases.push(of_capture(name, "set", "exchange-s2s", whole, None));
    }
    let sides = fixtures().join("sets/sides");
    for name in ["acs", "exchange", "front"] {
        if wanted(name, "sides") {
            bases.push(of_capture(
                name,
                "sides",
                "exchange-s2s",
                read_capture(&sides.join(name).with_extension("pcap"), None),
                None,
            ));
        }
    }
    if wanted("client", "har") {
        bases.push(of_archive("client", "exchange-s2s", read_archive(&sides.join("client.har"))));
    }
    let live = fixtures().join("live");
    for (name, keys) in [("oidc-provider", None), ("oidc-provider-tls13", Some("recording.keys"))] {
        if wanted(name, "generic") {
            let folder = live.join(name);
            let capture = read_capture(&folder.join("recording.pcap"), keys.map(|keys| folder.join(keys)).as_deref());
            bases.push(of_capture(name, "generic", "generic", capture, None));
        }
    }
}
