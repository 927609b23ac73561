//! What [`connect`](crate::connect()) takes as a URL.

use http::{HeaderMap, Method, Request, Uri};

use super::target::Target;
use crate::error::Error;

/// What can be connected to: a `ws://` or `wss://` URL as `&str`, `String` or [`http::Uri`], or an
/// [`http::Request<()>`](http::Request), whose URL and fields are used.
///
/// The trait is sealed: it is implemented for these types only.
///
/// Text is read as browsers do: a user name and a password become Basic authentication, and what is
/// not ASCII in path and query is percent-encoded. A host name must be ASCII (punycode). A fragment,
/// white space, a backslash, or a `%` without two hexadecimal digits is refused.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// longwire::connect("ws://127.0.0.1:9001/").await?;
/// longwire::connect("wss://example.com".parse::<http::Uri>()?).await?;
/// let request = http::Request::get("wss://example.com").header("x-api-key", "k").body(())?;
/// longwire::connect(request).await?;
/// # Ok(())
/// # }
/// ```
pub trait IntoUrl: sealed::Sealed {}

impl IntoUrl for &str {}
impl IntoUrl for &String {}
impl IntoUrl for String {}
impl IntoUrl for &Uri {}
impl IntoUrl for Uri {}
impl IntoUrl for Request<()> {}

/// A URL, and the fields that came with it.
#[derive(Debug)]
#[expect(unnameable_types, reason = "only the sealed trait speaks of it")]
pub struct Destination {
    pub(crate) target: Target,
    /// Elsewhere, because few have any.
    pub(crate) headers: Option<Box<HeaderMap>>,
}

mod sealed {
    use super::{Destination, Error, Method, Request, Target, Uri};

    #[expect(unnameable_types, reason = "this is what seals the trait")]
    pub trait Sealed {
        fn into_destination(self) -> Result<Destination, Error>;
    }

    impl Sealed for &str {
        fn into_destination(self) -> Result<Destination, Error> {
            Ok(Destination {
                target: Target::parse(self)?,
                headers: None,
            })
        }
    }

    impl Sealed for &String {
        fn into_destination(self) -> Result<Destination, Error> {
            self.as_str().into_destination()
        }
    }

    impl Sealed for String {
        fn into_destination(self) -> Result<Destination, Error> {
            self.as_str().into_destination()
        }
    }

    impl Sealed for &Uri {
        fn into_destination(self) -> Result<Destination, Error> {
            self.to_string().into_destination()
        }
    }

    impl Sealed for Uri {
        fn into_destination(self) -> Result<Destination, Error> {
            (&self).into_destination()
        }
    }

    impl Sealed for Request<()> {
        fn into_destination(self) -> Result<Destination, Error> {
            let (parts, ()) = self.into_parts();
            if parts.method != Method::GET {
                let message = format!("the request's method is {}, not GET", parts.method);
                return Err(Error::config(message));
            }
            let mut destination = parts.uri.into_destination()?;
            if !parts.headers.is_empty() {
                destination.headers = Some(Box::new(parts.headers));
            }
            Ok(destination)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sealed::Sealed as _;
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn every_form_of_a_url_leads_to_the_same_place() {
        let url = "wss://u:p@example.com:1/feed?x=1";
        let uri: Uri = url.parse().unwrap();
        let request = Request::get(url).body(()).unwrap();
        for destination in [
            url.into_destination(),
            url.to_owned().into_destination(),
            (&url.to_owned()).into_destination(),
            (&uri).into_destination(),
            uri.into_destination(),
            request.into_destination(),
        ] {
            let target = destination.unwrap().target;
            assert_eq!(target.to_string(), "wss://example.com:1/feed");
            assert_eq!(target.resource, "/feed?x=1");
            assert!(target.authorization.is_some());
        }
    }

    #[test]
    fn a_request_brings_its_fields_and_must_be_a_get() {
        let request = Request::get("ws://a").header("x-a", "1").body(()).unwrap();
        assert_eq!(
            request.into_destination().unwrap().headers.unwrap()["x-a"],
            "1"
        );
        let request = Request::post("ws://a").body(()).unwrap();
        let error = request.into_destination().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("POST"));
    }

    #[test]
    fn a_uri_without_a_host_is_refused() {
        let error = Uri::from_static("/feed").into_destination().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Url);
    }
}
