//! The setter that exists with TLS only.

use super::Proxy;
use crate::connect::tls::{Tls, TlsChoice};

impl Proxy {
    /// TLS settings for the proxy itself, where its URL begins with `https://`: another root, a client
    /// certificate. Default: [`Tls::default`]. Those for the target are not used for it, nor these for
    /// the target.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use longwire::{Proxy, Tls};
    ///
    /// let tls = Tls::default().add_root_pem(std::fs::read("corporate-ca.pem")?);
    /// let proxy = Proxy::new("https://proxy.internal:3129").tls(tls);
    /// let ws = longwire::connect("wss://example.com/feed").proxy(proxy).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tls(self, tls: Tls) -> Self {
        self.with_tls(TlsChoice::Settings(tls))
    }
}
