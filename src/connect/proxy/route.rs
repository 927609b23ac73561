//! The way to one target through a proxy.

use std::net::SocketAddr;
use std::pin::pin;

use http::HeaderMap;
use tokio::time::Instant;

use super::server::{Credentials, Scheme, Server};
use super::{Destination, fault, socks4, socks5};
use crate::connect::progress::{Progress, Stop};
use crate::connect::redirect::Trail;
use crate::connect::target::{Host, Target};
use crate::connect::tls::Connector;
use crate::connect::{Means, Plan, Transport, open_tcp, resolve};
use crate::error::{Error, ErrorKind, Phase};
use crate::report::ProxyReport;

/// A proxy that is going to be used, and what it is going to be asked.
pub(in crate::connect) struct Route {
    server: Server,
    /// Those that count, for SOCKS: `CONNECT` has them in its fields.
    credentials: Option<Credentials>,
    /// Of `CONNECT`.
    fields: HeaderMap,
    /// To the proxy, if its URL says `https`.
    tls: Option<Connector>,
    /// `None` while the target has to be resolved here first.
    request: Option<Vec<u8>>,
}

impl Route {
    /// Judges everything that can be judged before anything is dialled.
    pub(super) fn new(
        server: Server,
        credentials: Option<Credentials>,
        fields: HeaderMap,
        tls: Option<Connector>,
        target: &Target,
    ) -> Result<Self, Error> {
        let credentials = credentials.or_else(|| server.credentials.clone());
        let judged = match (server.scheme, &credentials) {
            (Scheme::Http | Scheme::Https, credentials) => {
                super::http::fields(credentials.as_ref(), fields)
            }
            (Scheme::Socks4 | Scheme::Socks4a, Some(credentials)) => {
                socks4::check(credentials).map(|()| HeaderMap::new())
            }
            (Scheme::Socks5 | Scheme::Socks5h, Some(credentials)) => {
                socks5::check(credentials).map(|()| HeaderMap::new())
            }
            (_, None) => Ok(HeaderMap::new()),
        };
        let fields = judged
            .map_err(|why| Error::config(format!("the proxy {server} cannot be used: {why}")))?;
        let mut route = Self {
            server,
            credentials,
            fields,
            tls,
            request: None,
        };
        let destination = match &target.host {
            Host::Ip(address) => Destination::Address(SocketAddr::new(*address, target.port)),
            Host::Name(_) if route.server.scheme.resolves_here() => return Ok(route),
            Host::Name(name) => Destination::Name(name, target.port),
            Host::Unix(_) => {
                let message = "proxy: a Unix socket cannot be reached through one; see no_proxy";
                return Err(Error::config(message));
            }
        };
        let encoded = route.encode(&destination);
        let proxy = &route.server;
        let blame = |error: Error| error.context(format!("the proxy {proxy}"));
        route.request = Some(encoded.map_err(blame)?);
        Ok(route)
    }

    /// Connects to the proxy, and has it open the way to the target.
    pub(in crate::connect) async fn open(
        mut self,
        trail: &Trail<'_>,
        means: &Means<'_>,
        progress: &mut Progress,
    ) -> Result<Transport, Stop> {
        let Plan { target, limits, .. } = trail.plan();
        let is_known_here = self.request.is_none() || matches!(target.host, Host::Ip(_));
        let addresses = if is_known_here {
            resolve(&target.host, target.port, limits, means, progress).await?
        } else {
            Vec::new()
        };
        trail.ask_policy(target, &addresses)?;
        let mut report = Box::new(ProxyReport {
            url: self.server.to_string(),
            variable: self.server.variable,
            tls: None,
            elapsed: None,
        });
        progress.handshake.report.proxy = Some(report.clone());
        self.choose(&addresses)?;
        let (host, port) = (&self.server.host, self.server.port);
        let addresses = resolve(host, port, limits, means, progress).await?;
        let stream = open_tcp(&addresses, limits, means, progress).await?;

        progress.enter(Phase::Proxy);
        let left = limits.left(Phase::Proxy, progress.began);
        // What is said of TLS in the report is about the server's.
        let mut apart = Progress::new(target, Phase::Proxy);
        apart.handshake.report.proxy = Some(report.clone());
        let deadline = progress.since.checked_add(left);
        let stream = {
            let tunnel = pin!(self.tunnel(stream, deadline, &mut apart));
            limits.within(Phase::Proxy, tunnel).await?
        };
        report.tls = apart.handshake.report.tls;
        report.elapsed = Some(progress.since.elapsed());
        progress.handshake.report.proxy = Some(report);
        Ok(stream)
    }

