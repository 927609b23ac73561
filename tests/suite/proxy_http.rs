//! HTTP proxies that do what they should: what they are asked, and what comes of their answers.

use std::time::Duration;

use longwire::{ErrorKind, Phase, Proxy};
use tokio::time::{Instant, sleep};

use crate::support::proxy::{ESTABLISHED, Untouched, at, by_name, http_proxy, is_through, origin};
use crate::support::run::real;
use crate::support::scripted::Server;
use crate::support::verdict::assert_error;

#[test]
fn a_tunnel_leads_to_a_name_that_only_the_proxy_knows() {
    real(async {
        let origin = origin().await;
        let proxy = http_proxy(origin.address, ESTABLISHED, |request| {
            assert_eq!(request.line, "CONNECT server.example:80 HTTP/1.1");
            assert_eq!(request.one("host"), "server.example:80");
            assert_eq!(request.fields.len(), 1, "{request:?}");
        })
        .await;
        let mut ws = by_name(at("http", proxy.address)).await.unwrap();
        let report = ws.handshake().report();
        assert_eq!(report.peer(), Some(proxy.address));
        let via = report.proxy.as_ref().unwrap();
        let name = format!("http://{}", proxy.address);
        assert_eq!(via.url, name);
        assert!(via.elapsed.is_some() && via.tls.is_none());
        let shown = report.to_string();
        assert!(shown.contains(&format!("via      {name}\n")), "{shown}");
        is_through(&mut ws).await;
        origin.done().await;
        proxy.done().await;
    });
}

#[test]
fn the_target_stands_in_the_request_with_its_port_and_ipv6_in_brackets() {
    real(async {
        for (url, authority) in [
            ("ws://server.example:8080/", "server.example:8080"),
            ("ws://192.0.2.7/", "192.0.2.7:80"),
            ("ws://[2001:DB8::1]/", "[2001:db8::1]:80"),
            ("ws://[::1]:9/", "[::1]:9"),
            ("ws://Server.Example./", "server.example.:80"),
        ] {
            let origin = origin().await;
            let proxy = http_proxy(origin.address, ESTABLISHED, move |request| {
                assert_eq!(request.line, format!("CONNECT {authority} HTTP/1.1"));
                assert_eq!(request.one("host"), authority);
            })
            .await;
            let connect = longwire::connect(url).proxy(at("http", proxy.address));
            is_through(&mut connect.await.unwrap()).await;
            origin.done().await;
            proxy.done().await;
        }
    });
}

#[test]
fn any_2xx_opens_the_way_whatever_it_says_of_a_body() {
    real(async {
        for answer in [
            "HTTP/1.0 200 OK\r\n\r\n",
            "HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n",
            "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 299 Odd\r\nConnection: close\r\nVia: 1.1 proxy\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            let origin = origin().await;
            let proxy = http_proxy(origin.address, answer, |_| {}).await;
            let mut ws = by_name(at("http", proxy.address)).await.expect(answer);
            is_through(&mut ws).await;
            origin.done().await;
            proxy.done().await;
        }
    });
}

#[test]
fn an_answer_may_come_byte_by_byte() {
    real(async {
        let origin = origin().await;
        let to = origin.address;
        let proxy = Server::start(move |mut peer| async move {
            peer.request().await;
            for byte in ESTABLISHED.bytes() {
                peer.send([byte]).await;
                tokio::task::yield_now().await;
            }
            peer.carry_to(to).await;
        })
        .await;
        is_through(&mut by_name(at("http", proxy.address)).await.unwrap()).await;
        origin.done().await;
        proxy.done().await;
    });
}

#[test]
fn credentials_and_fields_go_to_the_proxy_alone() {
    real(async {
        // `user@corp:pass word`
        const BASIC: &str = "Basic dXNlckBjb3JwOnBhc3Mgd29yZA==";
        for way in 0..4 {
            let origin = origin().await;
            let proxy = http_proxy(origin.address, ESTABLISHED, move |request| {
                let wanted = if way == 3 { "Bearer token" } else { BASIC };
                assert_eq!(request.one("proxy-authorization"), wanted);
                assert_eq!(request.all("x-proxy"), ["yes"]);
                assert_eq!(request.fields.len(), 3, "{request:?}");
            })
            .await;
            let address = proxy.address;
            let choice = match way {
                0 => Proxy::new(format!("http://user%40corp:pass%20word@{address}")),
                1 => at("http", address).basic("user@corp", "pass word"),
                2 => Proxy::new(format!("http://other:one@{address}"))
                    .basic("user@corp", "pass word"),
                _ => at("http", address)
                    .basic("user@corp", "pass word")
                    .header("proxy-authorization", "Bearer token"),
            };
            // The server's own credentials are another matter.
            let connect = by_name(choice.header("X-Proxy", "no").header("x-proxy", "yes"));
            is_through(&mut connect.bearer("for the server").await.unwrap()).await;
            origin.done().await;
            proxy.done().await;
        }
    });
}

