//! nginx answering a bare redirect with its access log on: the reference for what a redirect may cost.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;

use crate::client;

/// A running nginx with everything it writes in one directory.
pub(crate) struct WebServer {
    process: Child,
    /// `127.0.0.1:port`.
    pub(crate) address: String,
}

impl WebServer {
    /// Starts it with as many workers as cores.
    pub(crate) fn start(directory: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(directory)?;
        let place = directory.display();
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let user = if directory_is_roots(directory)? { "user root;" } else { "" };
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("    {kind}_temp_path {place}/{kind};\n"))
            .concat();
        let configuration = format!(
            "{user}\ndaemon off;\nworker_processes auto;\npid {place}/pid;\nerror_log {place}/error.log;\n\
             events {{ worker_connections 4096; }}\nhttp {{\n    access_log {place}/access.log;\n{temporary}    \
             keepalive_requests 100000000;\n    server {{\n        listen 127.0.0.1:{port} backlog=4096;\n        \
             location /c/ {{ add_header Cache-Control no-store; return 302 https://shop.example/landing?click_id=0; }}\n    }}\n}}\n"
        );
        let file = directory.join("nginx.conf");
        std::fs::write(&file, configuration)?;
        let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
        let process =
            Command::new(program).arg("-c").arg(&file).stdin(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let server = Self { process, address: format!("127.0.0.1:{port}") };
        let started = Instant::now();
        while client::get(&server.address, "/c/x").is_err() {
            ensure!(started.elapsed() < Duration::from_secs(10), "nginx does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(server)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        // The master ends its workers on this signal.
        let _ = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

/// Whether root made it: then the workers must stay root to write there.
fn directory_is_roots(directory: &Path) -> anyhow::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(std::fs::metadata(directory)?.uid() == 0)
}
