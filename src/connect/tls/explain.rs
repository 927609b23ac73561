//! Failures of TLS in words that a user can act on.

use std::io;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, InvalidMessage, OtherError, PeerIncompatible,
};

use super::verifier::is_authority;
use crate::date;
use crate::error::{Error, ErrorKind, Phase};
use crate::report::CertificateReport;

/// The error of kind `Tls` for a failure of TLS itself, with what rustls says as its source.
///
/// # Errors
///
/// A failure of the transport under it is given back.
pub(in crate::connect) fn blame(error: io::Error, phase: Phase) -> Result<Error, io::Error> {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let Some(inner) = inner.cloned() else {
        return Err(error);
    };
    Ok(Error::new(ErrorKind::Tls, phase, explain(&inner)).with_source(inner))
}

/// The same for a failure of the TLS handshake, where the server's first bytes may be no TLS at all.
/// `plain` is the scheme for who wants none, and `refused` what is known of a certificate that was not
/// accepted.
pub(super) fn blame_handshake(
    error: io::Error,
    plain: &str,
    refused: Option<&CertificateReport>,
) -> Result<Error, io::Error> {
    let no_tls = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let unknown = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
    if let (true, Some(refused)) = (inner == Some(&unknown), refused) {
        let message = format!("{NOT_ACCEPTED}: {}", unknown_issuer(refused));
        return Ok(Error::new(ErrorKind::Tls, Phase::Tls, message).with_source(unknown));
    }
    if inner != Some(&no_tls) {
        return blame(error, Phase::Tls);
    }
    let message =
        format!("the server does not speak TLS on this port: use {plain} or another port");
    Ok(Error::new(ErrorKind::Tls, Phase::Tls, message).with_source(no_tls))
}

fn explain(error: &rustls::Error) -> String {
    match error {
        error if is_authority(error) => {
            format!(
                "{NOT_ACCEPTED}: it is an authority's (CA:TRUE), as those that sign themselves often \
                 are; if it is your own, trust it by Tls::add_root_pem"
            )
        }
        rustls::Error::InvalidCertificate(why) => {
            format!("{NOT_ACCEPTED}: {}", certificate(why))
        }
        rustls::Error::InvalidMessage(_) | rustls::Error::DecryptError => {
            format!("what the server sent is not proper TLS: {error}")
        }
        rustls::Error::AlertReceived(alert) => format!("the server ended TLS: {}", alerted(*alert)),
        rustls::Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "the server speaks neither TLS 1.2 nor TLS 1.3".to_owned()
        }
        other => format!("TLS failed: {other}"),
    }
}

fn certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::ExpiredContext { time, not_after } => format!(
            "it expired on {}; the clock here says {}",
            show(*not_after),
            show(*time)
        ),
        CertificateError::NotValidYetContext { time, not_before } => format!(
            "it is not valid before {}; the clock here says {}",
            show(*not_before),
            show(*time)
        ),
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            let wanted = expected.to_str();
            if presented.is_empty() {
                return format!(
                    "it has no name in its subjectAltName, where alone names count (RFC 9525 §2), \
                     and {wanted} was wanted"
                );
            }
            let names: Vec<_> = presented
                .iter()
                .take(SHOWN)
                .map(|name| bare(name))
                .collect();
            let more = if presented.len() > SHOWN { ", …" } else { "" };
            format!(
                "it is for {}{more}, and {wanted} was wanted",
                names.join(", ")
            )
        }
        CertificateError::UnknownIssuer => {
            format!("nobody whom this client trusts has issued it{OR_INCOMPLETE}")
        }
        CertificateError::BadSignature => {
            "its signature, or the one in the handshake, does not hold: it was not made with the key \
             of the authority that it names, or a key is too weak (RSA below 2048 bits)"
                .to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id,
            ..
        } => format!(
            "it is signed in a way that is not accepted{}",
            if is_sha1(signature_algorithm_id) {
                ", with SHA-1"
            } else {
                ""
            }
        ),
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its key does not fit the way in which it is signed".to_owned()
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "it is not for servers: its extended key usage does not say serverAuth".to_owned()
        }
        CertificateError::Revoked => "it has been revoked".to_owned(),
        CertificateError::BadEncoding => "it is malformed".to_owned(),
        CertificateError::Other(why) => breach(why),
        other => other.to_string(),
    }
}

