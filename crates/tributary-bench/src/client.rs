//! A client that costs little, since it shares the cores with what it measures: plain sockets, requests made beforehand.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// The body of a page.
pub(crate) fn get(address: &str, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (_, body) = answer.split_once("\r\n\r\n").context("no answer")?;
    Ok(body.to_owned())
}

/// Sends every request over this many keep-alive connections, each waiting for its answer before the next. All must be accepted.
pub(crate) fn send_all(address: &str, requests: Vec<Vec<u8>>, connections: usize) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let requests = Arc::new(requests);
        let next = Arc::new(AtomicUsize::new(0));
        let senders: Vec<_> = (0..connections)
            .map(|_| tokio::spawn(send(address.to_owned(), requests.clone(), next.clone())))
            .collect();
        for sender in senders {
            sender.await??;
        }
        Ok(())
    })
}

async fn send(address: String, requests: Arc<Vec<Vec<u8>>>, next: Arc<AtomicUsize>) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let mut answer = Vec::with_capacity(4096);
    while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
        stream.write_all(request).await?;
        answer.clear();
        while !is_whole(&answer)? {
            let read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut answer)).await??;
            ensure!(read > 0, "the server hung up");
        }
    }
    Ok(())
}

/// Whether the whole answer is there; an error unless it says `accepted`.
fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(false) };
    let text = std::str::from_utf8(&answer[..head])?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let length = length.context("an answer without its length")?;
    if answer.len() < head + 4 + length {
        return Ok(false);
    }
    if !text.starts_with("HTTP/1.1 202") {
        bail!("not accepted: {}", String::from_utf8_lossy(&answer[..answer.len().min(600)]));
    }
    Ok(true)
}
