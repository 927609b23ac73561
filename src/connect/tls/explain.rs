//! Failures of TLS in words that a user can act on.

use std::io;
use std::time::Duration;

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, PeerIncompatible,
};

use super::verifier::is_authority;
use crate::date;

/// The same for a failure of the TLS handshake, where the server's first bytes may be no TLS at all.
/// `plain` is the scheme for who wants none.
pub(super) fn explain_handshake(error: &io::Error, plain: &str) -> Option<String> {
    if let Error::InvalidMessage(InvalidMessage::InvalidContentType) = inside(error)? {
        return Some(format!(
            "the server does not speak TLS on this port: use {plain} or another port"
        ));
    }
    explain(error)
}

/// What went wrong, if the failure is one of TLS and not of the transport under it.
pub(in crate::connect) fn explain(error: &io::Error) -> Option<String> {
    Some(match inside(error)? {
        error if is_authority(error) => {
            "the server's certificate is not accepted: it is an authority's (CA:TRUE); if it is \
             your own, trust it by Tls::add_root_pem"
                .to_owned()
        }
        Error::InvalidCertificate(why) => {
            format!(
                "the server's certificate is not accepted: {}",
                certificate(why)
            )
        }
        Error::AlertReceived(alert) => format!("the server ended TLS: {}", alerted(*alert)),
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            "the server speaks neither TLS 1.2 nor TLS 1.3".to_owned()
        }
        other => format!("TLS failed: {other}"),
    })
}

fn inside(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
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
            "nobody whom this client trusts has issued it; if it is your own, trust its authority \
             by Tls::add_root_pem"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "its signature was not made with the key of the authority that it names".to_owned()
        }
        other => other.to_string(),
    }
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
