//! Proxies, HTTP and SOCKS of each kind: whatever one answers, and however slowly, it opens a way or
//! an error comes; and what was meant for the proxy goes no further.
//!
//! A proxy is dialled, so this one listens on the loopback. The clock is that of the other targets
//! all the same: it jumps only when the kernel has nothing to tell, and it tells at once.

use std::net::{Ipv4Addr, SocketAddr};

use longwire::{ErrorKind, Phase, Proxy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Duration, timeout};

use crate::finish;
use crate::input::Input;
use crate::request::Request;
use crate::response::fill_in;

const SCHEMES: [&str; 5] = ["http", "socks5", "socks5h", "socks4", "socks4a"];
const USER: &str = "Us3r";
const PASSWORD: &str = "S3cr3t";

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = input.byte();
    let scheme = SCHEMES[usize::from(settings & 7) % SCHEMES.len()];
    let mut answers = Vec::new();
    while !input.is_empty() {
        let length = input.number();
        answers.push(input.bytes(length));
    }

    let (connected, heard) = finish(async {
        let listener = listen(data).await;
        let mut proxy = Proxy::new(format!("{scheme}://{}", listener.local_addr().unwrap()));
        if settings & 8 != 0 {
            let password = if scheme.starts_with("socks4") {
                ""
            } else {
                PASSWORD
            };
            proxy = proxy.basic(USER, password);
        }
        // Nobody is there, and nobody is asked to be: the proxy is all that is dialled.
        let connecting = longwire::connect("ws://192.0.2.7/feed").proxy(proxy);
        // What was opened is dropped at once: the proxy waits for its end.
        let connecting = async { connecting.await.map(drop) };
        tokio::join!(connecting, serve(&listener, &answers))
    });

    let (asked, behind) = split(scheme, &heard);
    assert!(
        !contains(behind, b"roxy-"),
        "a field of the proxy's went through"
    );
    assert!(behind.is_empty() || behind.starts_with(b"GET /feed HTTP/1.1\r\n"));
    assert!(scheme != "http" || asked.starts_with(b"CONNECT 192.0.2.7:80 HTTP/1.1\r\n"));
    match connected {
        Ok(()) => {}
        Err(error) => {
            let shown = format!("{error} {error:?}");
            assert!(!shown.contains(PASSWORD), "a secret is shown: {shown}");
            let is_proxy = error.kind() == ErrorKind::Proxy;
            assert!(is_proxy || error.phase() != Phase::Resolve, "{error:?}");
            // Before the way is open, nothing has come that could be blamed on the server.
            assert!(
                !behind.is_empty() || error.phase() == Phase::Proxy,
                "{error:?}"
            );
        }
    }
}

/// A listener on one of many addresses: connections that are over keep their pairs of ports for a
/// minute, and a fuzzer is faster than that.
async fn listen(data: &[u8]) -> TcpListener {
    let sum = data.iter().fold(0_u16, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u16::from(*byte))
    });
    let [high, low] = sum.to_be_bytes();
    let address = Ipv4Addr::new(127, 1, high, low.max(1));
    TcpListener::bind(SocketAddr::from((address, 0)))
        .await
        .unwrap()
}

/// Gives each answer when the client has said something, or says nothing more; then ends. What the
/// client said.
async fn serve(listener: &TcpListener, answers: &[&[u8]]) -> Vec<u8> {
    let (mut socket, _) = listener.accept().await.unwrap();
    socket.set_nodelay(true).unwrap();
    let mut heard = Vec::new();
    for answer in answers {
        let _ = timeout(Duration::from_millis(10), socket.read_buf(&mut heard)).await;
        if socket.write_all(&complete(answer, &heard)).await.is_err() {
            break;
        }
    }
    end(socket, heard).await
}

async fn end(mut socket: TcpStream, mut heard: Vec<u8>) -> Vec<u8> {
    let _ = socket.shutdown().await;
    while let Ok(1..) = socket.read_buf(&mut heard).await {}
    heard
}

/// An answer to the opening handshake, if the client has begun it.
fn complete(answer: &[u8], heard: &[u8]) -> Vec<u8> {
    let get = heard.windows(5).position(|window| window == b"GET /");
    match get.map(|at| &heard[at..]) {
        Some(request) if request.ends_with(b"\r\n\r\n") => {
            fill_in(answer, &Request::parse(request))
        }
        _ => answer.to_vec(),
    }
}

/// What the client said to the proxy, and through it.
fn split<'a>(scheme: &str, heard: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let request = if scheme == "http" {
        let blank = heard.windows(4).position(|window| window == b"\r\n\r\n");
        blank.map(|at| at + 4)
    } else {
        heard.windows(5).position(|window| window == b"GET /")
    };
    heard.split_at(request.unwrap_or(heard.len()))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
