//! What documents are taken in, and how they are carried to the portal.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::config::fault::Fault;
use crate::config::portal::Portal;
use crate::config::reader::{Placed, Section};
use crate::document::rules::{Settings, SettingsError};
use crate::document::schema::library::Unknown;
use crate::document::schema::{FolderFault, Library};
use crate::document::{Rulebook, Severity};
use crate::domain::Bilingual;

/// What documents are taken in.
#[derive(Clone, Debug)]
pub struct Documents {
    /// Bytes of one document.
    pub body_bytes_max: usize,
    /// Bytes of all bodies being read or checked at one time.
    pub bodies_in_memory_bytes_max: usize,
    /// Documents waiting to be checked.
    pub waiting_max: usize,
    /// Names of the kinds that are held until they are signed; of [`KIND_NAMES`].
    pub signature_required: Vec<&'static str>,
    /// Schemas, their versions and the code lists: those in the binary, with what a folder replaces and with the
    /// versions that are fixed.
    pub library: Arc<Library>,
    /// The same with its rules, each as severe as the configuration makes it.
    pub rulebook: Arc<Rulebook>,
}

/// How documents are carried to the portal.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Deliveries under way at once.
    pub under_way_max: usize,
    /// The wait before the second try.
    pub retry_first: Duration,
    /// The longest wait between tries.
    pub retry_longest: Duration,
    /// How long a document that cannot reach the portal is tried before a person must look.
    pub give_up_after: Duration,
    /// Lost answers in all before a person must look.
    pub answers_lost_max: u32,
    /// System errors of the portal before a person must look.
    pub system_errors_max: u32,
    /// The wait while the portal refuses the account.
    pub refused_wait: Duration,
    /// How often the store is asked for work though nothing woke the courier.
    pub look_every: Duration,
    /// How long a delivery is reserved for one attempt.
    pub lease: Duration,
}

/// The kinds of documents by their names in the API (`api.md`, section 2).
pub const KIND_NAMES: [&str; 7] = [
    "checkin",
    "claim",
    "medical-assessment",
    "driver-health-exam",
    "birth-certificate",
    "death-certificate",
    "electronic-voucher",
];

/// The families of versions; a test holds them to the schemas.
const FAMILIES: [&str; 5] = ["claim", "birth", "death", "voucher", "driver"];

pub(super) fn read(mut section: Section<'_>) -> Documents {
    let folder = section.path("schemas");
    let library = Arc::new(read_library(&mut section, folder.as_deref()));
    let rulebook = Arc::new(read_rulebook(&mut section, folder.as_deref(), library.clone()));
    let documents = Documents {
        body_bytes_max: section.count("body_max_mib", 1..=256, 64) << 20,
        bodies_in_memory_bytes_max: section.count("bodies_in_memory_mib", 1..=65_536, 256) << 20,
        waiting_max: section.count("waiting_max", 1..=10_000, 256),
        signature_required: section.words("signature_required", &KIND_NAMES),
        library,
        rulebook,
    };
    if documents.bodies_in_memory_bytes_max < documents.body_bytes_max {
        section.fault(
            "bodies_in_memory_mib",
            "config.conflict",
            Bilingual::fixed("nhỏ hơn body_max_mib", "smaller than body_max_mib"),
            Bilingual::fixed(
                "Bộ nhớ phải chứa được ít nhất một tài liệu lớn nhất.",
                "There must be room for at least one document of the largest size.",
            ),
        );
    }
    section.finish();
    documents
}

fn read_library(section: &mut Section<'_>, folder: Option<&Path>) -> Library {
    let (mut library, is_whole) = match folder.map(|folder| (folder, Library::with_folder(folder))) {
        None => (Library::embedded(), true),
        Some((_, Ok(library))) => (library, true),
        Some((folder, Err(faults))) => {
            faults.into_iter().for_each(|fault| tell(section, folder, fault));
            (Library::embedded(), false)
        }
    };
    let mut versions = section.section_within("versions", "documents.versions");
    for family in FAMILIES {
        let Some(version) = versions.placed_text(family) else { continue };
        // A version that the folder was to bring is not known while the folder is wrong.
        if let (Err(Unknown::Version(known)), true) = (library.fix_version(family, &version.value), is_whole) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            versions.not_one_of(version.at, family, &version.value, &known);
        }
    }
    versions.finish();
    library
}

