//! Whom to trust, who to be, what to call the server: the settings of `Tls`.

use std::path::PathBuf;

use longwire::{Client, ErrorKind, Tls, WsStream};

use crate::support::pki::Authority;
use crate::support::run::real;
use crate::support::tls::TlsServer;
use crate::support::verdict::next_text;
use crate::support::wire::text;

/// Greets, and waits for the client to go.
async fn greeter(config: longwire::rustls::ServerConfig) -> TlsServer {
    TlsServer::with(config, |peer| async move {
        if let Some(mut peer) = peer {
            peer.switch().await;
            // The client may have gone already.
            let _ = peer.try_send(text("hello").bytes()).await;
            peer.drain().await;
        }
    })
    .await
}

/// A file with this content, in a folder of this test's own.
fn file(name: &str, content: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("longwire-tls-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

#[test]
fn certificates_may_stand_in_files() {
    real(async {
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        let me = theirs.issue(&["me"]);
        // A file may hold several.
        let roots = file("roots.pem", &(theirs.pem() + &ours.pem()));
        let both = file("me.pem", &(me.pem.clone() + &me.key_pem()));
        let server = greeter(ours.issue(&["localhost"]).server(Some(&theirs))).await;
        let tls = Tls::default()
            .add_root_pem_file(&roots)
            .client_cert_pem_file(&both, &both);
        let mut ws = longwire::connect(server.url("localhost"))
            .tls(tls)
            .await
            .unwrap();
        assert_eq!(next_text(&mut ws).await, "hello");
        drop(ws);
        server.done().await;
    });
}

#[test]
fn a_file_with_the_mark_of_utf8_is_read() {
    real(async {
        let ours = Authority::new("ours");
        let roots = file("marked.pem", &format!("\u{feff}{}", ours.pem()));
        let server = greeter(ours.issue(&["localhost"]).server(None)).await;
        let tls = Tls::default().add_root_pem_file(&roots);
        let mut ws = longwire::connect(server.url("localhost"))
            .tls(tls)
            .await
            .unwrap();
        assert_eq!(next_text(&mut ws).await, "hello");
        drop(ws);
        server.done().await;
    });
}

#[test]
fn a_client_certificate_stays_with_its_origin() {
    real(async {
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        let me = theirs.issue(&["me"]);
        let tls = Tls::default()
            .add_root_pem(ours.pem())
            .client_cert_pem(&me.pem, me.key_pem());
        let wants_one = || ours.issue(&["localhost"]).server(Some(&theirs));
        let elsewhere = TlsServer::with(wants_one(), |peer| async move {
            assert!(peer.is_none(), "it got a certificate");
        })
        .await;
        let location = elsewhere.url("localhost");
        let first = TlsServer::with(wants_one(), |peer| async move {
            let mut peer = peer.expect("a certificate");
            peer.request().await;
            peer.send(format!(
                "HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n"
            ))
            .await;
            peer.drain().await;
        })
        .await;
        let connect = longwire::connect(first.url("localhost")).tls(tls);
        let error = connect.redirects(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls);
        let shown = error.to_string();
        assert!(shown.contains("it wants a client certificate"), "{shown}");
        first.done().await;
        elsewhere.done().await;
    });
}

#[test]
fn own_roots_alone_may_be_trusted() {
    real(async {
        let (ours, theirs) = (Authority::new("ours"), Authority::new("theirs"));
        for (authority, trusted) in [(&ours, true), (&theirs, false)] {
            let server = greeter(authority.issue(&["localhost"]).server(None)).await;
            let tls = Tls::default().add_root_pem(ours.pem()).only_added_roots();
            let result = longwire::connect(server.url("localhost")).tls(tls).await;
            assert_eq!(result.is_ok(), trusted);
            drop(result);
            server.done().await;
        }
    });
}

#[test]
fn a_server_may_go_by_another_name() {
    real(async {
        let ours = Authority::new("ours");
        let trust = || Tls::default().add_root_pem(ours.pem());
        for (name, accepted) in [
            ("feed.example", true),
            ("Feed.Example.", true),
            ("192.0.2.7", true),
            ("other.example", false),
        ] {
            let config = ours.issue(&["feed.example", "192.0.2.7"]).server(None);
            let server = greeter(config).await;
            let result = longwire::connect(server.url("localhost"))
                .tls(trust().server_name(name))
                .await;
            match result {
                Ok(ws) => {
                    assert!(accepted, "{name}");
                    drop(ws);
                }
                Err(error) => {
                    assert!(!accepted, "{name}: {error}");
                    assert!(
                        error.to_string().contains("other.example was wanted"),
                        "{error}"
                    );
                }
            }
            server.done().await;
        }
    });
}

fn is_resumed(ws: &WsStream) -> bool {
    ws.handshake().report().tls.as_ref().unwrap().resumed
}

#[test]
fn connections_of_a_client_resume_each_others_sessions() {
    real(async {
        let ours = Authority::new("ours");
        let config = ours.issue(&["localhost"]).server(None);
        let trust = || Tls::default().add_root_pem(ours.pem());
        let client = Client::builder().tls(trust()).build();
        let mut resumed = Vec::new();
        for shared in [true, true, false] {
            // The server's own memory of sessions is in the configuration, which its clones share.
            let server = greeter(config.clone()).await;
            let url = server.url("localhost");
            let connect = if shared {
                client.connect(&url)
            } else {
                longwire::connect(&url).tls(trust())
            };
            let mut ws = connect.await.unwrap();
            // Tickets come behind the handshake (RFC 8446 §4.6.1), and in front of this.
            assert_eq!(next_text(&mut ws).await, "hello");
            resumed.push(is_resumed(&ws));
            let shown = ws.handshake().report().to_string();
            assert_eq!(
                shown.contains("a resumed session"),
                is_resumed(&ws),
                "{shown}"
            );
            drop(ws);
            server.done().await;
        }
        assert_eq!(resumed, [false, true, false]);
    });
}

#[test]
fn a_file_that_is_not_there_is_named() {
    real(async {
        let client = Client::builder()
            .tls(Tls::default().add_root_pem_file("/no/such/roots.pem"))
            .build();
        let error = client.connect("wss://localhost:1/").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("/no/such/roots.pem"), "{error}");
    });
}

/// Says in the environment what the second run of this test program is to do.
const CHILD: &str = "LONGWIRE_TEST_KEY_LOG";

/// The environment belongs to the whole process, so the connection is made by another one: this very
/// test, run once more.
#[test]
fn keys_are_logged_only_if_that_is_asked_for() {
    let Ok(asked) = std::env::var(CHILD) else {
        for asked in ["no", "yes"] {
            let log = file(&format!("keys-{asked}"), "");
            let output = std::process::Command::new(std::env::current_exe().unwrap())
                .args([
                    "--exact",
                    "tls_choices::keys_are_logged_only_if_that_is_asked_for",
                ])
                .env(CHILD, asked)
                .env("SSLKEYLOGFILE", &log)
                .output()
                .unwrap();
            assert!(output.status.success(), "{output:?}");
            let logged = std::fs::read_to_string(log).unwrap();
            assert_eq!(
                logged.contains("CLIENT_TRAFFIC_SECRET_0 "),
                asked == "yes",
                "{logged}"
            );
            assert_eq!(logged.is_empty(), asked == "no");
        }
        return;
    };
    real(async {
        let ours = Authority::new("ours");
        let server = greeter(ours.issue(&["localhost"]).server(None)).await;
        let mut tls = Tls::default().add_root_pem(ours.pem());
        if asked == "yes" {
            tls = tls.key_log();
        }
        let ws = longwire::connect(server.url("localhost"))
            .tls(tls)
            .await
            .unwrap();
        drop(ws);
        server.done().await;
    });
}
