//! Settings of liveness that cannot be, and those at their ends.

use std::time::Duration;

use longwire::{Client, Config, ErrorKind, Liveness, Phase};
use tokio::time::{Instant, timeout};

use crate::support::run::paused;
use crate::support::scripted::{Peer, open_with};
use crate::support::verdict::{fails, next_text};
use crate::support::wire::{self, text};

#[test]
fn impossible_settings_are_an_error_by_name() {
    paused(async {
        let cases = [
            (Liveness::default().interval(Duration::ZERO), "interval"),
            (Liveness::default().timeout(Duration::ZERO), "timeout"),
            (Liveness::default().progress(1, Duration::ZERO), "progress"),
            (Liveness::default().data_idle(Duration::ZERO), "data_idle"),
        ];
        for (liveness, name) in cases {
            let connect = longwire::connect("ws://server.example/").liveness(liveness.clone());
            let client = Client::builder().liveness(liveness.clone()).build();
            let others = client.connect("ws://server.example/");
            let (near, _far) = tokio::io::duplex(1);
            let over = longwire::connect("ws://server.example/").liveness(liveness.clone());
            let errors = [
                connect.await.unwrap_err(),
                others.await.unwrap_err(),
                over.over(near).await.unwrap_err(),
                open_with(Config::default().liveness(liveness))
                    .0
                    .next()
                    .await
                    .unwrap()
                    .unwrap_err(),
            ];
            for error in errors {
                assert_eq!(error.kind(), ErrorKind::Config);
                assert!(error.to_string().contains("liveness"), "{error}");
                assert!(error.to_string().contains(name), "{error}");
            }
        }
    });
}

#[test]
fn limits_without_end_are_none_and_overflow_nothing() {
    paused(async {
        let most = Duration::MAX;
        let base = Liveness::default;
        for liveness in [
            base().interval(most),
            base().timeout(most),
            base().interval(most).timeout(most),
            base().progress(u64::MAX, most),
            base().data_idle(most),
            base()
                .interval(most)
                .timeout(most)
                .progress(1, most)
                .data_idle(most)
                .app_ping("ping", |text| text == "pong"),
        ] {
            let never = liveness.clone().interval(most).timeout(most);
            let (mut ws, mut peer) = open_with(Config::default().liveness(never));
            let waited = timeout(Duration::from_secs(3 * 3_600), ws.next()).await;
            assert!(waited.is_err(), "{liveness:?}");
            ws.nudge();
            peer.send(text("in").bytes()).await;
            assert_eq!(next_text(&mut ws).await, "in");

            let (mut ws, mut peer) = open_with(Config::default().liveness(liveness));
            peer.send(text("in").bytes()).await;
            assert_eq!(next_text(&mut ws).await, "in");
        }
    });
}

/// Timers are no finer than a millisecond, which costs precision and nothing else.
#[test]
fn the_least_settings_work() {
    paused(async {
        let least = Duration::from_nanos(1);
        let liveness = Liveness::default().interval(least).timeout(least);
        let (mut ws, _peer) = open_with(Config::default().liveness(liveness));
        let begun = Instant::now();
        fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
        assert!(begun.elapsed() <= Duration::from_millis(10));
    });
}

/// What a connection says of it wins over what its client says.
#[test]
fn the_setters_of_client_and_connection_take_effect() {
    paused(async {
        let second = Duration::from_secs(1);
        let fast = Liveness::default().interval(second).timeout(second);
        let client = Client::builder().liveness(fast).build();
        for off in [false, true] {
            let (near, far) = tokio::io::duplex(1 << 16);
            let mut connect = client.connect("ws://server.example/");
            if off {
                connect = connect.no_liveness();
            }
            let mut peer = Peer::new(far);
            let (ws, _) = tokio::join!(connect.over(near).into_future(), peer.switch());
            let mut ws = ws.unwrap();
            if off {
                let waited = timeout(Duration::from_secs(3_600), ws.next()).await;
                assert!(waited.is_err());
            } else {
                let begun = Instant::now();
                fails(&mut ws, ErrorKind::NoPong, Phase::Open).await;
                assert!(begun.elapsed() <= Duration::from_millis(2_200));
                assert_eq!(peer.next().await.unwrap().opcode, wire::PING);
            }
        }
        let off = Client::builder().no_liveness().build();
        assert!(format!("{off:?}").contains("liveness: None"));
    });
}

/// The text of an application's ping may carry a token.
#[test]
fn the_applications_ping_is_shown_nowhere() {
    let liveness = Liveness::default().app_ping("ping s3cret", |_| false);
    let config = Config::default().liveness(liveness.clone());
    let connect = longwire::connect("ws://server.example/").liveness(liveness.clone());
    for shown in [
        format!("{liveness:?}"),
        format!("{config:?}"),
        format!("{connect:?}"),
    ] {
        assert!(shown.contains("app_ping: true"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
