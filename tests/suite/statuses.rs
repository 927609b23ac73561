//! Statuses that say what to do next: each is data in the error, on the first hop and behind a redirect.

use std::time::Duration;

use longwire::{Error, ErrorKind, Phase};

use crate::support::run::real;
use crate::support::scripted::Server;
use crate::support::verdict::assert_error;

/// The error for an answer: from the server itself, or from where it redirects to.
async fn refused(answer: &'static str, redirected: bool) -> Error {
    let server = Server::start(move |mut peer| async move {
        peer.request().await;
        peer.send(answer).await;
        peer.drain().await;
    })
    .await;
    if !redirected {
        let error = longwire::connect(server.url()).await.unwrap_err();
        server.done().await;
        return error;
    }
    let location = server.url();
    let first = Server::start(move |mut peer| async move {
        peer.request().await;
        let answer = format!("HTTP/1.1 307 On\r\nLocation: {location}\r\n\r\n");
        peer.send(answer).await;
        peer.drain().await;
    })
    .await;
    let error = longwire::connect(first.url())
        .redirects(1)
        .await
        .unwrap_err();
    first.done().await;
    server.done().await;
    assert_eq!(error.report().unwrap().redirects.len(), 1);
    error
}

/// What a refusal must be, wherever it comes from.
async fn refusals(answer: &'static str, status: u16, body: &str) -> Error {
    let mut last = None;
    for redirected in [false, true] {
        let error = refused(answer, redirected).await;
        assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
        let response = error.response().unwrap();
        assert_eq!(response.status(), status);
        assert_eq!(response.body(), body);
        assert_eq!(error.report().unwrap().status.unwrap(), status);
        assert!(error.to_string().contains(body), "{error}");
        last = Some(error);
    }
    last.unwrap()
}

#[test]
fn a_401_brings_its_challenge() {
    real(async {
        let error = refusals(
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"feed\", error=\"invalid_token\"\r\n\
             Content-Length: 13\r\n\r\ntoken expired",
            401,
            "token expired",
        )
        .await;
        let challenge = &error.response().unwrap().headers()["www-authenticate"];
        assert_eq!(challenge, "Bearer realm=\"feed\", error=\"invalid_token\"");
        assert!(!error.is_retryable());
    });
}

/// From a server, not from a proxy that was set: somebody on the way has put himself in between.
#[test]
fn a_407_brings_its_challenge() {
    real(async {
        let error = refusals(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"way out\"\r\n\
             Content-Length: 9\r\n\r\nwho there",
            407,
            "who there",
        )
        .await;
        let challenge = &error.response().unwrap().headers()["proxy-authenticate"];
        assert_eq!(challenge, "Basic realm=\"way out\"");
        assert!(!error.is_retryable());
    });
}

#[test]
fn a_426_says_which_versions_are_spoken() {
    real(async {
        let error = refusals(
            "HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13, 8\r\nSec-WebSocket-Version: 7\r\n\
             Content-Length: 7\r\n\r\nupgrade",
            426,
            "upgrade",
        )
        .await;
        let shown = error.to_string();
        assert!(
            shown.contains("it speaks WebSocket version 13, 8, 7; this client speaks 13"),
            "{shown}"
        );
        assert!(!error.is_retryable());
    });
}

#[test]
fn a_429_says_how_long_to_wait() {
    real(async {
        for (answer, seconds) in [
            (
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nContent-Length: 9\r\n\r\nslow down",
                7,
            ),
            (
                "HTTP/1.1 429 Too Many Requests\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
                 Retry-After: Sun, 06 Nov 1994 08:51:37 GMT\r\nContent-Length: 9\r\n\r\nslow down",
                120,
            ),
        ] {
            let error = refusals(answer, 429, "slow down").await;
            assert_eq!(error.retry_after(), Some(Duration::from_secs(seconds)));
            assert!(error.is_retryable());
        }
    });
}

#[test]
fn the_statuses_that_may_pass_are_retryable_and_no_others() {
    real(async {
        for status in [
            200, 300, 400, 401, 403, 404, 407, 408, 410, 421, 425, 426, 429, 431, 451, 500, 501,
            502, 503, 504, 505,
        ] {
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n");
            let error = refused(answer.leak(), false).await;
            let may_pass = matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504);
            assert_eq!(error.is_retryable(), may_pass, "{status}");
        }
    });
}
