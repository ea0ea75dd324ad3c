//! The pages in a real browser: the demonstration, as a newcomer sees it after `make run`.
//!
//! Chromium renders the page and hands back what it made of it; `scripts/setup-test-machine.sh` installs it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on says where by panicking"
)]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// The demonstration, ended with the test.
struct Demo {
    child: Child,
    _data: tempfile::TempDir,
    address: String,
    order: String,
}

impl Drop for Demo {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts `tributary demo` and reads from what it prints where to look and which order to explain.
fn demo() -> Demo {
    let data = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .args(["demo", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(data.path().join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let look =
        lines.find(|line| line.trim_start().starts_with("look")).expect("the banner tells where to look");
    let address = look.split_whitespace().nth(1).unwrap().trim_end_matches('/').to_owned();
    let explain =
        lines.find(|line| line.contains("/explain?id=")).expect("the banner tells an order to explain");
    let order = explain.split("id=").nth(1).unwrap().trim().to_owned();
    // Somebody must go on reading, or the server would stop at a full pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Demo { child, _data: data, address, order }
}

fn chromium() -> &'static str {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        })
        .expect("Chromium is missing: scripts/setup-test-machine.sh installs it")
}

/// The page as the browser has it after loading, at a window's width.
fn rendered(url: &str, width: u32) -> String {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(chromium())
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args([
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
        ])
        .arg(format!("--window-size={width},1200"))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--timeout=20000", "--dump-dom", url])
        .stderr(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "Chromium could not load {url}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(url: &str) -> serde_json::Value {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20))).build().into();
    serde_json::from_str(&agent.get(url).call().unwrap().body_mut().read_to_string().unwrap()).unwrap()
}

/// 1234567 as the pages write it.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_first_page_shows_the_running_system_s_own_figures_and_explains_a_conversion() {
    let demo = demo();
    let page = rendered(&format!("{}/", demo.address), 1280);
    let funnel = json(&format!("{}/v1/funnel", demo.address));
    let stages = funnel["brands"][0]["stages"].as_array().unwrap();
    assert_eq!(stages.len(), 6, "the six stages");
    for stage in stages {
        let count = stage["count"].as_u64().unwrap();
        assert!(count > 0, "{stage}");
        assert!(page.contains(&grouped(count)), "{stage} is not on the page");
    }
    assert!(page.contains("cr_8f3a2d"), "a partner's key");

    let explanation = rendered(&format!("{}/explain?id={}", demo.address, demo.order), 390);
    for wanted in [
        "What arrived",
        "Touchpoints considered",
        "How the value was shared",
        "Sum of shares",
        "Entries in the books",
    ] {
        assert!(explanation.contains(wanted), "{wanted}");
    }

    let nothing = rendered(&format!("{}/explain?id=%3Cscript%3Ealert(1)%3C/script%3E", demo.address), 390);
    assert!(nothing.contains("&lt;script&gt;alert(1)"), "what was asked for is shown as text");
    assert!(!nothing.contains("<script>alert(1)"), "and never runs");
}