/// The rules of these schemas, with the severities that `[documents.rules]` changes.
fn read_rulebook(section: &mut Section<'_>, folder: Option<&Path>, library: Arc<Library>) -> Rulebook {
    let rulebook = Rulebook::new(library).unwrap_or_else(|faults| {
        // Only the tables of a folder can be wrong.
        faults.into_iter().for_each(|fault| tell(section, folder.unwrap_or(Path::new("")), fault));
        Rulebook::embedded()
    });
    let mut settings = Settings::default();
    let mut rules = section.section_within("rules", "documents.rules");
    let changes = [("off", None), ("warn_only", Some(Severity::Warning)), ("error", Some(Severity::Error))];
    for (key, severity) in changes {
        for Placed { value, at } in rules.list(key) {
            match settings.change(rulebook.rules(), &value, severity) {
                Ok(()) => {}
                Err(SettingsError::Unknown(_)) => {
                    rules.not_one_of(at, key, &value, &rulebook.rules().changeable());
                }
                Err(error) => fixed_rule(&rules, at, key, &error),
            }
        }
    }
    rules.finish();
    rulebook.with_settings(settings)
}

fn fixed_rule(section: &Section<'_>, at: usize, key: &str, error: &SettingsError) {
    let (SettingsError::Fixed(rule) | SettingsError::Unknown(rule) | SettingsError::Twice(rule)) = error;
    let (message, cure) = match error {
        SettingsError::Twice(_) => (
            Bilingual::composed(format!("{rule} đã ghi ở chỗ khác"), format!("{rule} is named elsewhere as well")),
            Bilingual::fixed("Ghi mỗi quy tắc một lần.", "Name each rule once."),
        ),
        _ => (
            Bilingual::composed(
                format!("không đổi được mức của {rule}: gateway dựa vào nó để biết hồ sơ là của ai"),
                format!("{rule} cannot be changed: by it the gateway knows whose record a document is"),
            ),
            Bilingual::fixed("Bỏ mục này.", "Remove this entry."),
        ),
    };
    section.report.fault(at, section.full(key), "config.fixed_rule", message, cure);
}

fn tell(section: &Section<'_>, folder: &Path, fault: FolderFault) {
    let FolderFault { file, line, what, cure } = fault;
    // Without a file it is the folder itself that is wrong, or the key that names it.
    if file.as_os_str().is_empty() {
        let folder = folder.display();
        let what = Bilingual::composed(format!("{folder}: {}", what.vi), format!("{folder}: {}", what.en));
        return section.fault("schemas", "config.schemas", what, cure);
    }
    let (key, file) = (section.full("schemas"), Some(folder.join(file)));
    let line = usize::try_from(line).unwrap_or_default();
    section.report.fault_of_file(Fault { file, line, column: 1, key, code: "config.schemas", message: what, cure });
}

pub(super) fn read_delivery(mut section: Section<'_>, portal: &Portal) -> Delivery {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let delivery = Delivery {
        under_way_max: section.count("under_way_max", 1..=1_024, 32),
        retry_first: section.milliseconds("retry_first_ms", 50..=3_600_000, 2_000),
        retry_longest: section.seconds("retry_longest_s", 1..=86_400, 300),
        give_up_after: hours(section.whole_number("give_up_after_h", 1..=720, 72)),
        answers_lost_max: section.count_u32("answers_lost_max", 1..=1_000, 10),
        system_errors_max: section.count_u32("system_errors_max", 1..=1_000, 10),
        refused_wait: section.seconds("refused_wait_s", 1..=86_400, 900),
        look_every: section.seconds("look_every_s", 1..=300, 5),
        lease: section.seconds("lease_s", 10..=3_600, 300),
    };
    if delivery.retry_first > delivery.retry_longest {
        section.fault(
            "retry_longest_s",
            "config.conflict",
            Bilingual::fixed("ngắn hơn retry_first_ms", "shorter than retry_first_ms"),
            Bilingual::fixed("Đặt dài hơn lần chờ đầu.", "Set it longer than the first wait."),
        );
    }
    // A lease that ends under a running attempt would let a second one begin: the same document sent twice.
    if delivery.lease <= portal.submission_timeout.saturating_mul(2) {
        section.fault(
            "lease_s",
            "config.conflict",
            Bilingual::fixed(
                "không dài hơn hai lần [portal] submission_timeout_s",
                "not longer than twice [portal] submission_timeout_s",
            ),
            Bilingual::fixed(
                "Đặt dài hơn, để một tài liệu không bị gửi hai lần cùng lúc.",
                "Set it longer, so that a document is not sent twice at the same time.",
            ),
        );
    }
    section.finish();
    delivery
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_families_are_those_of_the_schemas() {
        let mut families = FAMILIES.to_vec();
        families.sort_unstable();
        assert_eq!(Library::embedded().families(), families);
    }
}
