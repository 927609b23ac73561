//! Cookies are the user's: what a jar must do to serve connections.

use http::HeaderValue;

/// A jar of cookies (RFC 6265): asked before each request, and told of each response, redirects and
/// refusals included.
///
/// There is none here: which cookies are kept, for whom and for how long is a library's business,
/// such as `cookie_store`'s, and an adapter is two short methods. URLs come as jars know them:
/// `https://` for `wss://`, with the query.
///
/// ```
/// use std::sync::Mutex;
///
/// use longwire::{Client, CookieStore};
/// use longwire::http::HeaderValue;
///
/// /// Gives back whatever was set last, to one server only.
/// struct OneServer(Mutex<Option<HeaderValue>>);
///
/// impl CookieStore for OneServer {
///     fn cookies(&self, url: &str) -> Option<HeaderValue> {
///         self.0.lock().ok()?.clone().filter(|_| url.starts_with("https://feed.example/"))
///     }
///
///     fn set_cookies(&self, url: &str, fields: &mut dyn Iterator<Item = &HeaderValue>) {
///         if url.starts_with("https://feed.example/") {
///             if let Ok(mut kept) = self.0.lock() {
///                 *kept = fields.last().cloned().or(kept.take());
///             }
///         }
///     }
/// }
///
/// let client = Client::builder().cookies(OneServer(Mutex::new(None))).build();
/// ```
pub trait CookieStore: Send + Sync {
    /// The value of the `Cookie` field for a request to `url`: `a=1; b=2`. `None` sends no field.
    fn cookies(&self, url: &str) -> Option<HeaderValue>;

    /// Takes the `Set-Cookie` fields, one or more, of a response from `url`.
    fn set_cookies(&self, url: &str, fields: &mut dyn Iterator<Item = &HeaderValue>);
}
