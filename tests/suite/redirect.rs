//! Redirects: none unless asked for, and then with a key of their own and without the secrets that were
//! meant for somebody else. Cookies, which travel by the jar's rules, are here too.

use std::collections::HashSet;
use std::error::Error as _;
use std::sync::{Arc, Mutex};

use longwire::error::RedirectError;
use longwire::http::HeaderValue;
use longwire::{Client, Connect, CookieStore, Error, ErrorKind, Phase, WsStream};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::request::{Request, Response};
use crate::support::run::real;
use crate::support::scripted::Peer;
use crate::support::verdict::assert_error;

/// A server that answers every request by what `answer` makes of it, and keeps the requests.
struct Site {
    url: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: JoinHandle<()>,
}

impl Site {
    async fn start(answer: impl Fn(&Request) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let mut peer = Peer::new(socket);
                let request = peer.request().await;
                match answer(&request) {
                    Answer::Switch => {
                        peer.send(Response::to(&request).bytes()).await;
                        tokio::spawn(async move { peer.drain().await });
                    }
                    Answer::Text(text) => peer.send(text).await,
                }
                kept.lock().unwrap().push(request);
            }
        });
        Self {
            url,
            requests,
            task,
        }
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn connect(&self) -> Connect {
        longwire::connect(format!("{}/start", self.url))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.task.abort();
    }
}

enum Answer {
    Switch,
    Text(String),
}

fn redirect(status: u16, location: &str) -> Answer {
    Answer::Text(format!(
        "HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
    ))
}

fn path(request: &Request) -> &str {
    request.line.split(' ').nth(1).unwrap()
}

/// A site whose `/start` leads to `location`, and which switches protocols everywhere else.
async fn leading_to(status: u16, location: &str) -> Site {
    let location = location.to_owned();
    Site::start(move |request| match path(request) {
        "/start" => redirect(status, &location),
        _ => Answer::Switch,
    })
    .await
}

fn reason(error: &Error) -> RedirectError {
    assert_error(error, ErrorKind::Redirect, Phase::Upgrade);
    assert!(!error.is_retryable());
    error
        .source()
        .unwrap()
        .downcast_ref::<RedirectError>()
        .unwrap()
        .clone()
}

async fn refused(connect: Connect) -> Error {
    match connect.await {
        Ok(ws) => panic!("it connected: {}", ws.handshake().report()),
        Err(error) => error,
    }
}

fn hops(ws: &WsStream) -> usize {
    ws.handshake().report().redirects.len()
}

#[test]
fn a_redirect_is_a_refusal_unless_asked_for() {
    real(async {
        let site = leading_to(302, "/there").await;
        let error = refused(site.connect()).await;
        assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
        let response = error.response().unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["location"]),
            (302, &HeaderValue::from_static("/there"))
        );
        let leads = format!(
            "(it leads to {}/there; redirects are followed only if",
            site.url
        );
        assert!(error.to_string().contains(&leads), "{error}");
        assert_eq!(site.requests().len(), 1);

        // No redirect, whatever it says of other places.
        let error = refused(leading_to(300, "/there").await.connect()).await;
        assert!(!error.to_string().contains("redirects"), "{error}");
    });
}

#[test]
fn the_five_statuses_are_followed_each_with_a_key_of_its_own() {
    real(async {
        for status in [301, 302, 303, 307, 308] {
            let site = leading_to(status, "/there?x=1").await;
            let ws = site.connect().redirects(1).await.unwrap();
            let requests = site.requests();
            assert_eq!(requests[1].line, "GET /there?x=1 HTTP/1.1");
            let keys: HashSet<_> = requests
                .iter()
                .map(|one| one.one("sec-websocket-key"))
                .collect();
            assert_eq!(keys.len(), 2, "{status}");
            let report = ws.handshake().report();
            assert_eq!(report.redirects[0].status.unwrap().as_u16(), status);
            assert!(report.redirects[0].target.ends_with("/start"), "{report}");
            assert!(report.target.ends_with("/there"), "{report}");
            assert!(
                report.to_string().contains("/start: redirected after "),
                "{report}"
            );
        }
        // Others say something else.
        for status in [300, 304, 305, 306] {
            let site = leading_to(status, "/there").await;
            let error = refused(site.connect().redirects(5)).await;
            assert_error(&error, ErrorKind::Refused, Phase::Upgrade);
        }
    });
}

#[test]
fn a_location_may_be_relative_or_of_http() {
    real(async {
        let other = Site::start(|_| Answer::Switch).await;
        let host = other.url.strip_prefix("ws://").unwrap().to_owned();
        for location in [
            format!("http://{host}/x"),
            format!("//{host}/x"),
            format!("WS://{host}/x#y"),
        ] {
            let site = leading_to(307, &location).await;
            let ws = site.connect().redirects(1).await.unwrap();
            assert_eq!(hops(&ws), 1);
            assert_eq!(path(other.requests().last().unwrap()), "/x");
        }
        for (location, wanted) in [("there", "/there"), ("?x", "/start?x"), ("./a/../b", "/b")] {
            let site = leading_to(307, location).await;
            site.connect().redirects(1).await.unwrap();
            assert_eq!(path(&site.requests()[1]), wanted);
        }
    });
}

