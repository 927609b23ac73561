//! Which redirects are followed, and what goes along (RFC 9110 §15.4).

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header};

use super::target::{Host, Target};
use super::{Plan, location};
use crate::error::{Error, RedirectError};

/// What the caller has said about redirects.
#[derive(Clone, Default)]
pub(crate) struct Redirects {
    /// How many are followed. None by default: a browser's WebSocket follows none either.
    pub(crate) most: usize,
    pub(crate) policy: Option<Policy>,
}

/// Whether to go where a redirect leads.
pub(crate) type Policy = Arc<dyn Fn(&Redirect<'_>) -> bool + Send + Sync>;

/// A redirect that is about to be followed, for
/// [`redirect_policy`](crate::Connect::redirect_policy).
///
/// Its `Debug` does not show the query of either URL.
pub struct Redirect<'a> {
    number: usize,
    status: StatusCode,
    from: &'a Target,
    to: &'a Target,
    addresses: &'a [SocketAddr],
}

impl Redirect<'_> {
    /// Which one it is; the first is 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// 301, 302, 303, 307 or 308.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The URL that was asked, with its query.
    pub fn from(&self) -> String {
        self.from.url()
    }

    /// The URL that it leads to, with its query.
    pub fn to(&self) -> String {
        self.to.url()
    }

    /// The host that it leads to, in lower case; an IPv6 address in brackets.
    pub fn host(&self) -> String {
        self.to.host.to_string()
    }

    /// The port that it leads to.
    pub fn port(&self) -> u16 {
        self.to.port
    }

    /// Whether it stays with the same scheme, host and port, so that the caller's fields go along.
    pub fn is_same_origin(&self) -> bool {
        self.from.is_same_origin(self.to)
    }

    /// The addresses of that host, before any of them is connected to. Empty where a proxy is the
    /// one who resolves the name.
    pub fn addresses(&self) -> &[SocketAddr] {
        self.addresses
    }
}

impl fmt::Debug for Redirect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redirect")
            .field("number", &self.number)
            .field("status", &self.status)
            .field("from", &self.from)
            .field("to", &self.to)
            .field("addresses", &self.addresses)
            .finish()
    }
}

/// The way so far.
pub(super) struct Trail<'a> {
    redirects: &'a Redirects,
    /// What it began with.
    began: Plan<'a>,
    /// Where the last redirect has led.
    turned: Option<Target>,
    /// The requests that were made: each a URL and the cookies that went with it, since a server may
    /// set a cookie and send the client back to the same URL.
    seen: Vec<(String, Option<Vec<u8>>)>,
    /// Where the redirect that is being followed came from.
    last: Option<(Response<()>, Target)>,
    /// Whether it has led to another origin: then nothing of the caller's goes along any more.
    is_away: bool,
}

impl<'a> Trail<'a> {
    pub(super) fn new(plan: Plan<'a>, redirects: &'a Redirects) -> Self {
        Self {
            redirects,
            began: plan,
            turned: None,
            seen: vec![request(plan)],
            last: None,
            is_away: false,
        }
    }

    pub(super) fn is_away(&self) -> bool {
        self.is_away
    }

    /// What is to be done now.
    pub(super) fn plan(&self) -> Plan<'_> {
        static NOTHING: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        let mut plan = self.began;
        plan.target = self.turned.as_ref().unwrap_or(plan.target);
        if self.is_away {
            // Whatever they are, they were meant for somebody else.
            plan.offer.headers = &NOTHING;
        }
        plan
    }

    /// Turns the plan towards where an answer leads. `false` if it leads nowhere, but is the answer.
    pub(super) fn follow(&mut self, head: &Response<()>) -> Result<bool, Error> {
        if self.redirects.most == 0 || !is_redirect(head.status()) {
            return Ok(false);
        }
        let from = self.plan().target.clone();
        let next = self.next(head.headers(), &from);
        let next = next.map_err(|why| refusal(why, head))?;
        self.is_away |= !from.is_same_origin(&next);
        self.turned = Some(next);
        self.last = Some((head.clone(), from));
        let request = request(self.plan());
        if self.seen.contains(&request) {
            return Err(refusal(RedirectError::Loop, head));
        }
        self.seen.push(request);
        Ok(true)
    }

    fn next(&self, headers: &HeaderMap, from: &Target) -> Result<Target, RedirectError> {
        if self.seen.len() > self.redirects.most {
            return Err(RedirectError::TooMany(self.redirects.most));
        }
        let mut locations = headers.get_all(header::LOCATION).iter();
        let (Some(location), None) = (locations.next(), locations.next()) else {
            let is_there = headers.contains_key(header::LOCATION);
            let why = if is_there {
                "there are several"
            } else {
                "there is none"
            };
            return Err(RedirectError::Location(why.to_owned()));
        };
        let text = std::str::from_utf8(location.as_bytes())
            .map_err(|_| RedirectError::Location("it is not UTF-8".to_owned()))?;
        let next = location::resolve(from, text).map_err(RedirectError::Location)?;
        if from.secure && !next.secure {
            return Err(RedirectError::Downgrade);
        }
        Ok(next)
    }

    /// Asks the caller's policy before a redirect is followed to these addresses.
    pub(super) fn ask_policy(&self, to: &Target, addresses: &[SocketAddr]) -> Result<(), Error> {
        let (Some(policy), Some((head, from))) = (&self.redirects.policy, &self.last) else {
            return Ok(());
        };
        let redirect = Redirect {
            number: self.seen.len() - 1,
            status: head.status(),
            from,
            to,
            addresses,
        };
        if policy(&redirect) {
            return Ok(());
        }
        Err(refusal(RedirectError::Refused, head))
    }
}

/// What is to be said of a redirect that is taken as a refusal, if it is one: where it leads, in brackets.
pub(super) fn note(head: &Response<()>, from: &Target) -> String {
    if !is_redirect(head.status()) {
        return String::new();
    }
    let location = head.headers().get(header::LOCATION);
    let location = location.and_then(|location| std::str::from_utf8(location.as_bytes()).ok());
    let to = location.and_then(|location| location::resolve(from, location).ok());
    let to = to.map_or(String::new(), |to| format!("it leads to {to}; "));
    format!(" ({to}redirects are followed only if `redirects` allows them)")
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn request(plan: Plan<'_>) -> (String, Option<Vec<u8>>) {
    let cookies = plan.cookie_field();
    (
        plan.target.url(),
        cookies.map(|cookies| cookies.as_bytes().to_vec()),
    )
}

fn refusal(why: RedirectError, head: &Response<()>) -> Error {
    Error::redirect(why, head.clone().map(|()| Bytes::new()))
}

impl Target {
    /// Whether credentials for one are meant for the other too (RFC 6454 §5).
    pub(super) fn is_same_origin(&self, other: &Self) -> bool {
        let origin = |target: &'_ Self| (target.secure, target.port);
        origin(self) == origin(other) && self.host == other.host
    }

    /// The whole URL but for user name and password. It may hold secrets: not to be shown.
    pub(super) fn url(&self) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        let Self { host, resource, .. } = self;
        match host {
            Host::Unix(_) => format!("{scheme}+unix://{host}:{resource}"),
            _ => format!("{scheme}://{host}:{}{resource}", self.port),
        }
    }

    /// The same for a jar of cookies, which knows `http` and `https` and no port for default ones.
    pub(super) fn cookie_url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        format!("{scheme}://{}{}", self.host_field(), self.resource)
    }
}
