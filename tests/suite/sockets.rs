//! What is set on sockets, fixed answers, Unix sockets, and limits for each phase.

use std::future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use longwire::{Client, CloseCode, ErrorKind, Phase};
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::support::run::{paused, real};
use crate::support::scripted::Server;
use crate::support::verdict::assert_error;

/// A server that switches protocols, and says what `Host` it was asked for.
async fn server(host: &'static str) -> Server {
    Server::start(move |mut peer| async move {
        let request = peer.switch().await;
        assert_eq!(request.one("host"), host);
        peer.answer_close(1000).await;
    })
    .await
}

fn no_resolver(_: String, _: u16) -> future::Ready<io::Result<Vec<SocketAddr>>> {
    panic!("the resolver was asked")
}

#[test]
fn a_fixed_address_stands_for_a_host_and_leaves_its_name_alone() {
    real(async {
        for way in 0..3 {
            let server = server("feed.example").await;
            let address = server.address;
            let nowhere = SocketAddr::from(([127, 0, 0, 1], 1));
            let connect = match way {
                0 => longwire::connect("ws://feed.example/").resolve("Feed.Example", [address]),
                1 => Client::builder()
                    .resolve("feed.example", [address])
                    .build()
                    .connect("ws://FEED.example/"),
                // What is said of the connection counts, and of that what was said last.
                _ => Client::builder()
                    .resolve("feed.example", [nowhere])
                    .build()
                    .connect("ws://feed.example/")
                    .resolve("feed.example", [nowhere])
                    .resolve("feed.example.", [address]),
            };
            let mut ws = connect.resolver(no_resolver).await.unwrap();
            assert_eq!(ws.handshake().report().resolve, None);
            ws.close(CloseCode::NORMAL, "").await.unwrap();
            server.done().await;
        }
    });
}

#[test]
fn a_fixed_address_of_port_0_takes_the_urls_port() {
    real(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let error = longwire::connect(format!("ws://feed.example:{}/", address.port()))
            .resolve("feed.example", [(address.ip(), 0)])
            .timeout(Duration::from_millis(200))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Timeout, Phase::Upgrade);
        assert_eq!(error.report().unwrap().peer(), Some(address));
    });
}

#[test]
fn a_host_fixed_to_nothing_has_no_addresses() {
    paused(async {
        let error = longwire::connect("ws://feed.example/")
            .resolve("feed.example", Vec::<SocketAddr>::new())
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Resolve, Phase::Resolve);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn the_local_address_is_the_one_that_was_asked_for() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.switch().await;
            peer.drain().await;
        })
        .await;
        // All of 127.0.0.0/8 is this machine on Linux.
        let local = IpAddr::from([127, 0, 0, 77]);
        let ws = longwire::connect(server.url())
            .local_address(local)
            .nodelay(false)
            .tcp_keepalive(Duration::from_secs(30))
            .tcp_user_timeout(Duration::from_secs(30))
            .await
            .unwrap();
        assert_eq!(ws.get_ref().local_addr().unwrap().ip(), local);
        drop(ws);
        server.done().await;
    });
}

#[test]
fn a_local_address_of_the_other_family_reaches_nobody_and_says_why() {
    real(async {
        let error = longwire::connect("ws://127.0.0.1:9/")
            .local_address([0, 0, 0, 0, 0, 0, 0, 1])
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Connect, Phase::Connect);
        assert!(error.to_string().contains("of the other family"), "{error}");
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_a_place_to_connect_to() {
    use crate::support::scripted::{Peer, join};

    real(async {
        let folder = std::env::temp_dir().join(format!("longwire-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("feed.sock");
        let path = path.to_str().unwrap();
        let url = format!("ws+unix://{path}:/feed?token=s3cret");

        let error = longwire::connect(&url).await.unwrap_err();
        assert_error(&error, ErrorKind::Connect, Phase::Connect);
        assert!(error.is_retryable());
        let shown = error.to_string();
        assert!(
            shown.starts_with(&format!("ws+unix://{path}:/feed: ")),
            "{shown}"
        );

        let listener = tokio::net::UnixListener::bind(path).unwrap();
        let server = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut peer = Peer::new(stream);
            let request = peer.switch().await;
            assert_eq!(request.line, "GET /feed?token=s3cret HTTP/1.1");
            assert_eq!(request.one("host"), "localhost");
            peer.answer_close(1000).await;
        });
        let mut ws = longwire::connect(&url).await.unwrap();
        assert!(ws.get_ref().peer_addr().is_err() && !ws.get_ref().is_tls());
        let report = ws.handshake().report();
        assert!(report.unix.is_some() && report.attempts.is_empty());
        let shown = report.to_string();
        assert!(
            shown.contains("\n  connect  Unix socket: connected in "),
            "{shown}"
        );
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
        join(server).await;
        std::fs::remove_dir_all(folder).unwrap();
    });
}

#[test]
fn a_phase_may_have_a_limit_of_its_own() {
    paused(async {
        let begun = Instant::now();
        let error = longwire::connect("ws://server.example/")
            .resolver(|_: String, _: u16| future::pending::<io::Result<Vec<SocketAddr>>>())
            .phase_timeout(Phase::Resolve, Duration::from_secs(2))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Timeout, Phase::Resolve);
        assert_eq!(begun.elapsed().as_secs(), 2);
        assert!(
            error
                .to_string()
                .contains("the limit of 2s for resolving the host name passed"),
            "{error}"
        );

        let (near, _far) = tokio::io::duplex(4096);
        let error = longwire::connect("ws://server.example/")
            .phase_timeout(Phase::Upgrade, Duration::from_secs(3))
            .over(near)
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Timeout, Phase::Upgrade);
        assert_eq!(begun.elapsed().as_secs(), 5);

        // The deadline over everything still counts.
        let (near, _far) = tokio::io::duplex(4096);
        let error = longwire::connect("ws://server.example/")
            .phase_timeout(Phase::Upgrade, Duration::from_secs(30))
            .over(near)
            .await
            .unwrap_err();
        assert_eq!(begun.elapsed().as_secs(), 15);
        let shown = error.to_string();
        assert!(
            shown.contains("the connect deadline of 10s passed"),
            "{shown}"
        );
        assert!(shown.contains("10.0s after that had begun"), "{shown}");
    });
}