#[test]
fn loops_and_endless_ways_are_found() {
    real(async {
        let site = leading_to(302, "/start").await;
        assert_eq!(
            reason(&refused(site.connect().redirects(20)).await),
            RedirectError::Loop
        );
        assert_eq!(site.requests().len(), 1);

        let site = Site::start(|request| match path(request) {
            "/start" => redirect(302, "/there"),
            _ => redirect(302, "/start"),
        })
        .await;
        assert_eq!(
            reason(&refused(site.connect().redirects(20)).await),
            RedirectError::Loop
        );
        assert_eq!(site.requests().len(), 2);

        // 30 hops, each to another URL.
        let site = Site::start(|request| match path(request).strip_prefix("/hop") {
            Some("30") => Answer::Switch,
            Some(number) => redirect(302, &format!("/hop{}", number.parse::<u32>().unwrap() + 1)),
            None => redirect(302, "/hop1"),
        })
        .await;
        let error = refused(site.connect().redirects(5)).await;
        assert_eq!(reason(&error), RedirectError::TooMany(5));
        assert_eq!(error.report().unwrap().redirects.len(), 5);
        assert_eq!(error.response().unwrap().status(), 302);
        assert_eq!(site.requests().len(), 6);
        let ws = site.connect().redirects(30).await.unwrap();
        assert_eq!(hops(&ws), 30);
    });
}

#[test]
fn a_location_that_leads_nowhere_is_refused() {
    real(async {
        for location in [
            "file:///etc/passwd",
            "ws+unix:///run/x.sock:/",
            "javascript:alert(1)",
            "ws://",
            "ws://a:99999/",
            "//a b/",
        ] {
            let site = leading_to(302, location).await;
            let error = refused(site.connect().redirects(5)).await;
            assert!(
                matches!(reason(&error), RedirectError::Location(_)),
                "{error}"
            );
        }
        for (fields, why) in [
            ("", "there is none"),
            ("Location: /a\r\nLocation: /b\r\n", "there are several"),
            ("Location: /\u{fffd}\r\n", "not UTF-8"),
        ] {
            let text = format!("HTTP/1.1 302 Found\r\n{fields}\r\n");
            let mut bytes = text.into_bytes();
            if let Some(at) = bytes.iter().position(|byte| *byte == 0xef) {
                bytes.splice(at..at + 3, [0xff]);
            }
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            let server = tokio::spawn(async move {
                let mut peer = Peer::new(listener.accept().await.unwrap().0);
                peer.request().await;
                peer.send(bytes).await;
                peer.drain().await;
            });
            let error = refused(longwire::connect(url).redirects(5)).await;
            assert!(
                matches!(reason(&error), RedirectError::Location(_)),
                "{error}"
            );
            assert!(error.to_string().contains(why), "{error}");
            server.await.unwrap();
        }
    });
}

/// A connection that says everything that may be said about it.
fn with_secrets(site: &Site) -> Connect {
    let url = site.url.replace("ws://", "ws://s3cret:s3cret@");
    longwire::connect(format!("{url}/start"))
        .header("cookie", "s3cret=1")
        .header("x-api-key", "s3cret")
        .header("proxy-authorization", "s3cret")
        .origin("https://s3cret.example")
        .subprotocols(["chat"])
        .redirects(5)
}

#[test]
fn the_callers_fields_stay_with_their_origin() {
    real(async {
        let site = leading_to(302, "/there").await;
        with_secrets(&site).await.unwrap();
        for request in site.requests() {
            assert_eq!(request.one("x-api-key"), "s3cret");
            assert_eq!(request.one("authorization"), "Basic czNjcmV0OnMzY3JldA==");
            assert_eq!(request.one("sec-websocket-protocol"), "chat");
        }

        // Another port is another origin, and what was dropped once does not come back.
        let home: Arc<Mutex<String>> = Arc::default();
        let back = Arc::clone(&home);
        let other =
            Site::start(move |_| redirect(302, &format!("{}/there", back.lock().unwrap()))).await;
        let site = leading_to(302, &other.url).await;
        home.lock().unwrap().clone_from(&site.url);
        let ws = with_secrets(&site).await.unwrap();
        assert_eq!(hops(&ws), 2);
        let (first, rest) = (
            site.requests()[0].clone(),
            [other.requests(), site.requests()[1..].to_vec()].concat(),
        );
        assert_eq!(first.one("cookie"), "s3cret=1");
        assert_eq!(rest.len(), 2);
        for request in rest {
            assert!(!format!("{request:?}").contains("s3cret"), "{request:?}");
            assert!(!format!("{request:?}").contains("czNjcmV0"), "{request:?}");
            assert_eq!(request.one("sec-websocket-protocol"), "chat");
        }
    });
}

