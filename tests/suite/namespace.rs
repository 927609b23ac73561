//! What only a network of the test's own can show. `tests/interop/namespace` makes it and runs these,
//! so that by themselves they are ignored.

use std::net::SocketAddr;
use std::time::Duration;

use longwire::{ErrorKind, Phase};
use tokio::time::Instant;

use crate::support::run::real;
use crate::support::scripted::Server;
use crate::support::verdict::assert_error;

/// An address behind a link whose other end takes everything and says nothing.
const SWALLOWED: [u16; 8] = [0xfd00, 0, 0, 0, 0, 0, 0, 2];

/// An address that the kernel has a route for that says `prohibit`.
const PROHIBITED: [u16; 8] = [0xfd01, 0, 0, 0, 0, 0, 0, 2];

#[ignore = "needs the network that tests/interop/namespace makes"]
#[test]
fn an_ipv6_route_that_swallows_everything_costs_a_quarter_of_a_second() {
    real(async {
        for (dead, at_least) in [(SWALLOWED, 250), (PROHIBITED, 0)] {
            let server = Server::start(|mut peer| async move {
                peer.switch().await;
                peer.drain().await;
            })
            .await;
            let dead = SocketAddr::from((dead, server.address.port()));
            let begun = Instant::now();
            let ws = longwire::connect("ws://both.example/")
                .resolve("both.example", [dead, server.address])
                .await
                .unwrap();
            let took = begun.elapsed();
            assert!(took >= Duration::from_millis(at_least), "{took:?}");
            assert!(took < Duration::from_millis(at_least + 250), "{took:?}");
            let report = ws.handshake().report();
            assert_eq!(report.attempts[0].address, dead);
            assert!(report.attempts[0].error.is_some());
            assert_eq!(report.peer(), Some(server.address));
            drop(ws);
            server.done().await;
        }
    });
}

#[ignore = "needs the network that tests/interop/namespace makes"]
#[test]
fn a_route_that_swallows_everything_ends_at_the_deadline_and_is_named() {
    real(async {
        let dead = SocketAddr::from((SWALLOWED, 80));
        let limit = Duration::from_millis(500);
        let begun = Instant::now();
        let error = longwire::connect("ws://dead.example/")
            .resolve("dead.example", [dead])
            .timeout(limit)
            .await
            .unwrap_err();
        assert!(begun.elapsed() < limit + Duration::from_millis(250));
        assert_error(&error, ErrorKind::Timeout, Phase::Connect);
        assert!(error.to_string().contains(&dead.to_string()), "{error}");
    });
}
