//! A TLS handshake that goes wrong: cut, garbled, stalled, ended by an alert.

use std::error::Error as _;
use std::net::SocketAddr;
use std::time::Duration;

use longwire::rustls::{self, ServerConfig};
use longwire::{ErrorKind, Phase, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::tls_certificates::connect;
use crate::support::pki::Authority;
use crate::support::run::real;
use crate::support::scripted::{Server, join};
use crate::support::tls::TlsServer;
use crate::support::verdict::assert_error;

#[test]
fn an_alert_instead_of_a_handshake_is_said_in_words() {
    real(async {
        let ours = Authority::new("ours");
        for (alert, words) in [
            (70, "it does not speak TLS 1.2 or 1.3"),
            (40, "no cipher in common"),
            (112, "does not know the host name"),
            (80, "InternalError"),
        ] {
            let server = Server::start(move |mut peer| async move {
                peer.send([21, 3, 3, 0, 2, 2, alert]).await;
                peer.drain().await;
            })
            .await;
            let error = connect("localhost", server.address, &ours)
                .await
                .unwrap_err();
            assert_error(&error, ErrorKind::Tls, Phase::Tls);
            assert!(error.to_string().contains(words), "{error}");
            server.done().await;
        }
    });
}

/// A certificate that was wanted and is not there is noticed late: TLS 1.3 lets the client finish first
/// (RFC 8446 §4.4.2.4).
#[test]
fn a_client_certificate_that_is_wanted_is_named() {
    real(async {
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        let server_cert = ours.issue(&["localhost"]);
        let (good, foreign) = (ours.issue(&["me"]), theirs.issue(&["me"]));
        for (client, words) in [
            (None, Some("client certificate; see Tls::client_cert_pem")),
            (
                Some(&foreign),
                Some("does not accept our client certificate"),
            ),
            (Some(&good), None),
        ] {
            let server = TlsServer::with(server_cert.server(Some(&ours)), move |peer| async move {
                assert_eq!(peer.is_none(), words.is_some());
                if let Some(mut peer) = peer {
                    peer.switch().await;
                    peer.drain().await;
                }
            })
            .await;
            let mut tls = Tls::default().add_root_pem(ours.pem());
            if let Some(leaf) = client {
                tls = tls.client_cert_pem(&leaf.pem, leaf.key_pem());
            }
            let result = connect("localhost", server.address, &ours).tls(tls).await;
            match (result, words) {
                (Err(error), Some(words)) => {
                    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
                    assert!(error.to_string().contains(words), "{error}");
                }
                (Ok(ws), None) => drop(ws),
                (result, _) => panic!("{result:?}"),
            }
            server.done().await;
        }
    });
}

/// What a relay does with the records of the server's TLS.
#[derive(Debug, Clone, Copy)]
enum Meddling {
    /// Ends the connection behind so many records and this much of the next one.
    Cut { records: usize, bytes: usize },
    /// Replaces the content of a record.
    Garble { record: usize },
    /// Passes so many records on and then says nothing more.
    Stall { records: usize },
}

/// A TLS server behind a relay that meddles with what it sends. Ends when the client has gone.
async fn meddled(config: ServerConfig, meddling: Meddling) -> (SocketAddr, JoinHandle<()>) {
    let behind = TlsServer::with(config, |peer| async move {
        if let Some(mut peer) = peer {
            // Half an answer, a record for each piece.
            for piece in ["HTTP/1.1 101 ", "Switching ", "Protocols\r\n"] {
                let _ = peer.try_send(piece).await;
            }
            peer.drain().await;
        }
    })
    .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let relay = tokio::spawn(async move {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(behind.address).await.unwrap();
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let up = tokio::spawn(async move {
            let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        });
        for number in 0.. {
            let mut record = vec![0; 5];
            if from_server.read_exact(&mut record).await.is_err() {
                break;
            }
            let length = u16::from_be_bytes([record[3], record[4]]);
            record.resize(5 + usize::from(length), 0);
            if from_server.read_exact(&mut record[5..]).await.is_err() {
                break;
            }
            match meddling {
                Meddling::Cut { records, bytes } if records == number => {
                    let bytes = bytes.min(record.len() - 1);
                    let _ = to_client.write_all(&record[..bytes]).await;
                    break;
                }
                Meddling::Garble { record: at } if at == number => record[5..].fill(0x55),
                Meddling::Stall { records } if records == number => {
                    join(up).await;
                    return;
                }
                _ => {}
            }
            if to_client.write_all(&record).await.is_err() {
                break;
            }
        }
        // What is left of the two ends goes away with this task.
        drop((to_client, from_server));
        join(up).await;
        behind.done().await;
    });
    (address, relay)
}

#[test]
fn a_handshake_cut_at_each_record_ends_at_once() {
    real(async {
        let ours = Authority::new("ours");
        let config = ours.issue(&["localhost"]).server(None);
        for records in 0..6 {
            for bytes in [0, 3, 5, 20] {
                let meddling = Meddling::Cut { records, bytes };
                let (address, _relay) = meddled(config.clone(), meddling).await;
                let begun = Instant::now();
                let error = connect("localhost", address, &ours).await.unwrap_err();
                assert!(begun.elapsed() < Duration::from_secs(2), "{meddling:?}");
                assert_eq!(error.kind(), ErrorKind::Io, "{meddling:?}: {error}");
                assert!(
                    matches!(error.phase(), Phase::Tls | Phase::Upgrade),
                    "{meddling:?}: {error}"
                );
                assert!(error.is_retryable());
                assert!(
                    error
                        .to_string()
                        .contains("the server closed the connection"),
                    "{error}"
                );
            }
        }
    });
}

#[test]
fn a_garbled_record_fails_tls_and_says_so() {
    real(async {
        let ours = Authority::new("ours");
        let config = ours.issue(&["localhost"]).server(None);
        // ServerHello, the certificate's record, and the tickets behind the handshake.
        for record in [0, 2, 3, 4] {
            let (address, _relay) = meddled(config.clone(), Meddling::Garble { record }).await;
            let error = connect("localhost", address, &ours).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tls, "{record}: {error}");
            let shown = error.to_string();
            assert!(shown.contains("not proper TLS"), "{record}: {shown}");
            assert!(error.source().unwrap().is::<rustls::Error>());
        }
    });
}

#[test]
fn a_handshake_that_stalls_ends_at_its_limit() {
    real(async {
        let ours = Authority::new("ours");
        let config = ours.issue(&["localhost"]).server(None);
        for records in [0, 1, 2] {
            let (address, relay) = meddled(config.clone(), Meddling::Stall { records }).await;
            let error = connect("localhost", address, &ours)
                .phase_timeout(Phase::Tls, Duration::from_millis(100))
                .await
                .unwrap_err();
            assert_error(&error, ErrorKind::Timeout, Phase::Tls);
            let shown = error.to_string();
            assert!(
                shown.contains("the limit of 100ms for the TLS handshake passed"),
                "{shown}"
            );
            join(relay).await;
        }
    });
}
