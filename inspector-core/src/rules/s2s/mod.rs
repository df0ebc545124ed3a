//! S2S-…: server-to-server OAuth.

super::rules![
    expected_issuer_present::ExpectedIssuerPresent,
    legacy_caller_only::LegacyCallerOnly,
    issuer_only_in_challenge::IssuerOnlyInChallenge,
    principal_syntax::PrincipalSyntax,
    unknown_principal::UnknownPrincipal,
    realm_missing_or_inconsistent::RealmMissingOrInconsistent,
    cross_tenant_actor::CrossTenantActor,
    multiple_realms::MultipleRealms,
    outer_inner_binding::OuterInnerBinding,
    inner_audience::InnerAudience,
    wrong_resource::WrongResource,
    audience_host_mismatch::AudienceHostMismatch,
    trusted_for_delegation::TrustedForDelegation,
    unsigned_actor::UnsignedActor,
    signed_outer::SignedOuter,
    orphan_unsigned::OrphanUnsigned,
    nested_depth::NestedDepth,
    junk_signature::JunkSignature,
    x5t_unknown::X5tUnknown,
    actor_signature::ActorSignature,
    x5t_format::X5tFormat,
    illegal_actor_issuer::IllegalActorIssuer,
    issuer_vs_challenge::IssuerVsChallenge,
    audience_vs_challenge::AudienceVsChallenge,
    tokentype_vs_challenge::TokentypeVsChallenge,
    assertion_shape::AssertionShape,
    resource_vs_issued::ResourceVsIssued,
    issued_vs_used::IssuedVsUsed,
    bearer_not_offered::BearerNotOffered,
    abandoned_handshake::AbandonedHandshake,
    token_rejected::TokenRejected,
    token_accepted::TokenAccepted,
    rejected_after_accept::RejectedAfterAccept,
    retry_loop::RetryLoop,
    token_endpoint_error::TokenEndpointError,
    missing_diagnostics::MissingDiagnostics,
    wssecurity_fallback::WssecurityFallback,
    non_oauth_scheme::NonOauthScheme,
    xms_diag_dialect::XmsDiagDialect,
    token_type_role::TokenTypeRole,
    user_lookup_conflict::UserLookupConflict,
    nii_consistency::NiiConsistency,
    lifetime_over_policy::LifetimeOverPolicy,
    expired_or_not_yet_valid::ExpiredOrNotYetValid,
    outer_outside_inner::OuterOutsideInner,
    idtoken_not_s2s::IdtokenNotS2s,
    metadata_content::MetadataContent,
    caller_vs_ua::CallerVsUa,
    cleartext_s2s::CleartextS2s,
    proof_token::ProofToken,
    pfat_consistency::PfatConsistency,
    autodiscover_v2_anonymous::AutodiscoverV2Anonymous,
    autodiscover_ews_host::AutodiscoverEwsHost,
    x_oauth_enabled::XOauthEnabled,
    expected_issuer_missing::ExpectedIssuerMissing,
];

pub(crate) use self::expected_issuer_missing::expected_issuer_missing;

#[cfg(test)]
use crate::handshake::signatures::Signature;
use crate::{
    handshake::{facts::TokenFacts, ledger::Ledger, observation::is_whole},
    time::Timestamp,
    token::{Defect, Token, TokenKind, principal::Principal},
};

/// Whether two realms say different things: both are there, neither is `*`, and they are unequal. Tenants are compared
/// without letter case.
fn realms_differ(one: Option<&Principal>, other: Option<&Principal>) -> bool {
    let telling = |principal: Option<&Principal>| {
        principal.and_then(Principal::realm).filter(|realm| *realm != "*").map(str::to_ascii_lowercase)
    };
    match (telling(one), telling(other)) {
        (Some(one), Some(other)) => one != other,
        _ => false,
    }
}

/// Seconds from `nbf` (else `iat`) to `exp`.
pub(super) fn lifetime(token: &Token) -> Option<i64> {
    let from = [token.not_before, token.issued_at].into_iter().flatten().find(|from| !from.is_cut())?;
    Some(token.expires?.seconds().saturating_sub(from.seconds()))
}

/// The claim by which a token is outside its lifetime at a moment, with its value. `skew` seconds are allowed.
pub(super) fn outside(token: &Token, now: Timestamp, skew: u64) -> Option<(&'static str, Timestamp)> {
    let beyond = |from: Timestamp, to: Timestamp| {
        u64::try_from(to.seconds().saturating_sub(from.seconds())).is_ok_and(|seconds| seconds > skew)
    };
    if let Some(expires) = token.expires.filter(|expires| beyond(*expires, now)) {
        return Some(("exp", expires));
    }
    // A begin that no clock will reach was meant otherwise, and is taken so by who accepts it.
    token.not_before.filter(|begins| !begins.is_cut() && beyond(now, *begins)).map(|begins| ("nbf", begins))
}

/// Tokens that were presented, with the actor token that gives them their authority: the one inside, or themselves.
fn presented_actors(ledger: &Ledger) -> impl Iterator<Item = (&TokenFacts, &Token)> {
    ledger.tokens().iter().filter(|facts| !facts.presented_to.is_empty()).filter_map(|facts| {
        let actor = match facts.token.kind {
            TokenKind::S2sOuter => facts.token.actor.as_deref()?,
            TokenKind::S2sActor => &*facts.token,
            _ => return None,
        };
        is_whole(actor).then_some((facts, actor))
    })
}

/// What is said of a signature's length.
pub(crate) fn signature_words(token: &Token) -> String {
    if token.defects.contains(&Defect::SignatureNotBase64) {
        return "signature that is no base64url".to_owned();
    }
    format!("signature of {} bytes", token.signature_length)
}

/// A report on an accepted call with a token, once the signature of the actor token inside it was verified so.
#[cfg(test)]
fn report_by_signature(signature: Signature, reason: &str) -> crate::report::Report {
    use crate::{rules::testing, secret::Fingerprint, token::testing::*};
    let text = format!(
        "# @time 2026-01-01T00:02:00Z\nPOST /EWS/Exchange.asmx HTTP/1.1\nHost: mail.contoso.com\n\
         Authorization: Bearer {OUTER}\n\nHTTP/1.1 200 OK\n\n"
    );
    let mut analysis = testing::analysis(testing::policy());
    let exchanges = testing::exchanges(&text);
    for exchange in &exchanges {
        analysis.exchange(exchange, &testing::extract(exchange));
    }
    analysis.signature(Fingerprint::of(ACTOR.as_bytes()), signature, reason);
    testing::done(analysis, exchanges.len())
}
