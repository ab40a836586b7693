//! TLS to the gateway, by rustls.

use core::fmt;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// Knows whom to trust.
pub(super) struct Tls(TlsConnector);

impl Tls {
    /// Trusts whom the system trusts, or the certificates that `SSL_CERT_FILE` or `SSL_CERT_DIR` name; they are read now.
    pub(super) fn load() -> io::Result<Tls> {
        let mut roots = RootCertStore::empty();
        let loaded = rustls_native_certs::load_native_certs();
        let (valid, _) = roots.add_parsable_certificates(loaded.certs);
        if valid == 0 {
            let error = loaded.errors.first().map(ToString::to_string);
            return Err(io::Error::other(error.unwrap_or_else(|| "there are none".to_owned())));
        }
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Tls(TlsConnector::from(Arc::new(config))))
    }

    /// Speaks TLS over a connection to this host.
    pub(super) async fn connect<I: AsyncRead + AsyncWrite + Unpin>(
        &self,
        host: &str,
        io: I,
    ) -> io::Result<TlsStream<I>> {
        // An address of IPv6 stands in brackets.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        self.0.connect(name, io).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}
