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
/// `plain` is the scheme for who wants none.
pub(super) fn blame_handshake(error: io::Error, plain: &str) -> Result<Error, io::Error> {
    let no_tls = rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType);
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
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
            "the server's certificate is not accepted: it is an authority's (CA:TRUE); if it is \
             your own, trust it by Tls::add_root_pem"
                .to_owned()
        }
        rustls::Error::InvalidCertificate(why) => {
            format!(
                "the server's certificate is not accepted: {}",
                certificate(why)
            )
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
                return format!("it is for no name at all, and {wanted} was wanted");
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
            "nobody whom this client trusts has issued it, or the server does not send the \
             certificates that lead to whom it trusts; if it is your own, trust its authority by \
             Tls::add_root_pem"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "its signature was not made with the key of the authority that it names".to_owned()
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

/// A rule for chains of certificates that is broken (RFC 5280 §6.1). Their names are all that is known
/// of them here.
fn breach(why: &OtherError) -> String {
    match why.0.to_string().as_str() {
        "EndEntityUsedAsCa" => "it was issued by the owner of a certificate that is no authority's",
        "PathLenConstraintViolated" => {
            "there are more authorities between it and the trusted one than that one allows"
        }
        "NameConstraintViolation" => "an authority that issued it may not do so for its names",
        other => return other.to_owned(),
    }
    .to_owned()
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
        AlertDescription::NoApplicationProtocol => "it does not speak HTTP/1.1 on this port",
        _ => return format!("alert {alert:?}"),
    };
    format!("{hint} (alert {alert:?})")
}

fn show(time: UnixTime) -> String {
    date::show(Duration::from_secs(time.as_secs()))
}

/// A certificate of a large host may be for hundreds of names.
const SHOWN: usize = 8;
