//! Everything that can be wrong with a server's certificate: each is refused with words that name it, and
//! not one byte of a request leaves.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use longwire::rustls::{self, ServerConfig};
use longwire::{Connect, Error, ErrorKind, Phase, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa,
    NameConstraints, date_time_ymd,
};
use tokio::time::Instant;

use crate::support::pki::{Authority, Leaf};
use crate::support::run::real;
use crate::support::tls::TlsServer;
use crate::support::verdict::assert_error;

/// A certificate for `localhost` after a last touch.
fn touched(authority: &Authority, touch: impl FnOnce(&mut CertificateParams)) -> Leaf {
    authority.issue_with(&["localhost"], touch)
}

pub(crate) fn connect(host: &str, address: SocketAddr, authority: &Authority) -> Connect {
    longwire::connect(format!("wss://{host}:{}/feed?s3cret", address.port()))
        .resolve(host, [address])
        .tls(Tls::default().add_root_pem(authority.pem()))
        .bearer("s3cret")
}

/// How the handshake with this server fails, for a client that trusts `authority`.
async fn refused(host: &str, config: ServerConfig, authority: &Authority) -> Error {
    let server = TlsServer::with(config, |peer| async move {
        assert!(peer.is_none(), "the client accepted the certificate");
    })
    .await;
    let begun = Instant::now();
    let Err(error) = connect(host, server.address, authority).await else {
        panic!("it connected");
    };
    assert!(begun.elapsed() < Duration::from_secs(2));
    server.done().await;
    error
}

/// What is wrong, the certificate that it is wrong with, the host that is asked for, and words that the
/// error must have.
type Fault = (&'static str, Leaf, &'static str, &'static [&'static str]);

async fn all_refused(faults: Vec<Fault>, authority: &Authority) {
    for (what, leaf, host, words) in faults {
        let error = refused(host, leaf.server(None), authority).await;
        assert_error(&error, ErrorKind::Tls, Phase::Tls);
        assert!(!error.is_retryable(), "{what}");
        let shown = error.to_string();
        for word in words {
            assert!(shown.contains(word), "{what}: {shown}");
        }
        assert!(error.source().unwrap().is::<rustls::Error>(), "{what}");
        let report = error.report().unwrap().to_string();
        assert!(
            report.contains("\n  tls      failed after "),
            "{what}: {report}"
        );
        let everything = format!("{shown} {error:?} {report}");
        assert!(!everything.contains("s3cret"), "{what}: {everything}");
    }
}

#[test]
fn a_certificate_out_of_its_time_or_for_another_use_is_refused() {
    real(async {
        let ours = &Authority::new("ours");
        let expired = touched(ours, |params| params.not_after = date_time_ymd(2020, 2, 29));
        let future = touched(ours, |params| {
            params.not_before = date_time_ymd(2999, 1, 1);
            params.not_after = date_time_ymd(3000, 1, 1);
        });
        let for_clients = touched(ours, |params| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        });
        let authoritys = touched(ours, |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        });
        let faults: Vec<Fault> = vec![
            (
                "expired",
                expired,
                "localhost",
                &[
                    "it expired on 2020-02-29 00:00:00 UTC",
                    "the clock here says 2",
                ],
            ),
            (
                "not yet valid",
                future,
                "localhost",
                &["not valid before 2999-01-01"],
            ),
            (
                "for clients only",
                for_clients,
                "localhost",
                &["not for servers"],
            ),
            (
                "an authority's own",
                authoritys,
                "localhost",
                &["it is an authority's (CA:TRUE)"],
            ),
        ];
        all_refused(faults, ours).await;
    });
}

#[test]
fn a_certificate_for_another_name_is_refused_with_both() {
    real(async {
        let ours = &Authority::new("ours");
        let nameless = ours.issue_with(&[], |params| {
            params
                .distinguished_name
                .push(DnType::CommonName, "localhost");
        });
        let faults: Vec<Fault> = vec![
            (
                "another name",
                ours.issue(&["a.example", "b.example"]),
                "localhost",
                &["for a.example, b.example, and localhost was wanted"],
            ),
            (
                "a name, not the address",
                ours.issue(&["localhost"]),
                "127.0.0.1",
                &["for localhost, and 127.0.0.1 was wanted"],
            ),
            (
                "an address, not the name",
                ours.issue(&["127.0.0.1"]),
                "localhost",
                &["for 127.0.0.1, and localhost was wanted"],
            ),
            (
                "a wildcard that is too short",
                ours.issue(&["*.example"]),
                "a.b.example",
                &["for *.example, and a.b.example was wanted"],
            ),
            (
                "a wildcard for its own parent",
                ours.issue(&["*.a.example"]),
                "a.example",
                &["*.a.example", "a.example was wanted"],
            ),
            (
                "a common name alone",
                nameless,
                "localhost",
                &["no name in its subjectAltName", "and localhost was wanted"],
            ),
        ];
        all_refused(faults, ours).await;
    });
}

#[test]
fn a_certificate_that_no_chain_of_authorities_leads_to_is_refused() {
    real(async {
        let ours = &Authority::new("ours");
        let theirs = Authority::new("theirs");
        let namesake = Authority::new("ours");
        let middle = ours.vouch("middle", |_| {});
        let short = ours.vouch("short", |params| {
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        });
        let long = short.vouch("long", |_| {});
        let nobody = ours.vouch("nobody", |params| params.is_ca = IsCa::ExplicitNoCa);
        let constrained = ours.vouch("constrained", |params| {
            params.name_constraints = Some(NameConstraints {
                permitted_subtrees: vec![GeneralSubtree::DnsName("example".to_owned())],
                excluded_subtrees: Vec::new(),
            });
        });
        let local = |authority: &Authority| authority.issue(&["localhost"]);
        let faults: Vec<Fault> = vec![
            (
                "an unknown authority",
                local(&theirs),
                "localhost",
                &[
                    "nobody whom this client trusts has issued it, but \"CN=theirs\"",
                    "add_root_pem",
                ],
            ),
            (
                "an authority of the same name",
                local(&namesake),
                "localhost",
                &["not made with the key of the authority that it names"],
            ),
            (
                "no intermediate",
                local(&middle),
                "localhost",
                &["does not send the certificates that lead to"],
            ),
            (
                "an issuer that is no authority",
                local(&nobody).with_chain(&[&nobody]),
                "localhost",
                &["is no authority's"],
            ),
            (
                "too many authorities",
                local(&long).with_chain(&[&long, &short]),
                "localhost",
                &["more authorities between"],
            ),
            (
                "an authority for other names",
                local(&constrained).with_chain(&[&constrained]),
                "localhost",
                &["may not do so for its names"],
            ),
        ];
        all_refused(faults, ours).await;

        // What makes the difference: with the intermediate there it is good.
        let config = local(&middle).with_chain(&[&middle]).server(None);
        let server = TlsServer::with(config, |peer| async move {
            let mut peer = peer.unwrap();
            peer.switch().await;
            peer.drain().await;
        })
        .await;
        drop(connect("localhost", server.address, ours).await.unwrap());
        server.done().await;
    });
}

#[test]
fn a_protocol_that_was_not_offered_is_not_spoken() {
    real(async {
        let ours = Authority::new("ours");
        let mut config = ours.issue(&["localhost"]).server(None);
        config.alpn_protocols = vec![b"h2".to_vec()];
        let error = refused("localhost", config, &ours).await;
        assert_error(&error, ErrorKind::Tls, Phase::Tls);
        assert!(
            error.to_string().contains("does not speak HTTP/1.1"),
            "{error}"
        );
    });
}
