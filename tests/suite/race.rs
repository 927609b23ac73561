//! Happy Eyeballs (RFC 8305): the addresses race, and the dead ones cost next to nothing.

use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::task::Poll;
use std::time::Duration;

use longwire::{ConnectReport, ErrorKind, Phase, WsStream};
use tokio::time::Instant;

#[cfg(target_os = "linux")]
use crate::support::run::paused;
use crate::support::run::real;
#[cfg(target_os = "linux")]
use crate::support::scripted::BlackHole;
use crate::support::scripted::{Server, dead_end};
use crate::support::verdict::assert_error;

/// A server that switches protocols and then waits for the client to go.
async fn server() -> Server {
    Server::start(|mut peer| async move {
        peer.switch().await;
        peer.drain().await;
    })
    .await
}

fn connect(addresses: Vec<SocketAddr>) -> longwire::Connect {
    longwire::connect("ws://server.example/").resolve("server.example", addresses)
}

fn report(ws: &WsStream) -> &ConnectReport {
    ws.handshake().report()
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_does_not_answer_costs_a_quarter_of_a_second() {
    real(async {
        let (hole, server) = (BlackHole::new().await, server().await);
        let begun = Instant::now();
        let ws = connect(vec![hole.address(1), server.address])
            .await
            .unwrap();
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(250), "{took:?}");
        // Not its share of the deadline, which is 5 s.
        assert!(took < Duration::from_millis(1_500), "{took:?}");
        let [dead, alive] = &report(&ws).attempts[..] else {
            panic!("{:?}", report(&ws));
        };
        assert_eq!(report(&ws).peer(), Some(server.address));
        assert_eq!(alive.error, None);
        assert!(alive.after >= Duration::from_millis(250), "{alive:?}");
        let error = dead.error.as_deref().unwrap();
        assert!(error.contains("was faster"), "{error}");
        assert!(dead.elapsed >= alive.after, "{dead:?}");
        drop(ws);
        server.done().await;
    });
}

#[test]
fn an_address_that_refuses_costs_nothing() {
    real(async {
        let ends = [dead_end(), dead_end(), dead_end(), dead_end(), dead_end()];
        let server = server().await;
        let mut addresses: Vec<_> = ends.iter().map(|(_, address)| *address).collect();
        addresses.push(server.address);
        let begun = Instant::now();
        let ws = connect(addresses).await.unwrap();
        // Five waits would take 1.25 s.
        assert!(begun.elapsed() < Duration::from_secs(1));
        assert_eq!(report(&ws).attempts.len(), 6);
        drop(ws);
        server.done().await;
    });
}

#[test]
fn of_200_addresses_199_may_refuse() {
    real(async {
        let (_held, dead) = dead_end();
        let server = server().await;
        let mut addresses: Vec<SocketAddr> = (1..200)
            .map(|number| ([127, 0, 0, number], dead.port()).into())
            .collect();
        addresses.push(server.address);
        let ws = connect(addresses).await.unwrap();
        let failed = report(&ws).attempts.iter();
        assert_eq!(
            failed.filter(|attempt| attempt.error.is_some()).count(),
            199
        );
        assert_eq!(report(&ws).peer(), Some(server.address));
        drop(ws);
        server.done().await;
    });
}

#[cfg(target_os = "linux")]
#[test]
fn of_200_addresses_199_may_say_nothing() {
    real(async {
        let (hole, server) = (BlackHole::new().await, server().await);
        let mut addresses: Vec<SocketAddr> = (1..200).map(|number| hole.address(number)).collect();
        addresses.push(server.address);
        let begun = Instant::now();
        let ws = connect(addresses).await.unwrap();
        // All have their start in the first half of the ten seconds.
        assert!(begun.elapsed() < Duration::from_secs(8));
        assert_eq!(report(&ws).attempts.len(), 200);
        let given_up = report(&ws).attempts[0].error.as_deref().unwrap();
        assert!(given_up.contains("others were waiting"), "{given_up}");
        drop(ws);
        server.done().await;
    });
}

/// However busy its thread is, every address has its turn before the deadline.
#[cfg(target_os = "linux")]
#[test]
fn who_is_late_starts_what_was_missed() {
    paused(async {
        let hole = BlackHole::new().await;
        let addresses = (1..=200).map(|number| hole.address(number)).collect();
        let mut connecting = connect(addresses).into_future();
        let error = loop {
            if let Poll::Ready(ended) = futures::poll!(&mut connecting) {
                break ended.unwrap_err();
            }
            tokio::time::advance(Duration::from_millis(100)).await;
        };
        assert_error(&error, ErrorKind::Timeout, Phase::Connect);
        assert_eq!(error.report().unwrap().attempts.len(), 200);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn when_nobody_answers_the_deadline_lists_every_address_and_its_time() {
    real(async {
        let hole = BlackHole::new().await;
        let addresses = vec![hole.address(1), hole.address(2)];
        let limit = Duration::from_millis(800);
        let error = connect(addresses.clone()).timeout(limit).await.unwrap_err();
        assert_error(&error, ErrorKind::Timeout, Phase::Connect);
        let attempts = &error.report().unwrap().attempts;
        for (attempt, address) in attempts.iter().zip(addresses) {
            assert_eq!(attempt.address, address);
            assert!(error.to_string().contains(&address.to_string()), "{error}");
            let why = attempt.error.as_deref().unwrap();
            assert_eq!(why, "no answer before the deadline");
            let ended = attempt.after + attempt.elapsed;
            assert!(ended >= limit.mul_f32(0.9), "{attempt:?}");
        }
        assert_eq!(attempts.len(), 2);
    });
}

/// How many sockets of this machine wait for an answer from a port (`SYN_SENT`, 02).
#[cfg(target_os = "linux")]
fn waiting_for(port: u16) -> usize {
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let waits = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[2].ends_with(&format!(":{port:04X}")) && fields[3] == "02"
    };
    sockets.lines().skip(1).filter(waits).count()
}

#[cfg(target_os = "linux")]
#[test]
fn the_sockets_of_those_that_lose_are_closed() {
    real(async {
        let (hole, server) = (BlackHole::new().await, server().await);
        let connecting = connect(vec![hole.address(1), hole.address(2), server.address]);
        let connecting = tokio::spawn(connecting.into_future());
        while waiting_for(hole.port) < 2 {
            assert!(!connecting.is_finished(), "it did not wait");
            tokio::task::yield_now().await;
        }
        let ws = connecting.await.unwrap().unwrap();
        assert_eq!(report(&ws).attempts.len(), 3);
        assert_eq!(waiting_for(hole.port), 0);
        drop(ws);
        server.done().await;
    });
}

#[test]
fn families_take_turns() {
    real(async {
        let (_held, dead) = dead_end();
        let port = dead.port();
        let v4 = |last| SocketAddr::from(([127, 0, 0, last], port));
        // Nobody listens there, or there is no IPv6 at all: it fails in either case.
        let v6 = |last| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, last], port));
        let error = connect(vec![v6(1), v6(1), v4(1), v4(2), v4(3)])
            .await
            .unwrap_err();
        assert_error(&error, ErrorKind::Connect, Phase::Connect);
        let attempts = error.report().unwrap().attempts.iter();
        let order: Vec<_> = attempts.map(|attempt| attempt.address).collect();
        assert_eq!(order, [v6(1), v4(1), v4(2), v4(3)]);
    });
}
