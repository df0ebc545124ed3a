use crate::rules::{Context, Declared, Rule, Summary, declare_rule};

declare_rule! {
    /// A client asked a proxy for a tunnel to a host, and nothing that went through it was read: the proxy that recorded
    /// did not decrypt HTTPS.
    ///
    /// # Evidence
    /// The CONNECT request.
    ///
    /// # Traps
    /// A tunnel whose inner exchanges were read is in order.
    pub(crate) TunnelOnly = "COV-005" "tunnel-only" Medium,
    title: "A tunnel was asked for, and nothing inside it was read",
    remedy: "Turn on HTTPS decryption in the recording proxy, or give the session keys with --keys.",
    source: "RFC 9110 §9.3.6",
    reference: "https://www.rfc-editor.org/rfc/rfc9110#section-9.3.6",
}

impl Rule for TunnelOnly {
    fn finish(&mut self, _: &Summary<'_>, context: &mut Context<'_>) {
        let ledger = context.ledger;
        for (id, name, facts) in ledger.hosts() {
            if facts.tunnels.count == 0 {
                continue;
            }
            let inner = crate::hosts::bare(name);
            let read = ledger.find_host(inner).map_or(facts.exchanges, |host| ledger.facts(host).exchanges);
            if facts.exchanges == 0 && read == 0 {
                let detail = format!("{name}: only the request for a tunnel was read");
                context.find(Self::META.host(id).detail(detail).overturns().seen(&facts.tunnels));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::rules::testing;

    #[test]
    fn the_place_of_a_tunnel_is_its_host() {
        let report =
            testing::judge("CONNECT mail.contoso.com:443 HTTP/1.1\nHost: mail.contoso.com:443\n\nHTTP/1.1 200 OK\n\n");
        let finding = report.findings.iter().find(|finding| finding.meta.code == "COV-005").unwrap();
        let excerpts: Vec<&str> = finding.evidence.iter().filter_map(|it| it.excerpt.as_deref()).collect();
        assert_eq!(excerpts, ["CONNECT mail.contoso.com"]);
    }
}
