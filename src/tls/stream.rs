//! A connection that was taken: plain or TLS, with what the client said first, and the place it holds among all of them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
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
use tokio_util::sync::CancellationToken;
use tokio_util::sync::WaitForCancellationFutureOwned;
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

/// How a connection stands with the service.
#[derive(Debug, Default)]
pub struct Standing {
    let_in: AtomicBool,
    arriving: AtomicU64,
    ended: CancellationToken,
}

impl Standing {
    /// Somebody who may was heard over it: it makes way for nobody any more.
    pub fn let_in(&self) {
        self.let_in.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_let_in(&self) -> bool {
        self.let_in.load(Ordering::Relaxed)
    }

    /// Bytes of messages that have come over it, but not whole.
    pub const fn arriving(&self) -> &AtomicU64 {
        &self.arriving
    }

    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    pub(super) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

/// Whom a call came from: every request carries it.
#[derive(Clone, Debug)]
pub struct Met {
    /// Who is at the other end.
    pub peer: Arc<Peer>,
    /// How its connection stands.
    pub standing: Arc<Standing>,
}

/// A connection that a client has begun to speak over.
#[derive(Debug)]
pub struct Connection {
    transport: Transport,
    /// What was read of it already.
    first: Bytes,
    met: Met,
    ended: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Given back when the connection ends.
    _place: OwnedSemaphorePermit,
}

impl Connection {
    pub(super) fn new(transport: Transport, first: Bytes, met: Met, place: OwnedSemaphorePermit) -> Self {
        let ended = Box::pin(met.standing.ended().cancelled_owned());
        Self { transport, first, met, ended, _place: place }
    }

    /// Whether it has to make way. Asked wherever it is polled: while it cannot write, HTTP/2 reads nothing either.
    fn sent_away(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if !self.met.standing.is_let_in() && self.ended.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        Ok(())
    }
}

impl Connected for Connection {
    type ConnectInfo = Met;

    fn connect_info(&self) -> Met {
        self.met.clone()
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
        this.sent_away(context)?;
        Pin::new(&mut this.transport).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.sent_away(context)?;
        Pin::new(&mut this.transport).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.sent_away(context)?;
        Pin::new(&mut this.transport).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.transport.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.sent_away(context)?;
        Pin::new(&mut this.transport).poll_flush(context)
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
