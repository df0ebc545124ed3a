use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha1::{Digest as _, Sha1};

use crate::{
    evidence::Part,
    handshake::observation::Observation,
    rules::{Context, Declared, Rule, declare_rule, metadata::Metadata, occasion::Occasions},
    token::{mask, principal::Principal},
};

declare_rule! {
    /// A metadata document, by which servers learn whom to trust and by which keys, cannot serve: it names no signing key,
    /// an `x5t` that is not its certificate's, an issuer that neither the profile nor Microsoft's list knows, or endpoints
    /// of several hosts.
    ///
    /// # Evidence
    /// What deviates.
    ///
    /// # Traps
    /// Member names differ in letter case between products, SharePoint leaves out `x5t`, and documents in XML are of
    /// another kind and not judged.
    pub(crate) MetadataContent = "S2S-048" "metadata-content" Medium,
    title: "A metadata document does not serve to verify tokens",
    remedy: "Publish the right certificate (Get-AuthConfig, Set-AuthConfig -NewCertificateThumbprint, -PublishCertificate), \
             then Set-AuthServer <name> -RefreshAuthMetadata at the other side.",
    source: "[MS-XOAUTH] §3.1.5; RFC 7515 §4.1.7",
    reference: "https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xoauth/",
}

impl Rule for MetadataContent {
    fn occasions(&self) -> Occasions {
        Occasions::METADATA
    }

    fn exchange(&mut self, observation: &Observation<'_>, context: &mut Context<'_>) {
        let Some(metadata) = Metadata::read(observation) else { return };
        for (name, detail) in faults(&metadata, observation) {
            let evidence = observation.in_response(Part::ResponseBody, name, detail.clone());
            context.find(Self::META.of(observation).detail(detail).evidence(evidence));
        }
    }
}

fn faults(metadata: &Metadata, observation: &Observation<'_>) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    let issuer = metadata.issuer.as_deref().unwrap_or_default();
    match Principal::parse(issuer) {
        _ if observation.profile.admits_issuer(issuer) => {}
        Some(principal) if observation.profile.application_name(&principal.name).is_some() => {}
        _ if issuer.is_empty() => found.push(("issuer", "it names no issuer".to_owned())),
        _ => found.push(("issuer", format!("its issuer {} is not known", mask::text(issuer)))),
    }
    if metadata.keys.is_empty() {
        found.push(("keys", "it has no signing key".to_owned()));
    }
    for key in &metadata.keys {
        let (Some(x5t), Some(certificate)) = (&key.x5t, &key.certificate) else { continue };
        let computed = URL_SAFE_NO_PAD.encode(Sha1::digest(certificate));
        if x5t.trim_end_matches('=') != computed {
            found.push(("x5t", format!("x5t {} is not its certificate's, {computed}", mask::text(x5t))));
        }
    }
    let hosts: BTreeSet<String> = metadata.endpoints.iter().filter_map(|location| host_of(location)).collect();
    if hosts.len() > 1 {
        let hosts: Vec<String> = hosts.iter().map(|host| mask::text(host)).collect();
        found.push(("endpoints", format!("its endpoints are of several hosts: {}", hosts.join(", "))));
    }
    found
}

fn host_of(location: &str) -> Option<String> {
    let (_, rest) = location.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    Some(crate::hosts::bare(&authority.to_ascii_lowercase()).to_owned())
}
