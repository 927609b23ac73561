//! Which proxy is used, if one is: by the connection, by its client, or by the environment.

use std::env;
use std::future;
use std::process::Stdio;
use std::sync::Mutex;
use std::time::Duration;

use longwire::{Client, ErrorKind, Proxy};
use tokio::process::Command;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::support::proxy::{ESTABLISHED, Untouched, at, http_proxy, is_through, origin};
use crate::support::run::real;
use crate::support::scripted::{Server, dead_end};

#[test]
fn a_connections_choice_wins_over_its_clients_and_the_last_one_counts() {
    real(async {
        let (_socket, dead) = dead_end();
        let dead = || at("http", dead);
        for way in 0..6 {
            let origin = origin().await;
            let url = origin.url();
            let goes_through = way < 3;
            let proxy = Untouched::new();
            let listening = if goes_through {
                Some(http_proxy(origin.address, ESTABLISHED, |_| {}).await)
            } else {
                None
            };
            let address = listening
                .as_ref()
                .map_or(proxy.address, |proxy| proxy.address);
            let good = at("http", address);
            let connect = match way {
                0 => Client::builder().proxy(good).build().connect(url),
                1 => Client::builder()
                    .proxy(dead())
                    .build()
                    .connect(url)
                    .proxy(good),
                2 => longwire::connect(url).no_proxy().proxy(dead()).proxy(good),
                3 => Client::builder()
                    .proxy(good)
                    .build()
                    .connect(url)
                    .no_proxy(),
                4 => Client::builder()
                    .proxy(good)
                    .no_proxy()
                    .build()
                    .connect(url),
                _ => longwire::connect(url).proxy(good).no_proxy(),
            };
            let mut ws = connect
                .await
                .unwrap_or_else(|error| panic!("way {way}: {error}"));
            assert_eq!(
                ws.handshake().report().proxy.is_some(),
                goes_through,
                "way {way}"
            );
            is_through(&mut ws).await;
            origin.done().await;
            proxy.assert_untouched();
            if let Some(proxy) = listening {
                proxy.done().await;
            }
        }
    });
}

#[test]
fn over_a_stream_of_the_callers_there_is_no_place_for_a_proxy() {
    real(async {
        let (near, _far) = tokio::io::duplex(64);
        let error = longwire::connect("ws://server.example/")
            .proxy(Proxy::from_env())
            .over(near)
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error
                .to_string()
                .starts_with("proxy cannot be used with over"),
            "{error}"
        );

        // None at all is what it does anyway, and what a client has for its other connections does
        // not matter.
        let (_socket, dead) = dead_end();
        let client = Client::builder().proxy(at("http", dead)).build();
        for connect in [
            client.connect("ws://server.example/"),
            longwire::connect("ws://server.example/").no_proxy(),
        ] {
            let (near, _far) = tokio::io::duplex(4096);
            let connect = connect.timeout(Duration::from_millis(10));
            let error = connect.over(near).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Timeout);
        }
    });
}

