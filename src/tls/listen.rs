//! Taking connections for gRPC: so many at once, each with so much time to shake hands and to begin to speak. Where all
//! places are taken, who has been there longest without having been let in makes way for who comes.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::Weak;
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
use crate::tls::Bounds;
use crate::tls::Connection;
use crate::tls::Met;
use crate::tls::Standing;
use crate::tls::stream::Transport;
use crate::tls::why;

/// How long to wait after the system gave no connection, as when no file handle is left.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a stranger has to make way before the next one has to.
const MAKES_WAY_WITHIN: Duration = Duration::from_millis(500);

/// The first words of every HTTP/2 client (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Connections over which somebody speaks HTTP/2, as they come, until `stop`.
pub fn connections(
    listener: TcpListener,
    acceptor: Option<Acceptor>,
    bounds: Bounds,
    stop: CancellationToken,
) -> ReceiverStream<io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(16);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = take(&listener, acceptor, bounds, &sender) => {}
        }
    });
    ReceiverStream::new(receiver)
}

async fn take(
    listener: &TcpListener,
    acceptor: Option<Acceptor>,
    bounds: Bounds,
    sender: &mpsc::Sender<io::Result<Connection>>,
) {
    let size = bounds.places();
    let (places, mut strangers) = (Arc::new(Semaphore::new(size)), Strangers::default());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let Some(place) = place(&places, &mut strangers).await else { return };
        let standing = Arc::new(Standing::default());
        strangers.add(&standing, size);
        let (acceptor, sender) = (acceptor.clone(), sender.clone());
        tokio::spawn(async move {
            let ended = standing.ended();
            let begun = tokio::time::timeout(bounds.handshake_within(), begin(stream, acceptor, place, standing));
            let begun = tokio::select! {
                begun = begun => begun,
                () = ended.cancelled() => return,
            };
            match begun {
                Ok(Ok(connection)) => drop(sender.send(Ok(connection)).await),
                Ok(Err(error)) => tracing::debug!(why = why(&error), "a connection was not taken"),
                Err(_) => tracing::debug!("a connection said nothing in time"),
            }
        });
    }
}

/// A place for one more. Where there is none, the oldest stranger makes way, and the next where that one does not: it may
/// have been let in meanwhile.
async fn place(places: &Arc<Semaphore>, strangers: &mut Strangers) -> Option<OwnedSemaphorePermit> {
    loop {
        if places.available_permits() == 0 {
            strangers.send_one_away();
        }
        let place = tokio::time::timeout(MAKES_WAY_WITHIN, Arc::clone(places).acquire_owned()).await;
        if let Ok(place) = place {
            return place.ok();
        }
    }
}

/// Connections over which nobody was let in yet, as far as is known here; the oldest first.
#[derive(Default)]
struct Strangers(VecDeque<Weak<Standing>>);

impl Strangers {
    fn add(&mut self, standing: &Arc<Standing>, places: usize) {
        if self.0.len() >= places.saturating_mul(2) {
            self.0.retain(|one| one.upgrade().is_some_and(|one| !one.is_let_in()));
        }
        self.0.push_back(Arc::downgrade(standing));
    }

    /// Ends the oldest of them, if there is one.
    fn send_one_away(&mut self) {
        while let Some(oldest) = self.0.pop_front() {
            if let Some(oldest) = oldest.upgrade().filter(|oldest| !oldest.is_let_in()) {
                oldest.end();
                return;
            }
        }
    }
}

async fn begin(
    stream: TcpStream,
    acceptor: Option<Acceptor>,
    place: OwnedSemaphorePermit,
    standing: Arc<Standing>,
) -> io::Result<Connection> {
    stream.set_nodelay(true)?;
    let (mut transport, peer) = Transport::grpc(stream, acceptor.as_ref()).await?;
    let mut first = [0; PREFACE.len()];
    transport.read_exact(&mut first).await?;
    if &first != PREFACE {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "no HTTP/2"));
    }
    let met = Met { peer: Arc::new(peer), standing };
    Ok(Connection::new(transport, Bytes::copy_from_slice(&first), met, place))
}
