use crate::{
    evidence::{At, Evidence, SourceId},
    finding::{Concern, Draft, Severity},
    note::{Between, Guess, Note, NoteKind, PacketSkip},
    packet::tally::{Group, Tally},
    rules::{Context, Declared, Rule, Summary, declare_rule},
};

declare_rule! {
    /// Packets were recorded that are not understood: encrypted below TCP (IPsec, VPN, Wi-Fi), of a kind that is not
    /// dissected, damaged, or fragments without the rest. Whole conversations may be in them. Packets that were read by what
    /// they look like, against what the recording calls them, are told of, too.
    ///
    /// # Evidence
    /// How many packets, of what, between which addresses, and the first of them.
    ///
    /// # Traps
    /// ARP, ICMP, DNS and the like are complete and carry no HTTP; they are not reported. Packets between hosts that are
    /// not in scope, and to groups, hide nothing of those that are. What is found in packets that were read by their form is
    /// true, but a pass does not rest on them: the rest of the recording may hold others that were not told by it.
    pub(crate) PacketsNotUnderstood = "COV-011" "packets-not-understood" Medium,
    title: "Packets could not be understood",
    remedy: "Record where the traffic is in the clear of lower layers: on the host itself, behind the VPN or Wi-Fi.",
    source: "draft-ietf-opsawg-pcaplinktype",
    reference: "https://www.tcpdump.org/linktypes.html",
    state: { skipped: Tally<(SourceId, PacketSkip)>, guessed: Tally<(SourceId, Guess)> },
}

/// Pairs of addresses that are told of one by one, of each kind.
const PAIRS: usize = 16;

impl Rule for PacketsNotUnderstood {
    fn note(&mut self, input: SourceId, note: &Note, _: &mut Context<'_>) {
        match note.kind {
            NoteKind::PacketSkipped { what, between, packets } if !what.is_control() => {
                self.skipped.add((input, what), between, packets, note.at);
            }
            NoteKind::PacketGuessed { what, between, packets } => {
                self.guessed.add((input, what), between, packets, note.at);
            }
            _ => {}
        }
    }

    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        let mut tell = Telling { summary, context, latest: None, told: 0 };
        for ((input, what), between, group) in self.skipped.take() {
            tell.group(input, &what.to_string(), between, group, &|draft| draft.remedy(what.remedy()));
        }
        for ((input, what), between, group) in self.guessed.take() {
            tell.group(input, &what.to_string(), between, group, &|draft| {
                draft.title("Packets were read by what they look like").remedy(what.remedy())
            });
        }
    }
}

/// Makes findings of groups of packets.
struct Telling<'t, 's, 'c> {
    summary: &'t Summary<'s>,
    context: &'t mut Context<'c>,
    /// The kind that is being told of.
    latest: Option<(SourceId, String)>,
    /// Pairs of it so far that hide something in scope.
    told: usize,
}

impl Telling<'_, '_, '_> {
    fn group(
        &mut self,
        input: SourceId,
        words: &str,
        between: Between,
        group: Group,
        finished: &dyn Fn(Draft) -> Draft,
    ) {
        let is_latest = self.latest.as_ref().is_some_and(|(known, kind)| *known == input && kind == words);
        if !is_latest {
            (self.latest, self.told) = (Some((input, words.to_owned())), 0);
        }
        let concern = match between {
            _ if between.is_to_group() => Concern::Nothing,
            Between::Hosts(a, b) => Concern::Between(a.to_canonical(), b.to_canonical()),
            Between::Stations(..) | Between::Unknown => Concern::Anything,
        };
        let hides = self.summary.scope.covers(concern, self.context.ledger);
        let packets = if group.packets == 1 { "1 packet".to_owned() } else { format!("{} packets", group.packets) };
        let evidence = Evidence { input, frame: group.first.and_then(At::frame), ..Evidence::default() };
        let detail = format!("{words}: {packets} {between}");
        self.told += usize::from(hides);
        let draft = if hides {
            let one_by_one = self.told <= PAIRS;
            let draft = PacketsNotUnderstood::META.about(if one_by_one { concern } else { Concern::Anything });
            if one_by_one { draft.overturns() } else { draft.overturns().subject(words) }
        } else {
            // All that hide nothing are one finding.
            PacketsNotUnderstood::META.about(Concern::Nothing).severity(Severity::Low).subject(words)
        };
        self.context.find(finished(draft.detail(detail).count(group.packets).evidence(evidence)));
    }
}
