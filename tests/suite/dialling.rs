//! From a name to a socket: every address is tried, every failure is kept, and one deadline is over
//! all of it.

use std::future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use longwire::{CloseCode, Error, ErrorKind, Phase};
use tokio::time::Instant;

use crate::support::run::{paused, real};
use crate::support::scripted::{Server, dead_end};
use crate::support::verdict::assert_error;

/// A resolver that gives these addresses for every name.
fn to(
    addresses: Vec<SocketAddr>,
) -> impl Fn(String, u16) -> future::Ready<io::Result<Vec<SocketAddr>>> {
    move |_, _| future::ready(Ok(addresses.clone()))
}

#[test]
fn dead_addresses_are_passed_over_and_kept_in_the_report() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.switch().await;
            peer.answer_close(1000).await;
            peer.expect_end().await;
        })
        .await;
        let (_first, first) = dead_end();
        let (_second, second) = dead_end();
        let addresses = vec![first, second, server.address];
        let mut ws = longwire::connect("ws://server.example/")
            .resolver(to(addresses.clone()))
            .await
            .unwrap();
        let report = ws.handshake().report();
        assert_eq!(report.addresses, addresses);
        assert_eq!(report.peer(), Some(server.address));
        let failed: Vec<bool> = report
            .attempts
            .iter()
            .map(|attempt| attempt.error.is_some())
            .collect();
        assert_eq!(failed, [true, true, false]);
        assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
        server.done().await;
    });
}

#[test]
fn when_every_address_is_dead_the_error_names_them_all() {
    real(async {
        let (_first, first) = dead_end();
        let (_second, second) = dead_end();
        let addresses = vec![first, second];
        let error: Error = longwire::connect("ws://server.example/")
            .resolver(to(addresses.clone()))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Connect, Phase::Connect);
        assert!(error.is_retryable());
        assert_eq!(error.report().unwrap().attempts.len(), 2);
        let message = error.to_string();
        for address in addresses {
            assert!(message.contains(&address.to_string()), "{message}");
        }
    });
}

#[test]
fn a_name_without_an_address_and_a_resolver_that_fails_are_errors_of_resolving() {
    real(async {
        let error = longwire::connect("ws://server.example/")
            .resolver(to(Vec::new()))
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Resolve, Phase::Resolve);
        let error = longwire::connect("ws://server.example/")
            .resolver(|_: String, _: u16| {
                future::ready(Err::<Vec<SocketAddr>, _>(io::Error::other("no such name")))
            })
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Resolve, Phase::Resolve);
        let message = error.to_string();
        assert!(
            message.contains("server.example") && message.contains("no such name"),
            "{message}"
        );
    });
}

#[test]
fn a_resolver_that_never_answers_ends_at_the_deadline() {
    paused(async {
        let begun = Instant::now();
        let error = longwire::connect("ws://server.example/")
            .resolver(|_: String, _: u16| future::pending::<io::Result<Vec<SocketAddr>>>())
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Timeout, Phase::Resolve);
        assert!(begun.elapsed() <= Duration::from_millis(10_100));
    });
}
