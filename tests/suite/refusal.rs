//! Servers that refuse: what they said comes back whole, bounded in size and time.

use std::future::Future;
use std::time::Duration;

use longwire::{Error, ErrorKind, Phase};
use tokio::io::DuplexStream;
use tokio::time::{Instant, sleep};

use crate::support::alloc::Meter;
use crate::support::io::{Endless, Exhausted};
use crate::support::run::{paused, real};
use crate::support::scripted::{Peer, Server, join};
use crate::support::verdict::assert_error;

/// 1 s for the body, and a little for the rest.
const WITHIN: Duration = Duration::from_millis(1_200);

/// The error of a client that is answered by this script.
async fn refused<F, S>(script: F) -> Error
where
    F: FnOnce(Peer<DuplexStream>) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    let (near, far) = tokio::io::duplex(1 << 18);
    let script = tokio::spawn(script(Peer::new(far)));
    let begun = Instant::now();
    let error = longwire::connect("ws://server.example/feed?token=s3cret")
        .over(near)
        .await
        .expect_err("a refusal");
    assert!(begun.elapsed() <= WITHIN, "{:?}", begun.elapsed());
    assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    join(script).await;
    error
}

#[test]
fn a_refusal_gives_status_fields_and_body() {
    paused(async {
        let error = refused(|mut peer| async move {
            peer.request().await;
            peer.send(
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 11\r\nX-Why: ip\r\n\r\nnot from x!",
            )
            .await;
            peer.drain().await;
        })
        .await;
        let response = error.response().unwrap();
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers()["x-why"], "ip");
        assert_eq!(response.body().as_ref(), b"not from x!");
        assert!(!error.is_retryable());
        let message = error.to_string();
        assert!(
            message.contains("403") && message.contains("not from x!"),
            "{message}"
        );
    });
}

#[test]
fn a_body_that_comes_later_is_waited_for_up_to_its_length() {
    paused(async {
        let begun = Instant::now();
        let error = refused(|mut peer| async move {
            peer.request().await;
            peer.send(
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\n",
            )
            .await;
            sleep(Duration::from_millis(50)).await;
            peer.send("slow down").await;
            peer.drain().await;
        })
        .await;
        assert!(begun.elapsed() < Duration::from_millis(200));
        assert_eq!(error.response().unwrap().body().as_ref(), b"slow down");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
        assert!(error.is_retryable());
    });
}

#[test]
fn a_body_without_a_length_ends_with_the_connection() {
    paused(async {
        let error = refused(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 503 Service Unavailable\r\n\r\ndown")
                .await;
            sleep(Duration::from_millis(50)).await;
            peer.send(" for maintenance").await;
            peer.finish().await;
        })
        .await;
        assert_eq!(
            error.response().unwrap().body().as_ref(),
            b"down for maintenance"
        );
    });
}

#[test]
fn a_chunked_body_is_given_without_its_chunks() {
    paused(async {
        let error = refused(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n")
                .await;
            peer.send("4\r\nlog \r\n").await;
            sleep(Duration::from_millis(50)).await;
            peer.send("7;x=y\r\nin firs\r\n1\r\nt\r\n0\r\n\r\n").await;
            peer.drain().await;
        })
        .await;
        assert_eq!(error.response().unwrap().body().as_ref(), b"log in first");
    });
}

#[test]
fn an_answer_that_has_no_body_is_not_waited_for() {
    paused(async {
        for head in [
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\n\r\n",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            let begun = Instant::now();
            let error = refused(move |mut peer| async move {
                peer.request().await;
                peer.send(head).await;
                peer.drain().await;
            })
            .await;
            assert!(begun.elapsed() < Duration::from_millis(100), "{head:?}");
            assert!(error.response().unwrap().body().is_empty());
        }
    });
}

/// A body whose length is not to be understood is still a refusal, and ends in time.
#[test]
fn a_body_of_no_understandable_length_is_still_a_refusal() {
    paused(async {
        for fields in [
            "Content-Length: many",
            "Content-Length: -1",
            "Content-Length: 99999999999999999999999999",
            "Content-Length: 5\r\nContent-Length: 6",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: chunked\r\nContent-Length: 3",
        ] {
            let error = refused(move |mut peer| async move {
                peer.request().await;
                let answer = format!("HTTP/1.1 403 Forbidden\r\n{fields}\r\n\r\nzz\r\nbody");
                peer.send(answer).await;
                peer.drain().await;
            })
            .await;
            assert_eq!(error.response().unwrap().status(), 403);
        }
    });
}

