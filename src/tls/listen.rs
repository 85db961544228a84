//! Taking connections for gRPC: so many at once, each with so much time to shake hands and to begin to speak.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::tls::Acceptor;
use crate::tls::Connection;
use crate::tls::stream::Transport;
use crate::tls::why;

/// Connections at once; whoever comes then waits in the system's queue.
pub const CONNECTIONS_MAX: usize = 4096;

/// How long a client may take from the connection to the first words of HTTP/2: without this, connections that say nothing
/// would hold their places for ever.
pub const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// How long to wait after the system gave no connection, as when no file handle is left.
const PAUSE: Duration = Duration::from_millis(100);

/// The first words of every HTTP/2 client (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Connections over which somebody speaks HTTP/2, as they come, until `stop`.
pub fn connections(
    listener: TcpListener,
    acceptor: Option<Acceptor>,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = take(&listener, acceptor, &sender, Arc::new(Semaphore::new(CONNECTIONS_MAX))) => {}
        }
    });
    ReceiverStream::new(receiver)
}

async fn take(
    listener: &TcpListener,
    acceptor: Option<Acceptor>,
    sender: &mpsc::Sender<io::Result<Connection>>,
    places: Arc<Semaphore>,
) {
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE_MAX, begin(stream, acceptor.as_ref(), place)).await {
                Ok(Ok(connection)) => drop(sender.send(Ok(connection)).await),
                Ok(Err(error)) => tracing::debug!(why = why(&error), "a connection was not taken"),
                Err(_) => tracing::debug!("a connection said nothing in time"),
            }
        });
    }
}

async fn begin(stream: TcpStream, acceptor: Option<&Acceptor>, place: OwnedSemaphorePermit) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let (mut transport, peer) = Transport::grpc(stream, acceptor).await?;
    let mut first = [0; PREFACE.len()];
    transport.read_exact(&mut first).await?;
    if &first != PREFACE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no HTTP/2"));
    }
    Ok(Connection { transport, first: Bytes::copy_from_slice(&first), peer: Arc::new(peer), _place: place })
}