/// Says who has issued a certificate, for that is whom to ask, or whom to trust.
fn unknown_issuer(certificate: &CertificateReport) -> String {
    let issuer: String = certificate.issuer.chars().take(MOST_CHARS).collect();
    if certificate.issuer == certificate.subject {
        return format!(
            "it is signed by itself (\"{issuer}\") and nobody whom this client trusts has issued it; if \
             it is your own, trust it by Tls::add_root_pem"
        );
    }
    format!("nobody whom this client trusts has issued it, but \"{issuer}\"{OR_INCOMPLETE}")
}

/// A rule for chains of certificates that is broken (RFC 5280 §6.1). Their names are all that is known
/// of them here.
fn breach(why: &OtherError) -> String {
    words_for(&why.0.to_string()).to_owned()
}

fn words_for(name: &str) -> &str {
    match name {
        "EndEntityUsedAsCa" => "it was issued by the owner of a certificate that is no authority's",
        "PathLenConstraintViolated" => {
            "there are more authorities between it and the trusted one than that one allows"
        }
        "UnsupportedCertVersion" => {
            "it is of version 1 or 2, which has no names of servers; make one of version 3"
        }
        "UnsupportedCriticalExtension" => {
            "it has a critical extension that this client does not know"
        }
        "NameConstraintViolation" => "an authority that issued it may not do so for its names",
        other => other,
    }
}

/// Whether this is the identifier of RSA (1.2.840.113549.1.1.5) or ECDSA (1.2.840.10045.4.1) with SHA-1.
fn is_sha1(identifier: &[u8]) -> bool {
    let known: [&[u8]; 2] = [
        b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05",
        b"\x2a\x86\x48\xce\x3d\x04\x01",
    ];
    known.iter().any(|known| {
        let mut windows = identifier.windows(known.len());
        windows.any(|window| window == *known)
    })
}

/// `DnsName("a.example")` as `a.example`, `IpAddress(192.0.2.1)` as `192.0.2.1`.
fn bare(name: &str) -> &str {
    let inside = name
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inside.unwrap_or(name).trim_matches('"')
}

fn alerted(alert: AlertDescription) -> String {
    let hint = match alert {
        AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
            "the two ends have no cipher in common, or it wants a client certificate"
        }
        AlertDescription::ProtocolVersion => "it does not speak TLS 1.2 or 1.3",
        AlertDescription::CertificateRequired => {
            "it wants a client certificate; see Tls::client_cert_pem"
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::UnsupportedCertificate => "it does not accept our client certificate",
        AlertDescription::UnrecognisedName => "it does not know the host name",
        AlertDescription::InternalError => {
            "it met an error of its own, or has no certificate for the host name"
        }
        AlertDescription::NoApplicationProtocol => "it does not speak HTTP/1.1 on this port",
        _ => return format!("alert {alert:?}"),
    };
    format!("{hint} (alert {alert:?})")
}

fn show(time: UnixTime) -> String {
    date::show(Duration::from_secs(time.as_secs()))
}

const NOT_ACCEPTED: &str = "the server's certificate is not accepted";

const OR_INCOMPLETE: &str = ", or the server does not send the certificates that lead to whom it \
                             trusts; if it is your own, trust its authority by Tls::add_root_pem";

/// A name that is longer than this helps nobody.
const MOST_CHARS: usize = 120;

/// A certificate of a large host may be for hundreds of names.
const SHOWN: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_test_can_make_a_certificate_for_is_said_in_words_too() {
        let signed = |identifier: &[u8]| CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: identifier.to_vec(),
            supported_algorithms: Vec::new(),
        };
        for (error, words) in [
            // RSA with SHA-1, its parameters behind it, and ECDSA with SHA-1.
            (
                signed(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05\x05\0"),
                "with SHA-1",
            ),
            (
                signed(b"\x06\x07\x2a\x86\x48\xce\x3d\x04\x01"),
                "with SHA-1",
            ),
            // RSA with MD5.
            (
                signed(b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04\x05\0"),
                "in a way that is not accepted",
            ),
            (CertificateError::BadSignature, "RSA below 2048 bits"),
        ] {
            let said = explain(&rustls::Error::InvalidCertificate(error));
            assert!(said.contains(words) && !said.contains("Context"), "{said}");
        }
        let said = explain(&rustls::Error::AlertReceived(
            AlertDescription::InternalError,
        ));
        assert!(said.contains("no certificate for the host name"), "{said}");
    }

    #[test]
    fn the_rules_that_chains_can_break_have_words() {
        for name in [
            "EndEntityUsedAsCa",
            "PathLenConstraintViolated",
            "UnsupportedCertVersion",
            "UnsupportedCriticalExtension",
            "NameConstraintViolation",
        ] {
            assert!(words_for(name).contains(' '), "{name}");
        }
        assert_eq!(words_for("SomethingNew"), "SomethingNew");
    }
}