    /// Chooses what a proxy is asked for that takes addresses only.
    fn choose(&mut self, addresses: &[SocketAddr]) -> Result<(), Error> {
        if self.request.is_some() {
            return Ok(());
        }
        let mut usable = addresses.iter();
        let address = match self.server.scheme {
            Scheme::Socks4 => usable.find(|address| address.ip().to_canonical().is_ipv4()),
            _ => usable.next(),
        };
        let Some(address) = address else {
            return Err(fault(
                "SOCKS4 takes IPv4 addresses only, and the host has none",
            ));
        };
        self.request = Some(self.encode(&Destination::Address(*address))?);
        Ok(())
    }

    async fn tunnel(
        &self,
        mut stream: Transport,
        deadline: Option<Instant>,
        progress: &mut Progress,
    ) -> Result<Transport, Error> {
        if let Some(tls) = &self.tls {
            let secured = tls.handshake(stream, &self.server.host, progress).await;
            stream = secured.map_err(|error| match error.kind() {
                ErrorKind::Tls => error
                    .with_phase(Phase::Proxy)
                    .context("TLS with it, which Proxy::tls sets"),
                _ => fault(error.to_string()).with_source(error),
            })?;
        }
        let request = self.request.as_deref().unwrap_or_default();
        match self.server.scheme {
            Scheme::Http | Scheme::Https => {
                // Most ends of TLS hang up on who does not speak it.
                let hint = match self.tls {
                    Some(_) => "",
                    None => "; if it speaks TLS, write https:// in its URL",
                };
                super::http::open(&mut stream, request, &self.fields, hint, deadline).await?;
            }
            Scheme::Socks4 | Scheme::Socks4a => socks4::open(&mut stream, request).await?,
            Scheme::Socks5 | Scheme::Socks5h => {
                socks5::open(&mut stream, request, self.credentials.as_ref()).await?;
            }
        }
        Ok(stream)
    }

    fn encode(&self, destination: &Destination<'_>) -> Result<Vec<u8>, Error> {
        match self.server.scheme {
            Scheme::Http | Scheme::Https => Ok(super::http::encode(destination, &self.fields)),
            Scheme::Socks4 | Scheme::Socks4a => {
                socks4::encode(destination, self.credentials.as_ref())
            }
            Scheme::Socks5 | Scheme::Socks5h => socks5::encode(destination),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::connect::Target;
    use crate::connect::proxy::Proxy;

    /// The requests of `CONNECT` end with their one empty line, those of SOCKS are counted out.
    #[test]
    fn whatever_the_settings_nothing_panics_and_nothing_is_smuggled_in() {
        let pieces = [
            "http",
            "https",
            "socks5",
            "socks5h",
            "socks4a",
            "://",
            ":",
            "@",
            "/",
            "#",
            "%",
            "%0d%0a",
            "%00",
            "%25",
            "u",
            "pw",
            "\r\n",
            " ",
            "\0",
            "\u{e9}",
            "proxy",
            "1",
            "65536",
            "[",
            "]",
            "::1",
            "127.0.0.1",
            ".",
        ];
        let mut state = 1_u64;
        let mut random = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            usize::try_from(state >> 33).unwrap() % below
        };
        let targets = ["ws://a", "wss://a.b.:9", "ws://1.2.3.4", "ws://[::1]"];
        let targets = targets.map(|url| Target::parse(url).unwrap());
        let mut accepted = 0;
        for _ in 0..20_000 {
            let mut texts = ["http://".to_owned(), String::new(), String::new()];
            if random(2) == 0 {
                texts[0].clear();
            }
            for text in &mut texts {
                for _ in 0..random(6) {
                    text.push_str(pieces[random(pieces.len())]);
                }
            }
            let [url, user, password] = texts;
            let mut proxy = Proxy::new(&url);
            if random(3) == 0 {
                proxy = proxy.basic(&user, &password).header(&*user, &*password);
            }
            let route = proxy.route(&targets[random(targets.len())]);
            let Ok(Some(route)) = route else {
                continue;
            };
            accepted += 1;
            let Some(request) = route.request else {
                continue;
            };
            if request.starts_with(b"CONNECT ") {
                let text = String::from_utf8(request).unwrap();
                let lines: Vec<_> = text.split("\r\n").collect();
                assert_eq!(lines.len(), 4 + route.fields.len(), "{url:?}: {text:?}");
                assert!(!lines.concat().contains(['\r', '\n', '\0']), "{text:?}");
            }
        }
        assert!(accepted > 1_000, "{accepted}");
    }
}
