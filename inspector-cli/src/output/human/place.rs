//! Where something was seen, in words and as a Wireshark display filter.

use std::collections::{BTreeSet, HashMap};

use inspector_core::{
    evidence::{Evidence, SourceId},
    report::Report,
};

/// `capture.pcap frame 12, exchange 3` or `recording.har entries[4]`.
pub(crate) fn words(evidence: &Evidence, report: &Report) -> String {
    within(evidence, input(report, evidence.input))
}

/// `frame 12` or `entry 4`, with the recording's name where there are several.
pub(crate) fn brief(evidence: &Evidence, report: &Report, named: bool) -> String {
    let number = match (evidence.entry, evidence.frame) {
        (Some(entry), _) => format!("entry {entry}"),
        (None, Some(frame)) => format!("frame {frame}"),
        (None, None) => String::new(),
    };
    if named { format!("{} {number}", input(report, evidence.input)) } else { number }
}

/// What an input is called: by its file name, unless another has the same.
pub(crate) fn input(report: &Report, source: SourceId) -> &str {
    let path = report.inputs.iter().find(|one| one.source == source).map_or("", |one| one.path.as_str());
    let name = short(path);
    let unique = !report.inputs.iter().any(|other| other.source != source && short(&other.path) == name);
    if unique { name } else { path }
}

/// What all inputs are called, for who asks for many of them.
pub(crate) struct Names<'r> {
    by_source: HashMap<SourceId, &'r str>,
}

impl<'r> Names<'r> {
    pub(crate) fn of(report: &'r Report) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for input in &report.inputs {
            *counts.entry(short(&input.path)).or_default() += 1;
        }
        let name = |path: &'r str| if counts.get(short(path)) == Some(&1) { short(path) } else { path };
        Self { by_source: report.inputs.iter().map(|input| (input.source, name(&input.path))).collect() }
    }

    /// What an input is called, as by [`input`].
    pub(crate) fn get(&self, source: SourceId) -> &'r str {
        self.by_source.get(&source).copied().unwrap_or_default()
    }
}

fn within(evidence: &Evidence, name: &str) -> String {
    let mut place = name.to_owned();
    if let Some(entry) = evidence.entry {
        place.push_str(&format!(" entries[{entry}]"));
    } else if let Some(frame) = evidence.frame {
        place.push_str(&format!(" frame {frame}"));
    } else if let Some(connection) = evidence.connection {
        place.push_str(&format!(" connection {connection}"));
    }
    match evidence.exchange {
        Some(exchange) if evidence.entry.is_none() => place.push_str(&format!(", exchange {exchange}")),
        _ => {}
    }
    place.trim_start().to_owned()
}

/// The file's name: the folders are in the list of inputs.
pub(crate) fn short(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or(path)
}

/// The display filter that shows the packets of `evidence` in Wireshark. `None` for what is no capture, and where the
/// evidence is of several captures.
pub(crate) fn filter(evidence: &[Evidence]) -> Option<String> {
    let first = evidence.first()?.input;
    if evidence.iter().any(|one| one.input != first) {
        return None;
    }
    let frames: BTreeSet<u64> = evidence.iter().filter_map(|one| one.frame).collect();
    match frames.len() {
        0 => None,
        1 => frames.first().map(|frame| format!("frame.number == {frame}")),
        _ => {
            let list = frames.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
            Some(format!("frame.number in {{{list}}}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_filters() {
        let frame = |frame| Evidence { frame: Some(frame), exchange: Some(3), ..Evidence::default() };
        let entry = Evidence { entry: Some(4), exchange: Some(5), ..Evidence::default() };
        assert_eq!(within(&frame(12), short("a/b/capture.pcap")), "capture.pcap frame 12, exchange 3");
        assert_eq!(within(&entry, "recording.har"), "recording.har entries[4]");
        assert_eq!(filter(&[frame(15), frame(12), frame(12)]).as_deref(), Some("frame.number in {12, 15}"));
        assert_eq!(filter(&[frame(12)]).as_deref(), Some("frame.number == 12"));
        assert_eq!(filter(&[entry]), None);
        assert_eq!(filter(&[]), None);
    }
}
