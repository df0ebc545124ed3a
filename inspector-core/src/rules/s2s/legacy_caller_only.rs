use crate::rules::{Context, Declared, Rule, Summary, declare_rule};

declare_rule! {
    /// Only the application of the years before 2025 was seen to call. Newer deployments add applications of their own
    /// for calendar and voicemail.
    ///
    /// # Evidence
    /// The first call.
    ///
    /// # Traps
    /// The recording may simply lack calendar and voicemail traffic. The old application is still needed for voicemail
    /// greetings: do not remove it.
    pub(crate) LegacyCallerOnly = "S2S-002" "legacy-caller-only" Info,
    title: "Only the caller of the years before 2025 was seen",
    remedy: "Follow the 2025 edition of the article: create the partner applications of the Teams calendar scheduler and \
             Cloud Voicemail (New-PartnerApplication -ApplicationIdentifier <id> -LinkedAccount <account>), and keep the \
             old one.",
    source: "Configure Integration between Microsoft Teams and Exchange Server, 2025-06-26",
    reference: "https://learn.microsoft.com/skypeforbusiness/deploy/integrate-with-exchange-server/oauth-with-online-and-on-premises",
}

impl Rule for LegacyCallerOnly {
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        let profile = &context.policy.profile;
        let has_newer = profile.callers.iter().any(|caller| !caller.legacy);
        let seen = |id: &str| context.ledger.callers().iter().find(|(known, _)| known.eq_ignore_ascii_case(id));
        let newer = profile.callers.iter().any(|caller| !caller.legacy && seen(&caller.id).is_some());
        let hosts = context.ledger.hosts().filter(|(id, ..)| summary.scope.has(*id));
        let worked: u64 = hosts.map(|(.., facts)| facts.expected.count).sum();
        if !has_newer || newer || worked == 0 {
            return;
        }
        let Some((_, calls)) = profile.callers.iter().filter(|c| c.legacy).find_map(|caller| seen(&caller.id)) else {
            return;
        };
        let detail = "no call of the applications that the article's edition of 2025 adds was recorded";
        let draft = Self::META.about(crate::finding::Concern::Nothing).detail(detail).seen(calls);
        context.find(draft);
    }
}
