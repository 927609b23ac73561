//! A program that links both providers of cryptography, and has installed neither.

use longwire::Tls;
use longwire::rustls::crypto::CryptoProvider;

use crate::support::run::real;
use crate::support::tls::{Identity, TlsServer};
use crate::support::verdict::next_text;
use crate::support::wire::text;

/// rustls itself panics where it has to choose between two.
#[test]
fn with_two_providers_and_none_installed_wss_just_works() {
    real(async {
        assert!(CryptoProvider::get_default().is_none());
        let identity = Identity::of(&["localhost"]);
        let server = TlsServer::start(&identity, |peer| async move {
            let mut peer = peer.unwrap();
            peer.switch().await;
            peer.send(text("secure").bytes()).await;
            peer.drain().await;
        })
        .await;
        // On a thread of its own, where a panic would otherwise be a silent hang.
        let connect = longwire::connect(server.url("localhost"))
            .tls(Tls::default().add_root_pem(identity.pem()));
        let mut ws = tokio::spawn(connect.into_future()).await.unwrap().unwrap();
        assert_eq!(next_text(&mut ws).await, "secure");
        drop(ws);
        server.done().await;
        assert!(
            CryptoProvider::get_default().is_none(),
            "a library must not install one"
        );
    });
}
