//! The set-up and the traffic: the simulator's world, with many more links.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;
use tributary_adapters::signature::sign_body;
use tributary_domain::configuration::Secret;
use tributary_domain::time::Timestamp;
use tributary_sim::load::Load;
use tributary_sim::world::{LINKS, Secrets, SetUp, set_up};

/// Links beside the world's own.
const MORE_LINKS: usize = 1_000;
/// The sources' secret: nothing here is worth protecting.
const SECRET: &str = "bench-secret-of-no-worth-0123456789";

/// The simulator's world as a set-up file.
pub(crate) fn text() -> String {
    let secret = || SECRET.to_owned();
    let secrets = Secrets { site: secret(), shop: secret(), crm: secret(), network: secret() };
    set_up(&SetUp { shop_address: "https://shop.example", secrets: &secrets })
}

/// Applies the set-up to an empty installation.
pub(crate) fn apply(executable: &Path, directory: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let mut links = String::from("links:\n");
    for (number, link) in (0..MORE_LINKS).zip(LINKS.iter().cycle()) {
        writeln!(links, "  - {{key: b{number}, partner: {}, campaign: {}}}", link.partner, link.campaign)?;
    }
    let files = [directory.join("world.yaml"), directory.join("links.yaml")];
    std::fs::write(&files[0], text())?;
    std::fs::write(&files[1], links)?;
    let output = Command::new(executable).arg("apply").args(&files).args(arguments).output()?;
    ensure!(output.status.success(), "the set-up was refused: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Addresses of many links, in an order that is not theirs.
pub(crate) fn spread_paths() -> Vec<String> {
    (0..MORE_LINKS).map(|number| format!("/c/b{}", number * 7_919 % MORE_LINKS)).collect()
}

/// The address of one link.
pub(crate) fn hot_path() -> Vec<String> {
    vec!["/c/anna1".to_owned()]
}

/// Traffic of this many customers with five clicks each.
pub(crate) fn traffic(seed: u64, customers: u64, start: Timestamp) -> Load {
    Load { seed, customers, touches_per_customer: 5, conversions_per_customer: 1, start }
}

/// One signed request as bytes, ready to be sent.
pub(crate) fn signed(path: &str, body: &str) -> Vec<u8> {
    let signature = sign_body(&Secret(SECRET.as_bytes().to_vec()), body.as_bytes());
    format!(
        "POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-webhook-signature: {signature}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