#[test]
fn a_refusal_is_an_error_with_the_proxys_answer() {
    real(async {
        for (answer, status, retryable, words) in [
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"corp\"\r\n\
                 Content-Length: 8\r\n\r\nwho? you",
                407,
                false,
                "wants credentials and none are set (Basic realm=\"corp\"): who? you",
            ),
            (
                "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Negotiate\r\n\
                 Proxy-Authenticate: NTLM\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
                407,
                false,
                "wants credentials and none are set (Negotiate, NTLM, Basic)",
            ),
            (
                "HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"tiny\"\r\n\r\n<html>no",
                401,
                false,
                "wants credentials and none are set (Basic realm=\"tiny\")",
            ),
            (
                "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlost\r\n0\r\n\r\n",
                502,
                true,
                "refused the tunnel with 502 Bad Gateway: lost",
            ),
            (
                "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
                503,
                true,
                "503",
            ),
            (
                "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
                403,
                false,
                ": no",
            ),
            (
                "HTTP/1.1 301 Moved\r\nLocation: http://a\r\nContent-Length: 0\r\n\r\n",
                301,
                false,
                "301",
            ),
            (
                "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n",
                101,
                false,
                "101",
            ),
        ] {
            let origin = Untouched::new();
            let proxy = Server::start(move |mut peer| async move {
                peer.request().await;
                peer.send(answer).await;
                peer.finish().await;
                peer.drain().await;
            })
            .await;
            let connect = longwire::connect(origin.url()).proxy(at("http", proxy.address));
            let error = connect.await.unwrap_err();
            assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
            let response = error.response().expect("the proxy's answer");
            assert_eq!(response.status(), status);
            let body = answer.split("\r\n\r\n").nth(1).unwrap();
            assert!(status == 502 || response.body() == body, "{response:?}");
            assert_eq!(error.is_retryable(), retryable, "{error}");
            let wait = (status == 503).then_some(Duration::from_secs(7));
            assert_eq!(error.retry_after(), wait);
            let message = error.to_string();
            let address = proxy.address;
            for part in [
                words,
                &format!("the proxy http://{address}: "),
                &origin.url()[5..],
            ] {
                assert!(message.contains(part), "{message}: {part}");
            }
            assert!(!message.contains("<html>"), "{message}");
            let report = error.report().unwrap();
            let failure = report.failure.as_ref().unwrap();
            assert!(failure.error.contains(&status.to_string()), "{failure:?}");
            assert_eq!(failure.phase, Phase::Proxy);
            assert_eq!(report.proxy.as_ref().unwrap().elapsed, None);
            origin.assert_untouched();
            proxy.done().await;
        }
    });
}

#[test]
fn credentials_that_are_not_accepted_are_told_from_none() {
    real(async {
        for status in ["401 Unauthorized", "407 Proxy Authentication Required"] {
            let proxy = Server::start(move |mut peer| async move {
                peer.request().await;
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                peer.send(answer).await;
                peer.drain().await;
            })
            .await;
            let choice = at("http", proxy.address).basic("user", "s3cret");
            let error = by_name(choice).await.unwrap_err();
            let message = error.to_string();
            assert!(
                message.contains("does not accept the credentials that were sent"),
                "{message}"
            );
            proxy.done().await;
        }
    });
}

#[test]
fn the_body_of_a_refusal_is_bounded_in_size_and_time() {
    real(async {
        // Of size: endless.
        let proxy = Server::start(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 403 Forbidden\r\n\r\n").await;
            while peer.try_send([b'x'; 4096]).await.is_ok() {}
        })
        .await;
        let error = by_name(at("http", proxy.address)).await.unwrap_err();
        assert_eq!(error.response().unwrap().body().len(), 64 << 10);
        proxy.done().await;

        // Of time: it drips, and a second is all it gets.
        let proxy = Server::start(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 1000\r\n\r\n")
                .await;
            while peer.try_send("drip").await.is_ok() {
                sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        let begun = Instant::now();
        let error = by_name(at("http", proxy.address)).await.unwrap_err();
        assert!(
            begun.elapsed() < Duration::from_secs(3),
            "{:?}",
            begun.elapsed()
        );
        assert!(error.response().unwrap().body().starts_with(b"dripdrip"));
        proxy.done().await;
    });
}

/// With a deadline shorter than the wait for the body, what is known is told in time.
#[test]
fn a_refusal_that_meets_the_deadline_is_still_a_refusal() {
    real(async {
        let proxy = Server::start(|mut peer| async move {
            peer.request().await;
            peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\npart")
                .await;
            peer.drain().await;
        })
        .await;
        let connect = by_name(at("http", proxy.address)).timeout(Duration::from_millis(500));
        let error = connect.await.unwrap_err();
        assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
        assert_eq!(error.response().unwrap().body().as_ref(), b"part");
        proxy.done().await;
    });
}
