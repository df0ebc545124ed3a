use crate::{
    finding::Concern,
    profile::Judgement,
    rules::{Context, Declared, Rule, Summary, declare_rule},
};

declare_rule! {
    /// Not one request to a host in scope was read, so that nothing at all is known about it.
    ///
    /// # Evidence
    /// The number of exchanges and connections that were read.
    ///
    /// # Traps
    /// A host that was only named (by an encrypted connection) was not read.
    pub(crate) NothingReadable = "COV-012" "nothing-readable" Info,
    title: "No request to a host in scope could be read",
    remedy: "Record while the caller calls the resource, on a machine that sees the traffic in the clear or with the keys \
             to decrypt it; name the host with --host if its paths are unusual.",
    source: "This program's verdict",
    reference: "https://learn.microsoft.com/skypeforbusiness/deploy/integrate-with-exchange-server/oauth-with-online-and-on-premises",
}

/// Hosts that are named.
const HOSTS: usize = 10;

impl Rule for NothingReadable {
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        let in_scope = ledger.hosts().filter(|(id, ..)| summary.scope.has(*id));
        if in_scope.map(|(.., facts)| facts.readable).sum::<u64>() > 0 {
            return;
        }
        let exchanges: u64 = ledger.inputs().map(|input| input.exchanges).sum();
        let connections: u64 = ledger.inputs().filter_map(|input| input.coverage).map(|c| c.connections).sum();
        let mut hosts: Vec<(String, u64)> = ledger
            .hosts()
            .filter(|(.., facts)| facts.exchanges > 0)
            .map(|(_, name, facts)| (crate::token::mask::text(name), facts.exchanges))
            .collect();
        hosts.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        let named = hosts.iter().take(HOSTS).map(|(name, count)| format!("{name} ({count})")).collect::<Vec<_>>();
        let seen = match hosts.len().saturating_sub(HOSTS) {
            _ if named.is_empty() => String::new(),
            0 => format!("; hosts seen: {}", named.join(", ")),
            more => format!("; hosts seen: {} and {more} more", named.join(", ")),
        };
        let exchanges =
            if exchanges == 1 { "1 exchange was".to_owned() } else { format!("{exchanges} exchanges were") };
        let connections =
            if connections == 1 { "1 connection".to_owned() } else { format!("{connections} connections") };
        let draft = Self::META.about(Concern::Anything).overturns();
        // Which hosts are of interest is told by bearer tokens, where nobody names them.
        let policy = context.policy;
        let by_tokens = policy.profile.judgement == Judgement::Bearer && policy.hosts.is_empty() && !hosts.is_empty();
        context.find(if by_tokens {
            draft
                .title("No request that was read carried a bearer token")
                .detail(format!("{exchanges} read on {connections}, none with a bearer token{seen}"))
        } else {
            draft.detail(format!("{exchanges} read on {connections}, none with a host in scope{seen}"))
        });
    }
}