#[test]
fn an_endless_body_is_cut_at_64_kib() {
    paused(async {
        for head in [
            &b"HTTP/1.1 503 Service Unavailable\r\n\r\n"[..],
            b"HTTP/1.1 403 Forbidden\r\nContent-Length: 1073741824\r\n\r\n",
        ] {
            let io = Endless::new(head.to_vec(), vec![b'x'; 1 << 16]);
            let meter = Meter::start();
            let begun = std::time::Instant::now();
            let error = longwire::connect("ws://server.example/")
                .over(io)
                .await
                .unwrap_err();
            assert!(begun.elapsed() < WITHIN);
            assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
            assert_eq!(error.response().unwrap().body().len(), 64 << 10);
            assert!(meter.peak() < 1 << 20, "{} bytes", meter.peak());
        }
    });
}

#[test]
fn a_body_that_drips_is_cut_after_a_second() {
    paused(async {
        let begun = Instant::now();
        let error = refused(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 1000\r\n\r\n")
                .await;
            while peer.try_send("x").await.is_ok() {
                sleep(Duration::from_millis(90)).await;
            }
        })
        .await;
        assert!(begun.elapsed() >= Duration::from_millis(900));
        let body = error.response().unwrap().body().len();
        assert!((10..=13).contains(&body), "{body} bytes");
    });
}

#[test]
fn a_body_that_never_comes_is_given_up_after_a_second() {
    paused(async {
        let error = refused(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 500 Internal Server Error\r\nContent-Length: 9\r\n\r\n")
                .await;
            peer.drain().await;
        })
        .await;
        assert!(error.response().unwrap().body().is_empty());
    });
}

#[test]
fn a_body_that_breaks_off_is_still_a_refusal() {
    paused(async {
        for then in [
            Exhausted::Ends,
            Exhausted::Fails(std::io::ErrorKind::ConnectionReset),
        ] {
            let head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\n";
            let io = Endless::new(head.to_vec(), b"partial".to_vec()).turns(1, then);
            let error = longwire::connect("ws://server.example/")
                .over(io)
                .await
                .unwrap_err();
            assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
            assert_eq!(error.response().unwrap().body().as_ref(), b"partial");
        }
    });
}

/// With a deadline shorter than the wait for the body, what is known is told in time.
#[test]
fn a_refusal_that_meets_the_deadline_is_still_a_refusal() {
    paused(async {
        let head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 100\r\n\r\n";
        let io = Endless::new(head.to_vec(), b"part".to_vec()).turns(1, Exhausted::Blocks);
        let begun = Instant::now();
        let error = longwire::connect("ws://server.example/")
            .timeout(Duration::from_millis(300))
            .over(io)
            .await
            .unwrap_err();
        assert!(begun.elapsed() <= Duration::from_millis(400));
        assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
    });
}

#[test]
fn a_refusal_on_a_socket_is_whole_and_in_time() {
    real(async {
        let server = Server::start(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 120\r\n\r\n")
                .await;
            while peer.try_send("drip").await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        let begun = Instant::now();
        let error = longwire::connect(server.url()).await.unwrap_err();
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "{:?}",
            begun.elapsed()
        );
        assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
        assert_eq!(error.retry_after(), Some(Duration::from_secs(120)));
        assert!(error.response().unwrap().body().starts_with(b"dripdrip"));
        server.done().await;
    });
}

#[test]
fn retry_after_is_read_in_every_form_that_must_be_understood() {
    paused(async {
        for (value, seconds) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(37)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(37)),
            ("Sun Nov  6 08:49:37 1994", Some(37)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            let error = refused(move |mut peer| async move {
                peer.request().await;
                peer.send(format!(
                    "HTTP/1.1 503 Busy\r\nDate: Sun, 06 Nov 1994 08:49:00 GMT\r\n\
                     Retry-After: {value}\r\nContent-Length: 0\r\n\r\n"
                ))
                .await;
                peer.drain().await;
            })
            .await;
            let wanted = seconds.map(Duration::from_secs);
            assert_eq!(error.retry_after(), wanted, "{value}");
        }
    });
}
