//! What stands behind proxies, and proxies that open a way to it.

use std::future;
use std::io;
use std::net::{SocketAddr, TcpListener};

use longwire::{CloseCode, Connect, Error, ErrorKind, Phase, Proxy, WsStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, copy_bidirectional};
use tokio::net::TcpStream;

use super::request::Request;
use super::scripted::{Peer, Server};
use super::verdict::{assert_error, next_text};
use super::wire::text;

/// A server that greets who has come through a proxy, and answers the Close.
pub(crate) async fn origin() -> Server {
    Server::start(|mut peer| async move {
        let request = peer.switch().await;
        assert_unspoilt(&request);
        peer.send(text("through").bytes()).await;
        peer.answer_close(1000).await;
    })
    .await
}

/// What is between the client and the proxy must not come out at the other end.
pub(crate) fn assert_unspoilt(request: &Request) {
    assert!(request.line.starts_with("GET /"), "{}", request.line);
    for (name, _) in &request.fields {
        let name = name.to_ascii_lowercase();
        assert!(!name.starts_with("proxy-") && name != "x-proxy", "{name}");
    }
}

/// The connection must be to [`origin`], and close in good order.
pub(crate) async fn is_through<T>(ws: &mut WsStream<T>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    assert_eq!(next_text(ws).await, "through");
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
}

/// A server to which nobody may come.
#[derive(Debug)]
pub(crate) struct Untouched {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Untouched {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    #[track_caller]
    pub(crate) fn assert_untouched(&self) {
        let error = self.listener.accept().expect_err("the proxy was bypassed");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}

/// An HTTP proxy that opens a way to `to` with this answer, whatever it is asked for, and checks the
/// request first.
pub(crate) async fn http_proxy(
    to: SocketAddr,
    answer: &'static str,
    check: impl FnOnce(Request) + Send + 'static,
) -> Server {
    Server::start(move |mut peer| async move {
        check(peer.request().await);
        peer.send(answer).await;
        peer.carry_to(to).await;
    })
    .await
}

/// The plain answer that opens a way.
pub(crate) const ESTABLISHED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

/// A connection to a name that only the proxy knows.
pub(crate) fn by_name(proxy: Proxy) -> Connect {
    let no_resolver = |host: String, _| -> future::Ready<io::Result<Vec<SocketAddr>>> {
        panic!("the resolver was asked for {host}")
    };
    longwire::connect("ws://server.example/feed")
        .resolver(no_resolver)
        .proxy(proxy)
}

/// A proxy at this address, by scheme.
pub(crate) fn at(scheme: &str, address: SocketAddr) -> Proxy {
    Proxy::new(format!("{scheme}://{address}"))
}

impl<T: AsyncRead + AsyncWrite + Unpin> Peer<T> {
    /// The next bytes, as they are.
    pub(crate) async fn exactly<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let read = self.io.read_exact(&mut bytes).await;
        read.expect("as many bytes of the client");
        bytes
    }

    /// Carries bytes between the client and a server until both have ended.
    pub(crate) async fn carry_to(mut self, server: SocketAddr) {
        let mut server = TcpStream::connect(server).await.unwrap();
        // Either may end with a reset: whoever was there judges what came.
        let _ = copy_bidirectional(&mut self.io, &mut server).await;
    }
}

/// Reads the greeting of SOCKS5 and chooses a method, which must have been offered.
pub(crate) async fn socks5_greeting<T>(peer: &mut Peer<T>, offered: &[u8], choice: u8)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let [version, count] = peer.exactly().await;
    assert_eq!((version, usize::from(count)), (5, offered.len()));
    for method in offered {
        assert_eq!(peer.exactly().await, [*method]);
    }
    peer.send([5, choice]).await;
}

/// A request of SOCKS5 to connect: the kind of address, the address and the port.
pub(crate) async fn socks5_request<T>(peer: &mut Peer<T>) -> (u8, Vec<u8>, u16)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let [version, command, reserved, kind] = peer.exactly().await;
    assert_eq!((version, command, reserved), (5, 1, 0));
    let length = match kind {
        1 => 4,
        3 => {
            let [length] = peer.exactly().await;
            usize::from(length)
        }
        4 => 16,
        other => panic!("an address of the kind {other}"),
    };
    let mut address = Vec::new();
    for _ in 0..length {
        let [byte] = peer.exactly().await;
        address.push(byte);
    }
    (kind, address, u16::from_be_bytes(peer.exactly().await))
}

/// The reply of SOCKS5 that opens a way.
pub(crate) const SUCCEEDED: [u8; 10] = [5, 0, 0, 1, 127, 0, 0, 1, 0, 80];

/// A resolver that knows one name.
pub(crate) fn knows(
    addresses: &[&str],
) -> impl Fn(String, u16) -> future::Ready<io::Result<Vec<SocketAddr>>> {
    let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
    move |host, _| {
        assert_eq!(host, "server.example");
        future::ready(Ok(addresses.clone()))
    }
}

/// The connection must work through a proxy that does this before it carries.
pub(crate) async fn works<F, S>(connect: impl FnOnce(SocketAddr) -> Connect, script: F)
where
    F: FnOnce(Peer<TcpStream>) -> S + Send + 'static,
    S: Future<Output = Peer<TcpStream>> + Send,
{
    let origin = origin().await;
    let to = origin.address;
    let proxy =
        Server::start(move |peer| async move { script(peer).await.carry_to(to).await }).await;
    let mut ws = connect(proxy.address).await.unwrap();
    assert!(
        ws.handshake()
            .report()
            .proxy
            .as_ref()
            .unwrap()
            .elapsed
            .is_some()
    );
    is_through(&mut ws).await;
    origin.done().await;
    proxy.done().await;
}

/// The error of a client whose proxy reads so many bytes and sends these, again and again, and then
/// waits or closes. The server, an IPv4 address, must not have been reached.
pub(crate) async fn fails(
    choice: impl FnOnce(SocketAddr) -> Proxy,
    script: Script<'_>,
    then: Then,
) -> Error {
    let script: Vec<_> = script
        .iter()
        .map(|(count, answer)| (*count, answer.to_vec()))
        .collect();
    let origin = Untouched::new();
    let proxy = Server::start(move |mut peer| async move {
        for (count, answer) in script {
            for _ in 0..count {
                let [_] = peer.exactly().await;
            }
            peer.send(answer).await;
        }
        match then {
            Then::Waits => peer.drain().await,
            Then::Closes => {}
        }
    })
    .await;
    let connect = longwire::connect(origin.url()).proxy(choice(proxy.address));
    let error = connect.await.unwrap_err();
    proxy.done().await;
    origin.assert_untouched();
    assert_error(&error, ErrorKind::Proxy, Phase::Proxy);
    assert!(error.to_string().contains("the proxy socks"), "{error}");
    let report = error.report().unwrap();
    assert_eq!(report.proxy.as_ref().unwrap().elapsed, None);
    error
}

/// How many bytes are read, and what is then sent.
pub(crate) type Script<'a> = &'a [(usize, &'a [u8])];

#[derive(Debug, Clone, Copy)]
pub(crate) enum Then {
    Waits,
    Closes,
}