#[test]
fn a_redirect_is_followed_through_the_proxy_too() {
    real(async {
        let origin = origin().await;
        let address = origin.address;
        // The proxy plays the first server itself.
        let first = Server::start(move |mut peer| async move {
            let request = peer.request().await;
            assert_eq!(request.line, "CONNECT first.example:80 HTTP/1.1");
            peer.send(ESTABLISHED).await;
            peer.request().await;
            peer.send("HTTP/1.1 302 Found\r\nLocation: //second.example:81/\r\n\r\n")
                .await;
            peer.drain().await;
        })
        .await;
        let second = http_proxy(address, ESTABLISHED, |request| {
            assert_eq!(request.line, "CONNECT second.example:81 HTTP/1.1");
            assert_eq!(request.one("proxy-authorization"), "Basic dTpwdw==");
        })
        .await;
        // One name for the two, each for one connection.
        let addresses = Mutex::new(vec![second.address, first.address]);
        let mut ws = longwire::connect("ws://first.example/")
            .redirects(1)
            .redirect_policy(|redirect| {
                assert_eq!(redirect.host(), "second.example");
                redirect.addresses().is_empty()
            })
            .proxy(Proxy::new("http://u:pw@proxy.example:3128"))
            .resolver(move |host, _| {
                assert_eq!(host, "proxy.example");
                future::ready(Ok(vec![addresses.lock().unwrap().pop().unwrap()]))
            })
            .await
            .unwrap();
        let report = ws.handshake().report();
        for report in [report, &report.redirects[0]] {
            assert_eq!(
                report.proxy.as_ref().unwrap().url,
                "http://proxy.example:3128"
            );
        }
        is_through(&mut ws).await;
        origin.done().await;
        first.done().await;
        second.done().await;
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_not_reached_through_a_proxy() {
    real(async {
        let proxy = Untouched::new();
        let url = "ws+unix:///run/no/such.sock:/";
        let error = longwire::connect(url)
            .proxy(at("http", proxy.address))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("no_proxy"), "{error}");
        proxy.assert_untouched();
    });
}

#[test]
fn a_url_that_is_no_proxys_is_an_error_before_anything_is_dialled() {
    real(async {
        let server = Untouched::new();
        for bad in [
            "",
            "ftp://proxy",
            "http://u:s3cret@proxy:port",
            "http://proxy/path",
        ] {
            let connect = longwire::connect(server.url()).proxy(Proxy::new(bad));
            let error = connect.await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{bad}");
            let message = error.to_string();
            assert!(
                message.contains("proxy: the URL cannot be used"),
                "{message}"
            );
            assert!(!message.contains("s3cret"), "{message}");
        }
        server.assert_untouched();
    });
}

/// Set for the processes that the test below starts: what they connect to.
const CONNECT_TO: &str = "LONGWIRE_TEST_CONNECT_TO";

/// The environment of a process cannot be changed without danger to its other tests, so each case
/// has a process of its own: this very test, which then only connects.
#[test]
fn the_environment_of_the_process_names_the_proxy() {
    if let Ok(url) = env::var(CONNECT_TO) {
        // Not by `real`, which would take the variables away.
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let connect = longwire::connect(url).into_future();
        runtime.block_on(async { is_through(&mut connect.await.unwrap()).await });
        return;
    }
    real(async {
        for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
            let origin = origin().await;
            let proxy = http_proxy(origin.address, ESTABLISHED, |request| {
                assert_eq!(request.line, "CONNECT server.example:80 HTTP/1.1");
                assert_eq!(request.one("proxy-authorization"), "Basic dTpwdw==");
            })
            .await;
            let value = format!("http://u:pw@{}", proxy.address);
            connects("ws://server.example/", &[(name, &value)])
                .await
                .unwrap();
            origin.done().await;
            proxy.done().await;
        }

        let (_socket, dead) = dead_end();
        let dead = format!("http://{dead}");
        let origin = origin().await;
        let variables = [
            ("http_proxy", &*dead),
            ("NO_PROXY", "localhost,127.0.0.0/8"),
        ];
        connects(&origin.url(), &variables).await.unwrap();
        origin.done().await;

        let untouched = Untouched::new();
        for (value, words) in [
            (&*dead, "could be reached"),
            ("ftp://proxy", "cannot be used"),
        ] {
            let variables = [("HTTP_PROXY", value)];
            let told = connects(&untouched.url(), &variables).await.unwrap_err();
            assert!(told.contains(words), "{told}");
            // Who has forgotten that it is set learns where the proxy comes from.
            assert!(told.contains("HTTP_PROXY"), "{told}");
        }
        untouched.assert_untouched();
    });
}

/// Connects in a process whose environment has no other variables of this kind; what it said, if it
/// failed.
async fn connects(url: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let mut command = Command::new(env::current_exe().unwrap());
    for name in ["http", "https", "all", "no"] {
        command.env_remove(format!("{name}_proxy"));
        command.env_remove(format!("{name}_proxy").to_uppercase());
    }
    command
        .args([
            "--exact",
            "proxy_choice::the_environment_of_the_process_names_the_proxy",
        ])
        .arg("--nocapture")
        .env(CONNECT_TO, url)
        .env_remove("REQUEST_METHOD")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(Duration::from_secs(20), command.output());
    let output = output.await.expect("an end in time").unwrap();
    let told = [output.stdout, output.stderr].concat();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.contains("running 1 test"), "{told}");
    if output.status.success() {
        Ok(())
    } else {
        Err(told)
    }
}
