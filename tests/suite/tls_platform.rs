//! The operating system as the judge of certificates.

use longwire::{ErrorKind, Phase, Tls};
use rcgen::date_time_ymd;

use crate::support::pki::Authority;
use crate::support::run::real;
use crate::support::tls::TlsServer;
use crate::support::verdict::assert_error;

#[test]
fn the_platform_judges_and_trusts_whom_we_add() {
    real(async {
        let ours = Authority::new("ours");
        for (names, year, trusted, words) in [
            (["localhost"], 2100, true, None),
            (
                ["localhost"],
                2100,
                false,
                Some("nobody whom this client trusts"),
            ),
            (["a.example"], 2100, true, Some("localhost was wanted")),
            (["localhost"], 2020, true, Some("it expired on 2020-01-01")),
        ] {
            let leaf = ours.issue_with(&names, |params| {
                params.not_after = date_time_ymd(year, 1, 1);
            });
            let server = TlsServer::with(leaf.server(None), |peer| async move {
                if let Some(mut peer) = peer {
                    peer.switch().await;
                    peer.drain().await;
                }
            })
            .await;
            let mut tls = Tls::default().platform_verifier();
            if trusted {
                tls = tls.add_root_pem(ours.pem());
            }
            let result = longwire::connect(server.url("localhost")).tls(tls).await;
            match (result, words) {
                (Ok(ws), None) => drop(ws),
                (Err(error), Some(words)) => {
                    assert_error(&error, ErrorKind::Tls, Phase::Tls);
                    assert!(error.to_string().contains(words), "{error}");
                }
                (result, _) => panic!("{result:?}"),
            }
            server.done().await;
        }
    });
}
