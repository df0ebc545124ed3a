use crate::{
    handshake::{
        caller,
        observation::{Observation, is_whole},
    },
    rules::{
        Context, Declared, Rule, declare_rule,
        occasion::{Basis, Occasions},
    },
    token::TokenKind,
};

declare_rule! {
    /// A `hashedprooftoken` of SharePoint was presented without the signed proof token that has to come with it, in
    /// `X-PROOF_TOKEN`.
    ///
    /// # Evidence
    /// The token.
    ///
    /// # Traps
    /// With a signed proof token it is SharePoint's own way between its servers. A proof token that an exporter took out is
    /// not judged.
    pub(crate) ProofToken = "S2S-051" "proof-token" High,
    title: "A hashedprooftoken came without a signed proof token",
    remedy: "Install SharePoint's security updates (CVE-2023-29357), and find out who sent it.",
    source: "CVE-2023-29357",
    reference: "https://msrc.microsoft.com/update-guide/vulnerability/CVE-2023-29357",
}

impl Rule for ProofToken {
    fn occasions(&self) -> Occasions {
        Occasions::TOKEN
    }

    fn basis(&self) -> Basis {
        Basis::Shape
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let all = &observation.extraction.sightings;
        let presented = all.iter().filter(|s| caller::is_presented(s) && s.kind == TokenKind::ProofToken);
        let proof = all.iter().find(|sighting| sighting.name.eq_ignore_ascii_case("x-proof_token"));
        for sighting in presented.filter(|sighting| is_whole(&sighting.token)) {
            let what = match proof {
                Some(proof) if !is_whole(&proof.token) || !proof.token.kind.is_readable() => continue,
                Some(proof) if !proof.token.is_unsigned() => continue,
                Some(_) => "its proof token is unsigned",
                None => "X-PROOF_TOKEN is absent",
            };
            let detail = format!("{}: {what}", observation.host_name);
            context.find(Self::META.of(observation).detail(detail).evidence(observation.sighted(sighting)));
        }
    }
}
