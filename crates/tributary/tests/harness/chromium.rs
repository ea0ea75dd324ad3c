//! A real browser under a test's control: Chromium, spoken to in its debugging protocol through two pipes.
//!
//! `scripts/setup-test-machine.sh` installs it. The protocol: <https://chromedevtools.github.io/devtools-protocol/>; each message is JSON
//! with a zero byte behind it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a page may take to load or a file to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one page. Killed when it is dropped.
pub struct Browser {
    child: Child,
    to: File,
    from: BufReader<File>,
    /// The page that commands go to.
    session: Option<String>,
    last: u64,
    directory: TempDir,
}

impl Browser {
    /// Starts it with an empty page.
    #[track_caller]
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (to, from) = (directory.path().join("to"), directory.path().join("from"));
        let made = Command::new("mkfifo").args([&to, &from]).status().unwrap();
        assert!(made.success(), "the pipes could not be made");
        // Chromium reads commands from descriptor 3 and answers on 4.
        let script = "for name in chromium chromium-browser google-chrome; do command -v $name >/dev/null && \
                      exec $name \"$@\" 3<\"$TO\" 4>\"$FROM\"; done; exec 3<\"$TO\" 4>\"$FROM\"";
        let child = Command::new("sh")
            .args(["-c", script, "sh", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"])
            .args(["--no-first-run", "--disable-background-networking", "--disable-component-update"])
            .args(["--disable-sync", "--disable-dev-shm-usage", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", directory.path().join("profile").display()))
            .arg("about:blank")
            .env("TO", &to)
            .env("FROM", &from)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Each opens once the other side does.
        let to = File::options().write(true).open(to).unwrap();
        let from = BufReader::new(File::open(from).unwrap());
        let mut browser = Self { child, to, from, session: None, last: 0, directory };
        let downloads = browser.downloads();
        std::fs::create_dir(&downloads).unwrap();
        let allow = json!({ "behavior": "allow", "downloadPath": downloads });
        browser.command("Browser.setDownloadBehavior", &allow);
        let target = browser.command("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session =
            browser.command("Target.attachToTarget", &attach)["sessionId"].as_str().map(str::to_owned);
        browser.session = session;
        browser.command("Page.enable", &json!({}));
        browser
    }

    /// Where downloaded files lie.
    pub fn downloads(&self) -> PathBuf {
        self.directory.path().join("downloads")
    }

    /// Sends a command and waits for its answer; events in between are passed over.
    #[track_caller]
    pub fn command(&mut self, method: &str, parameters: &Value) -> Value {
        self.answer(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Sends a command and waits for its answer or the browser's complaint.
    #[track_caller]
    fn answer(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.last += 1;
        let id = self.last;
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).unwrap();
        loop {
            let answer = self.next_message(method);
            if answer["id"] == id {
                let error = &answer["error"];
                return if error.is_null() { Ok(answer["result"].clone()) } else { Err(error.clone()) };
            }
        }
    }

    #[track_caller]
    fn next_message(&mut self, waiting_for: &str) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).unwrap();
        assert!(
            bytes.pop() == Some(0),
            "Chromium ended while {waiting_for} was waited for; scripts/setup-test-machine.sh installs it"
        );
        serde_json::from_slice(&bytes).unwrap()
    }

    /// The window's width in pixels from now on, as a telephone or a screen has it.
    pub fn set_width(&mut self, width: u32) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Loads a page.
    #[track_caller]
    pub fn open(&mut self, url: &str) {
        let answer = self.command("Page.navigate", &json!({ "url": url }));
        assert!(answer["errorText"].is_null(), "{url}: {answer}");
        self.wait_for("document.readyState === 'complete'");
    }

    /// What a JavaScript expression is worth on the page.
    #[track_caller]
    pub fn value(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true });
        let answer = self.command("Runtime.evaluate", &parameters);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true; while a page is left for another one it is not.
    #[track_caller]
    pub fn wait_for(&mut self, expression: &str) {
        let started = Instant::now();
        let parameters = json!({ "expression": expression, "returnByValue": true });
        // The page that is left answers with an error.
        while !self
            .answer("Runtime.evaluate", &parameters)
            .is_ok_and(|found| found["result"]["value"] == true)
        {
            assert!(started.elapsed() < PATIENCE, "never true: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Presses a key.
    pub fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let code = if key == "Tab" { 9 } else { 13 };
            let text = if key == "Enter" && kind == "keyDown" { "\r" } else { "" };
            let event =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.command("Input.dispatchKeyEvent", &event);
        }
    }

    /// A file once it has arrived whole.
    #[track_caller]
    pub fn downloaded(&self, name: &str) -> String {
        let (path, started) = (self.downloads().join(name), Instant::now());
        loop {
            // It has its name only when it is whole.
            if let Ok(text) = std::fs::read_to_string(&path) {
                return text;
            }
            assert!(started.elapsed() < PATIENCE, "{name} did not arrive");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Writes what is seen of the whole page into a PNG file.
    pub fn screenshot(&mut self, path: &Path) {
        use base64::Engine as _;
        let parameters = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.command("Page.captureScreenshot", &parameters);
        let bytes =
            base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
