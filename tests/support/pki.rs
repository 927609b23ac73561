//! Authorities and their certificates, made at run time: good ones and every kind of bad one.

use std::sync::Arc;

use longwire::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use longwire::rustls::server::WebPkiClientVerifier;
use longwire::rustls::{RootCertStore, ServerConfig};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair,
};

use super::tls::provider;

/// An authority that nobody trusts unless told to.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::with(name, |_| {})
    }

    /// With more said about its own certificate.
    pub(crate) fn with(name: &str, say: impl FnOnce(&mut CertificateParams)) -> Self {
        let (params, key) = (authoritys(name, say), KeyPair::generate().unwrap());
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// An authority that this one vouches for.
    pub(crate) fn vouch(&self, name: &str, say: impl FnOnce(&mut CertificateParams)) -> Self {
        let (params, key) = (authoritys(name, say), KeyPair::generate().unwrap());
        Self(CertifiedIssuer::signed_by(params, key, &self.0).unwrap())
    }

    /// What a client must trust.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for these names.
    pub(crate) fn issue(&self, names: &[&str]) -> Leaf {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_with(
        &self,
        names: &[&str],
        say: impl FnOnce(&mut CertificateParams),
    ) -> Leaf {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        say(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Leaf {
            chain: vec![certificate.der().clone()],
            pem: certificate.pem(),
            key,
        }
    }
}

fn authoritys(name: &str, say: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    say(&mut params);
    params
}

/// The certificate of a server or a client, and its key.
pub(crate) struct Leaf {
    chain: Vec<CertificateDer<'static>>,
    pub(crate) pem: String,
    key: KeyPair,
}

impl Leaf {
    /// With the certificate of an authority behind it.
    pub(crate) fn with_chain(mut self, authorities: &[&Authority]) -> Self {
        self.chain
            .extend(authorities.iter().map(|authority| authority.der()));
        self
    }

    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// How a server uses it; it wants a certificate from each client if there is somebody to issue it.
    pub(crate) fn server(&self, clients: Option<&Authority>) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der()).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        builder
            .with_single_cert(self.chain.clone(), PrivateKeyDer::from(key))
            .unwrap()
    }
}