#[test]
fn credentials_in_a_location_are_not_used() {
    real(async {
        let other = Site::start(|_| Answer::Switch).await;
        let url = other.url.replace("ws://", "ws://u:p@");
        let site = leading_to(302, &url).await;
        site.connect().redirects(1).await.unwrap();
        assert!(other.requests()[0].all("authorization").is_empty());
    });
}

#[test]
fn a_policy_sees_where_it_leads_and_may_refuse() {
    real(async {
        let site = leading_to(307, "//localhost:1/secret?x=y").await;
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let address = "127.0.0.9:1".parse().unwrap();
        let connect = site
            .connect()
            .resolve("localhost", [address])
            .redirects(3)
            .redirect_policy(move |redirect| {
                assert_eq!(redirect.addresses(), [address]);
                assert_eq!((redirect.number(), redirect.port()), (1, 1));
                assert_eq!(redirect.status().as_u16(), 307);
                assert!(!redirect.is_same_origin());
                assert!(redirect.from().ends_with("/start"));
                assert!(!format!("{redirect:?}").contains("x=y"));
                kept.lock().unwrap().push(redirect.to());
                redirect.host() != "localhost"
            });
        let error = refused(connect).await;
        assert_eq!(reason(&error), RedirectError::Refused);
        assert_eq!(*seen.lock().unwrap(), ["ws://localhost:1/secret?x=y"]);
        // Nothing was dialled.
        assert!(error.report().unwrap().attempts.is_empty());
        assert!(
            error.to_string().contains("(redirected from ws://127."),
            "{error}"
        );

        let site = leading_to(307, "/there").await;
        let client = Client::builder()
            .redirects(1)
            .redirect_policy(|_| true)
            .build();
        client.connect(format!("{}/start", site.url)).await.unwrap();
    });
}

/// A jar that keeps the last cookie of each URL's server, and notes what it is asked.
#[derive(Clone, Default)]
struct Jar(Arc<Mutex<Vec<(String, HeaderValue)>>>);

impl CookieStore for Jar {
    fn cookies(&self, url: &str) -> Option<HeaderValue> {
        let server = |url: &str| url.split('/').nth(2).map(str::to_owned);
        let kept = self.0.lock().unwrap();
        let ours = kept
            .iter()
            .rev()
            .find(|(from, _)| server(from) == server(url));
        ours.map(|(_, value)| value.clone())
    }

    fn set_cookies(&self, url: &str, fields: &mut dyn Iterator<Item = &HeaderValue>) {
        let mut kept = self.0.lock().unwrap();
        kept.extend(fields.map(|value| (url.to_owned(), value.clone())));
    }
}

#[test]
fn a_jar_serves_requests_and_redirects() {
    real(async {
        // A login that sends the client back to the same URL with a cookie.
        let site = Site::start(|request| match request.all("cookie")[..] {
            [] => Answer::Text(
                "HTTP/1.1 302 Found\r\nSet-Cookie: a=1\r\nSet-Cookie: id=s3cret\r\nLocation: /start\r\n\r\n".to_owned(),
            ),
            ["id=s3cret"] => Answer::Switch,
            _ => Answer::Text("HTTP/1.1 403 No\r\n\r\n".to_owned()),
        })
        .await;
        let jar = Jar::default();
        let ws = site
            .connect()
            .cookies(jar.clone())
            .redirects(2)
            .await
            .unwrap();
        assert_eq!(hops(&ws), 1);
        let (url, _) = jar.0.lock().unwrap()[0].clone();
        assert_eq!(url, site.url.replace("ws://", "http://") + "/start");

        // The jar's next connection has it at once; a field of the caller's own comes first.
        let client = Client::builder().cookies(jar.clone()).build();
        let ws = client.connect(format!("{}/start", site.url)).await.unwrap();
        assert_eq!(hops(&ws), 0);
        let own = client
            .connect(format!("{}/start", site.url))
            .header("cookie", "own=1");
        assert_eq!(refused(own).await.response().unwrap().status(), 403);
        assert!(!format!("{client:?}").contains("s3cret"));
    });
}

#[test]
fn a_jar_takes_cookies_from_refusals_too() {
    real(async {
        let site =
            Site::start(|_| Answer::Text("HTTP/1.1 401 No\r\nSet-Cookie: a=1\r\n\r\n".to_owned()))
                .await;
        let jar = Jar::default();
        refused(site.connect().cookies(jar.clone())).await;
        assert_eq!(jar.0.lock().unwrap().len(), 1);
    });
}
