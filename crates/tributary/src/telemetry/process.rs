//! Memory, processor time and open files of this process, read from `/proc` where there is one.

use std::fmt::Write;
use std::fs;

use super::registry::head;

/// Linux counts processor time for programs in hundredths of a second on every architecture (`USER_HZ`).
const TICKS_PER_SECOND: u64 = 100;

pub(super) fn render(out: &mut String) {
    if let Some(bytes) = resident_bytes() {
        head(out, "process_resident_memory_bytes", "Resident memory.", "gauge");
        let _ = writeln!(out, "process_resident_memory_bytes {bytes}");
    }
    if let Some(ticks) = processor_ticks() {
        head(out, "process_cpu_seconds_total", "Processor time, user and system.", "counter");
        let (seconds, rest) = (ticks / TICKS_PER_SECOND, ticks % TICKS_PER_SECOND);
        let _ = writeln!(out, "process_cpu_seconds_total {seconds}.{rest:02}");
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        head(out, "process_open_fds", "Open files and connections.", "gauge");
        let _ = writeln!(out, "process_open_fds {}", entries.count());
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

fn processor_ticks() -> Option<u64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold spaces; the fields after it are counted from the state (field 3).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn memory_time_and_files_are_found() {
        let mut out = String::new();
        super::render(&mut out);
        for name in ["process_resident_memory_bytes ", "process_cpu_seconds_total ", "process_open_fds "] {
            assert!(out.contains(&format!("\n{name}")), "{out}");
        }
        assert!(super::resident_bytes().unwrap() > 1 << 20);
    }
}
