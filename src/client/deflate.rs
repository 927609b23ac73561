//! The setters that exist with compression only.

use super::{ClientBuilder, Connect};
use crate::deflate::Deflate;

macro_rules! deflate_setters {
    () => {
        /// Offers to compress messages: permessage-deflate (RFC 7692). Default: not offered, for
        /// the reasons that [`Deflate`] gives.
        ///
        /// The server accepts or declines; [`Handshake::deflate`](crate::Handshake::deflate) says
        /// which. If its answer does not fit the offer, the opening handshake fails with an error
        /// that names the parameter.
        pub fn deflate(mut self, deflate: Deflate) -> Self {
            self.options().config.deflate = Some(deflate);
            self
        }
    };
}

impl ClientBuilder {
    deflate_setters!();
}

impl<D> Connect<D> {
    deflate_setters!();

    /// Offers no compression, also if the client of this connection does.
    pub fn no_deflate(mut self) -> Self {
        self.options().config.deflate = None;
        self
    }
}
