//! What the kernel knows of a process: CPU time, memory, and the cores it may use. Linux only; elsewhere figures that
//! need it are zero.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

/// The kernel counts CPU time in hundredths of a second on every Linux machine we know (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// Bytes of a page on the machines we know.
const PAGE_BYTES: u64 = 4096;

/// CPU time used by a process so far, in user space and in the kernel.
pub(crate) fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field, the name, may hold blanks; what follows the last bracket does not.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<u32>().ok()).unwrap_or_default();
    TICK * (ticks(11) + ticks(12))
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident(pid: u32) -> u64 {
    let statm = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok());
    pages.unwrap_or_default() * PAGE_BYTES
}

/// The most resident memory of a process so far, in bytes.
pub(crate) fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|kib| kib.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or_default() * 1024
}

/// Gives this process the second core, so that the gateway can have the first. To be called before any thread is made;
/// false if there is one core only, or no `taskset`.
pub(crate) fn take_second_core() -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut taskset = Command::new("taskset");
    taskset.args(["-cp", "1", &std::process::id().to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    cores >= 2 && taskset.status().is_ok_and(|status| status.success())
}

/// The processor's name, how many cores there are, and how busy they were over the last minute.
pub(crate) fn machine() -> String {
    let of = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let info = of("/proc/cpuinfo");
    let name = info.lines().find_map(|line| line.strip_prefix("model name")?.split(':').nth(1)).unwrap_or("?");
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    let load = of("/proc/loadavg");
    format!("{} x {}, load {}", cores, name.trim(), load.split(' ').next().unwrap_or("?"))
}
