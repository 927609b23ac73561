//! What is set on a TCP socket before it connects.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpSocket;

use crate::error::Error;

/// The options of TCP sockets. What is `None` is left to whoever else has an opinion.
#[derive(Debug, Clone, Default)]
pub(crate) struct SocketOptions {
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) nodelay: Option<bool>,
    pub(crate) keepalive: Option<Duration>,
    pub(crate) user_timeout: Option<Duration>,
}

impl SocketOptions {
    /// These options, and for what they leave open those of `defaults`.
    pub(crate) fn or(self, defaults: &Self) -> Self {
        Self {
            local_address: self.local_address.or(defaults.local_address),
            nodelay: self.nodelay.or(defaults.nodelay),
            keepalive: self.keepalive.or(defaults.keepalive),
            user_timeout: self.user_timeout.or(defaults.user_timeout),
        }
    }

    /// The name of the first option that has been set.
    pub(crate) fn first_set(&self) -> Option<&'static str> {
        [
            (self.local_address.is_some(), "local_address"),
            (self.nodelay.is_some(), "nodelay"),
            (self.keepalive.is_some(), "tcp_keepalive"),
            (self.user_timeout.is_some(), "tcp_user_timeout"),
        ]
        .into_iter()
        .find_map(|(is_set, name)| is_set.then_some(name))
    }

    /// The first option that cannot be used, by name.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_outside = |limit: Option<Duration>, unit: Duration, most: u32| {
            limit.is_some_and(|limit| limit < unit || limit > unit * most)
        };
        if is_outside(self.keepalive, Duration::from_secs(1), MOST_KEEPALIVE) {
            return Err(Error::config(
                "tcp_keepalive is not between 1 s and 32767 s, the most that systems take",
            ));
        }
        if is_outside(
            self.user_timeout,
            Duration::from_millis(1),
            MOST_USER_TIMEOUT,
        ) {
            return Err(Error::config(
                "tcp_user_timeout is not between 1 ms and 2^31 ms, the most that systems take",
            ));
        }
        if self.user_timeout.is_some() && !HAS_USER_TIMEOUT {
            return Err(Error::config(
                "tcp_user_timeout: this operating system has no TCP_USER_TIMEOUT",
            ));
        }
        Ok(())
    }

    /// A socket with these options that can connect to `address`.
    pub(super) fn socket_for(&self, address: SocketAddr) -> io::Result<TcpSocket> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // Messages are small and gathered here already: Nagle's algorithm would only hold them back.
        socket.set_nodelay(self.nodelay.unwrap_or(true))?;
        if let Some(idle) = self.keepalive {
            let keepalive = TcpKeepalive::new().with_time(idle);
            SockRef::from(&socket).set_tcp_keepalive(&keepalive)?;
        }
        if let Some(limit) = self.user_timeout {
            set_user_timeout(&socket, limit)?;
        }
        if let Some(local) = self.local_address {
            if local.is_ipv4() != address.is_ipv4() {
                let why = format!("the local address {local} is of the other family");
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
            socket.bind(SocketAddr::new(local, 0)).map_err(|error| {
                io::Error::new(
                    error.kind(),
                    format!("the local address {local} cannot be used: {error}"),
                )
            })?;
        }
        Ok(socket)
    }
}

/// In seconds: Linux refuses more (`MAX_TCP_KEEPIDLE`).
const MOST_KEEPALIVE: u32 = 32_767;

/// In milliseconds: the option is a signed number of 32 bits.
const MOST_USER_TIMEOUT: u32 = i32::MAX as u32;

/// Whether the system has `TCP_USER_TIMEOUT` (RFC 5482).
const HAS_USER_TIMEOUT: bool = cfg!(any(target_os = "linux", target_os = "android"));

#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_user_timeout(socket: &TcpSocket, limit: Duration) -> io::Result<()> {
    SockRef::from(socket).set_tcp_user_timeout(Some(limit))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_user_timeout(_: &TcpSocket, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    const V4: &str = "127.0.0.1:9";

    fn socket(options: &SocketOptions) -> TcpSocket {
        options.socket_for(V4.parse().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn options_reach_the_socket() {
        let plain = socket(&SocketOptions::default());
        assert!(plain.nodelay().unwrap());
        assert!(!plain.keepalive().unwrap());

        let options = SocketOptions {
            local_address: Some([127, 0, 0, 1].into()),
            nodelay: Some(false),
            keepalive: Some(Duration::from_secs(77)),
            user_timeout: None,
        };
        let socket = socket(&options);
        assert!(!socket.nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(
            socket.local_addr().unwrap().ip(),
            options.local_address.unwrap()
        );
        assert_ne!(socket.local_addr().unwrap().port(), 0);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_times_reach_the_socket() {
        let options = SocketOptions {
            keepalive: Some(Duration::from_secs(77)),
            user_timeout: Some(Duration::from_millis(1500)),
            ..SocketOptions::default()
        };
        let socket = socket(&options);
        let raw = SockRef::from(&socket);
        assert_eq!(raw.tcp_keepalive_time().unwrap(), Duration::from_secs(77));
        assert_eq!(raw.tcp_user_timeout().unwrap(), options.user_timeout);
    }

    #[test]
    fn a_local_address_of_the_other_family_or_of_another_machine_says_so() {
        for (local, why) in [
            ("::1", "is of the other family"),
            ("192.0.2.1", "cannot be used"),
        ] {
            let options = SocketOptions {
                local_address: Some(local.parse().unwrap()),
                ..SocketOptions::default()
            };
            let error = options.socket_for(V4.parse().unwrap()).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert!(error.to_string().contains(local), "{error}");
        }
    }

    #[test]
    fn times_that_no_system_takes_are_refused_by_name() {
        for limit in [Duration::ZERO, Duration::from_micros(999), Duration::MAX] {
            let keepalive = SocketOptions {
                keepalive: Some(limit),
                ..SocketOptions::default()
            };
            let user_timeout = SocketOptions {
                user_timeout: Some(limit),
                ..SocketOptions::default()
            };
            for options in [keepalive, user_timeout] {
                let error = options.check().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Config);
                let name = options.first_set().unwrap();
                assert!(error.to_string().starts_with(name), "{error}");
            }
        }
        assert!(SocketOptions::default().check().is_ok());
    }

    #[test]
    fn what_is_left_open_is_filled_from_the_defaults() {
        let own = SocketOptions {
            nodelay: Some(false),
            ..SocketOptions::default()
        };
        let defaults = SocketOptions {
            nodelay: Some(true),
            keepalive: Some(Duration::from_secs(1)),
            ..SocketOptions::default()
        };
        let both = own.or(&defaults);
        assert_eq!(both.nodelay, Some(false));
        assert_eq!(both.keepalive, defaults.keepalive);
        assert_eq!(SocketOptions::default().first_set(), None);
    }
}
