//! A connection that was taken: plain or TLS, with what the client said first, and the place it holds among all of them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;

use bytes::Buf as _;
use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use crate::access::Peer;
use crate::tls::Acceptor;
use crate::tls::names_shown;

/// How bytes go over the wire.
#[derive(Debug)]
pub enum Transport {
    /// As they are.
    Plain(TcpStream),
    /// Encrypted.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Transport {
    /// Takes a connection for plain pages: shakes hands where there is an acceptor.
    ///
    /// # Errors
    ///
    /// The handshake failed.
    pub async fn pages(stream: TcpStream, acceptor: Option<&Acceptor>) -> io::Result<(Self, Peer)> {
        match acceptor {
            Some(acceptor) => Self::tls(stream, TlsAcceptor::from(acceptor.pages())).await,
            None => Ok(Self::plain(stream)),
        }
    }

    /// The same for gRPC.
    pub(super) async fn grpc(stream: TcpStream, acceptor: Option<&Acceptor>) -> io::Result<(Self, Peer)> {
        match acceptor {
            Some(acceptor) => Self::tls(stream, TlsAcceptor::from(acceptor.grpc())).await,
            None => Ok(Self::plain(stream)),
        }
    }

    fn plain(stream: TcpStream) -> (Self, Peer) {
        let local = stream.peer_addr().is_ok_and(|address| address.ip().to_canonical().is_loopback());
        (Self::Plain(stream), Peer { names: Vec::new(), local })
    }

    async fn tls(stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<(Self, Peer)> {
        let stream = acceptor.accept(stream).await?;
        let names = names_shown(stream.get_ref().1.peer_certificates());
        Ok((Self::Tls(Box::new(stream)), Peer { names, local: false }))
    }
}

/// A connection that a client has begun to speak over.
#[derive(Debug)]
pub struct Connection {
    pub(super) transport: Transport,
    /// What was read of it already.
    pub(super) first: Bytes,
    pub(super) peer: Arc<Peer>,
    /// Given back when the connection ends.
    pub(super) _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = Arc<Peer>;

    fn connect_info(&self) -> Arc<Peer> {
        Arc::clone(&self.peer)
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            let len = this.first.len().min(into.remaining());
            into.put_slice(&this.first[..len]);
            this.first.advance(len);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.transport).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().transport).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().transport).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().transport).poll_shutdown(context)
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
