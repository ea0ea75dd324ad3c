//! Connections: accepting them, answering each request, and ending them in order.
//!
//! Every request goes to the router, save the plain tracked redirect: nine requests of ten are one, and the router's matching and
//! boxing cost as much as the redirect itself.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::edge::{Edge, redirect};

/// Connections served at once: what they need at least must fit into memory.
const MOST_CONNECTIONS: usize = 10_000;
/// How long open requests may take to end when the server stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// How long a peer may take to send a request's header, the wait for it on an open connection included.
const HEADER_PATIENCE: Duration = Duration::from_secs(60);
/// Pause after the system refused a connection, for instance for want of file descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);

/// What answers requests.
pub(crate) struct Doors {
    router: TowerToHyperService<Router>,
    /// Where redirects go without the router, in a process that takes them at all.
    edge: Option<Arc<Edge>>,
}

impl Doors {
    /// The routes, and the edge if its routes are among them.
    pub(crate) fn new(router: Router, edge: Option<Arc<Edge>>) -> Self {
        Self { router: TowerToHyperService::new(router), edge }
    }

    async fn answer(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Result<Response, Infallible> {
        if let Some(edge) = &self.edge
            && let Some(response) = redirect::answer_directly(edge, &request).await
        {
            return Ok(response);
        }
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.call(request).await
    }
}

/// Serves until `stop` ends; then no new one is taken, and open requests have ten seconds to end.
pub(crate) async fn serve(listener: TcpListener, doors: Doors, stop: impl Future<Output = ()>) {
    let doors = Arc::new(doors);
    let graceful = GracefulShutdown::new();
    let free = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut stop = pin!(stop);
    loop {
        let next = async {
            // Whoever comes beyond the limit waits in the system's queue.
            let permit = free.clone().acquire_owned().await;
            (listener.accept().await, permit)
        };
        tokio::select! {
            (accepted, Ok(permit)) = next => match accepted {
                Ok((stream, peer)) => start(&graceful, &doors, stream, peer, permit),
                Err(problem) => {
                    tracing::debug!(%problem, "a connection could not be accepted");
                    tokio::time::sleep(REFUSED_PAUSE).await;
                }
            },
            () = &mut stop => break,
        }
    }
    drop(listener);
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(SHUTDOWN_GRACE) => tracing::warn!("some requests did not end in time"),
    }
}

fn start(
    graceful: &GracefulShutdown,
    doors: &Arc<Doors>,
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
) {
    // An answer is one small write: waiting to fill a packet would only delay it.
    let _ = stream.set_nodelay(true);
    let doors = doors.clone();
    let service = service_fn(move |request| {
        let doors = doors.clone();
        async move { doors.answer(request, peer).await }
    });
    let mut protocol = http1::Builder::new();
    // Without a timer hyper would wait for a header for ever.
    protocol.timer(TokioTimer::new()).header_read_timeout(HEADER_PATIENCE);
    let connection = graceful.watch(protocol.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move {
        // A peer that hangs up in the middle is his own affair.
        let _ = connection.await;
        drop(permit);
    });
}
