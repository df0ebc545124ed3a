use crate::rules::{Context, Declared, Rule, Summary, declare_rule, finding::Concern};

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

impl Rule for NothingReadable {
    fn finish(&mut self, summary: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        let in_scope = ledger.hosts().filter(|(id, ..)| summary.scope.has(*id));
        if in_scope.map(|(.., facts)| facts.readable).sum::<u64>() > 0 {
            return;
        }
        let exchanges: u64 = ledger.inputs().map(|input| input.exchanges).sum();
        let connections: u64 = ledger.inputs().filter_map(|input| input.coverage).map(|c| c.connections).sum();
        let detail = format!("{exchanges} exchanges were read on {connections} connections, none with a host in scope");
        context.find(Self::META.about(Concern::Anything).detail(detail).overturns());
    }
}
