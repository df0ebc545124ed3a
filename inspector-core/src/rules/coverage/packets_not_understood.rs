use crate::{
    evidence::{Evidence, SourceId},
    note::{Note, NoteKind, PacketSkip},
    rules::{Context, Declared, Rule, Severity, declare_rule, finding::Concern},
};

declare_rule! {
    /// Packets were recorded that are not understood: encrypted below TCP, of a link type that is not dissected, damaged,
    /// or fragments without the rest. Whole conversations may be in them.
    ///
    /// # Evidence
    /// The first such packet and the reason.
    ///
    /// # Traps
    /// ARP, ICMP and the like are complete and carry no HTTP; they are not reported.
    pub(crate) PacketsNotUnderstood = "COV-011" "packets-not-understood" Medium,
    title: "Packets could not be understood",
    remedy: "Record where the traffic is in the clear of lower layers: on the host itself, behind the VPN or Wi-Fi.",
    source: "draft-ietf-opsawg-pcaplinktype",
    reference: "https://www.tcpdump.org/linktypes.html",
}

impl Rule for PacketsNotUnderstood {
    fn note(&mut self, input: SourceId, note: &Note, context: &mut Context<'_>) {
        let NoteKind::PacketSkipped { what } = note.kind else { return };
        let severity = match what {
            PacketSkip::EtherType(_) | PacketSkip::IpProtocol(_) => return,
            PacketSkip::Encrypted(_) | PacketSkip::LinkType(_) => Severity::Medium,
            _ => Severity::Low,
        };
        let evidence = Evidence { input, frame: note.at.and_then(crate::evidence::At::frame), ..Evidence::default() };
        let draft = Self::META.about(Concern::Nothing).severity(severity).detail(what.to_string());
        context.find(draft.evidence(evidence));
    }
}
