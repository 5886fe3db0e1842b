//! Our own rules about the code, held as tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::path::{Path, PathBuf};

/// The parts, from the top down; a part may import those on lower levels. Parts on one level do not know each other.
const LEVELS: &[&[&str]] = &[
    &["cli"],
    &["app"],
    &["facade"],
    &["config", "http"],
    &["batch", "incidents", "webhooks"],
    &["certs", "lookup", "intake", "delivery", "clients", "officers"],
    &["audit"],
    &["portal", "store"],
    &["document"],
    &["xml", "telemetry"],
    &["domain", "system"],
];

/// What may look down past the list: the sandbox stands apart, and only the command line (and the tests) know it.
const SANDBOX_KNOWS: &[&str] = &["domain", "system", "sandbox"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn all_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found.sort();
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    found.into_iter().map(read).collect()
}

fn part_of(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap_or_default()
}

fn level(part: &str) -> Option<usize> {
    LEVELS.iter().position(|level| level.contains(&part))
}

/// The parts a file names, outside its comments.
fn imports(text: &str) -> Vec<&str> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    let paths = code.flat_map(|line| line.split("crate::").skip(1));
    paths.filter_map(|path| path.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()).collect()
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for (file, text) in all_sources() {
        let part = part_of(&file);
        // Test modules may use what they like.
        if matches!(part, "lib" | "main") || file.contains("tests") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for import in imports(code) {
            let allowed = match (part, import) {
                (part, import) if part == import => true,
                ("sandbox", import) => SANDBOX_KNOWS.contains(&import),
                ("cli", _) => true,
                (part, import) => match (level(part), level(import)) {
                    (Some(own), Some(other)) => other > own,
                    _ => false,
                },
            };
            if !allowed {
                wrong.push(format!("{file} imports {import}"));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    for (file, text) in all_sources() {
        assert!(text.starts_with("//!"), "{file} does not say what it is for");
    }
}

#[test]
fn files_stay_one_thing() {
    /// Beyond this a file is a heap of neighbours, or one long table.
    const LINES_MAX: usize = 600;
    let long: Vec<_> = all_sources()
        .into_iter()
        .map(|(file, text)| (text.lines().count(), file))
        .filter(|(lines, _)| *lines > LINES_MAX)
        .collect();
    assert!(long.is_empty(), "split these: {long:?}");
}

/// Where two things are ready at once, order decides and not chance: else no run of the simulation could be repeated.
#[test]
fn the_simulated_cores_choose_by_order() {
    let simulated = ["delivery", "lookup", "portal", "store", "system"];
    for (file, text) in all_sources() {
        if !simulated.contains(&part_of(&file)) || file.contains("tests") {
            continue;
        }
        for choice in text.split("select! {").skip(1) {
            assert!(choice.trim_start().starts_with("biased;"), "{file}: a select! without `biased;`");
        }
    }
}

#[test]
fn folders_have_their_face_in_a_file_beside_them() {
    for (file, _) in all_sources() {
        assert!(!file.ends_with("mod.rs"), "{file}: the face of a folder is the file of its name");
    }
}

#[test]
fn every_metric_is_documented() {
    let documented = include_str!("../docs/LOGGING.md");
    let telemetry = include_str!("../src/telemetry.rs");
    let names: Vec<&str> = telemetry
        .split("registry.register")
        .skip(1)
        .map(|call| call.split('"').nth(1).unwrap_or_else(|| panic!("no name in {call}")))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        assert!(documented.contains(&format!("lienthong_{name}")), "docs/LOGGING.md does not tell of {name}");
    }
}

#[test]
fn the_tree_of_dependencies_has_one_of_each_kind() {
    // What is built, not what the lock file names: crates list there what they could use and do not.
    let tree = std::process::Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: std::collections::BTreeSet<(&str, &str)> = tree
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, rest)| (name, rest.split(' ').next().unwrap_or_default()))
        .collect();
    let names: Vec<&str> = crates.iter().map(|(name, _)| *name).collect();
    assert!(names.contains(&"rustls"), "the tree is read");
    // One TLS and crypto library, one XML reader, one library for time, one async runtime. `deny.toml` says why.
    for banned in ["ring", "openssl", "native-tls", "rustls-pemfile", "roxmltree", "chrono", "async-std"] {
        assert!(!names.contains(&banned), "{banned} came into the tree: see deny.toml");
    }
    for single in ["rustls", "hyper", "tokio", "quick-xml", "aws-lc-rs", "serde", "http", "base64", "libsqlite3-sys"] {
        assert_eq!(names.iter().filter(|name| **name == single).count(), 1, "two versions of {single}");
    }
}

#[test]
fn every_problem_code_of_the_facade_is_documented() {
    let documented = include_str!("../docs/FACADE.md");
    let mut found = std::collections::BTreeSet::new();
    for (file, text) in all_sources() {
        if part_of(&file) == "facade" {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            let codes = code.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
            let own = |code: &String| code.starts_with("facade.") && code.len() > "facade.".len();
            found.extend(codes.into_iter().filter(own));
        }
    }
    assert!(found.len() > 5, "{found:?}");
    for code in found {
        assert!(documented.contains(&format!("`{code}`")), "docs/FACADE.md does not tell of {code}");
    }
}

#[test]
fn every_problem_code_is_documented() {
    let documented = include_str!("../docs/API.md");
    let tells = |file: &str| {
        file.starts_with("http/problem") || matches!(file, "http/batches/problems.rs" | "http/batches/fault.rs")
    };
    let source: String =
        all_sources().into_iter().filter(|(file, _)| tells(file)).map(|(_, text)| text + "\"\"").collect();
    let families = [
        "audit",
        "auth",
        "quota",
        "facility",
        "staff",
        "card",
        "portal",
        "document",
        "batch",
        "webhook",
        "idempotency",
        "request",
        "store",
        "gateway",
    ];
    let mut found = 0;
    for text in source.split('"').skip(1).step_by(2) {
        let Some((family, name)) = text.split_once('.') else { continue };
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if families.contains(&family) && is_name {
            found += 1;
            let told = documented.contains(&format!("`{text}`")) || documented.contains(&format!("`.{name}`"));
            assert!(told, "docs/API.md does not tell of {text}");
        }
    }
    assert!(found > 30, "the codes were not found: {found}");
}
