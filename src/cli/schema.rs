//! `schema`: what the documents are checked against. It looks at the schemas of the program, or of a folder, and asks
//! no gateway.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::cli::Exit;
use crate::cli::documents::table::Table;
use crate::cli::output::Output;
use crate::document::Rulebook;
use crate::document::schema::fields::{Field, fields};
use crate::document::schema::library::Entry;
use crate::document::schema::{FolderFault, Library};
use crate::domain::{Bilingual, Language};
use crate::system::{System, vietnam};

/// What `schema` can do.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List every schema: part, version, from when it holds, how many fields.
    List {
        #[command(flatten)]
        source: Source,
    },
    /// Show the fields of one part, with their form and meaning.
    Show {
        #[command(flatten)]
        source: Source,
        /// The part, such as XML1, GIAMDINHHS or CT07.
        #[arg(value_name = "PART")]
        part: String,
        /// The version; without it, the one that holds today.
        #[arg(long, value_name = "VERSION")]
        version: Option<String>,
        /// Print the XSD itself.
        #[arg(long)]
        xsd: bool,
    },
    /// Write schemas, versions and code lists into a folder, from which a gateway can read them.
    Export {
        #[command(flatten)]
        source: Source,
        /// The folder; made if missing.
        #[arg(value_name = "FOLDER")]
        folder: PathBuf,
        /// Overwrite files that are there.
        #[arg(long)]
        force: bool,
    },
}

/// Where the schemas come from.
#[derive(Debug, clap::Args)]
pub(super) struct Source {
    /// A folder whose files replace those of the program, as `[documents] schemas` names one.
    #[arg(long, value_name = "FOLDER")]
    schemas: Option<PathBuf>,
}

pub(super) fn schema(command: &Command, out: &Output) -> Exit {
    let done = match command {
        Command::List { source } => library(source, out).map(|library| list(&library, out)),
        Command::Show { source, part, version, xsd } => library(source, out).and_then(|library| {
            let entry = find(&library, part, version.as_deref(), out)?;
            if *xsd { Ok(out.bytes(entry.text().as_bytes())) } else { show(&library, entry, out) }
        }),
        Command::Export { source, folder, force } => {
            library(source, out).and_then(|library| export(&library, folder, *force, out))
        }
    };
    done.unwrap_or_else(|exit| exit)
}

fn library(source: &Source, out: &Output) -> Result<Library, Exit> {
    let Some(folder) = &source.schemas else { return Ok(Library::embedded()) };
    Library::with_folder(folder).map_err(|faults| tell_faults(folder, &faults, out))
}

/// The rules of a folder of schemas; its faults are told.
pub(super) fn rulebook_of(folder: &Path, out: &Output) -> Result<Arc<Rulebook>, Exit> {
    let rulebook = Library::with_folder(folder).and_then(|library| Rulebook::new(Arc::new(library)));
    rulebook.map(Arc::new).map_err(|faults| tell_faults(folder, &faults, out))
}

/// Tells every fault of a folder of schemas.
fn tell_faults(folder: &Path, faults: &[FolderFault], out: &Output) -> Exit {
    if out.wants_json() {
        let fault = |fault: &FolderFault| {
            let FolderFault { file, line, what, cure } = fault;
            json!({
                "file": folder.join(file).display().to_string(),
                "line": line,
                "message": { "vi": what.vi, "en": what.en },
                "cure": { "vi": cure.vi, "en": cure.en },
            })
        };
        out.json(&json!({ "valid": false, "faults": faults.iter().map(fault).collect::<Vec<_>>() }));
        return Exit::Usage;
    }
    let language = out.language();
    for FolderFault { file, line, what, cure } in faults {
        out.error(&format!("{}:{line}: {}", folder.join(file).display(), what.wording(language)));
        out.error(&format!("    → {}", cure.wording(language)));
    }
    Exit::Usage
}

fn list(library: &Library, out: &Output) -> Exit {
    if out.wants_json() {
        let data: Vec<Value> = library.entries().map(|entry| facts(library, entry)).collect();
        out.json(&json!({ "data": data }));
        return Exit::Done;
    }
    let mut table = Table::new([
        out.wording("PHẦN", "PART"),
        out.wording("LOẠI", "KIND"),
        out.wording("PHIÊN BẢN", "VERSION"),
        out.wording("TỪ NGÀY", "FROM"),
        out.wording("TRƯỜNG", "FIELDS"),
        out.wording("NGUỒN", "SOURCE"),
        out.wording("QUYẾT ĐỊNH", "DECISION"),
    ]);
    for entry in library.entries() {
        let facts = facts(library, entry);
        let text = |name: &str| facts.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let source = match entry.is_embedded() {
            true => out.wording("chương trình", "embedded"),
            false => out.wording("thư mục", "folder"),
        };
        table.row([
            text("part"),
            text("kind"),
            text("version"),
            text("validFrom"),
            entry.value_count().to_string(),
            source.to_owned(),
            text("decision"),
        ]);
    }
    out.line(&table.draw());
    Exit::Done
}

fn facts(library: &Library, entry: &Entry) -> Value {
    let part = library.part(entry.part());
    let version = part.and_then(|part| library.version(&part.family, entry.version()));
    json!({
        "part": entry.part(),
        "kind": part.map(|part| part.folder.as_str()),
        "family": part.map(|part| part.family.as_str()),
        "version": entry.version(),
        "validFrom": version.and_then(|version| version.first_day()),
        "basedOn": version.map(|version| version.based_on.as_str()).filter(|name| !name.is_empty()),
        "decision": version.map(|version| version.decision.as_str()),
        "fields": entry.value_count(),
        "source": if entry.is_embedded() { "embedded" } else { "folder" },
        "meaning": part.map(|part| json!({ "vi": part.meaning.vi, "en": part.meaning.en })),
    })
}

fn find<'l>(library: &'l Library, part: &str, version: Option<&str>, out: &Output) -> Result<&'l Entry, Exit> {
    let today = vietnam(System::real().now()).strftime("%Y%m%d").to_string().parse().unwrap_or_default();
    let version = version.or_else(|| library.version_on(part, today));
    let entry = version.and_then(|version| library.entry(part, version));
    entry.ok_or_else(|| {
        let of_part = library.entries().filter(|entry| entry.part() == part).map(Entry::version);
        let versions = of_part.collect::<Vec<_>>().join(", ");
        let message = if versions.is_empty() {
            Bilingual::composed(
                format!("không có phần {part}; xem `lienthong schema list`"),
                format!("there is no part {part}; see `lienthong schema list`"),
            )
        } else {
            Bilingual::composed(
                format!("{part} không có phiên bản này; có: {versions}"),
                format!("{part} has no such version; there are: {versions}"),
            )
        };
        out.failure(Exit::Failed, "schema.not_found", &message)
    })
}

fn show(library: &Library, entry: &Entry, out: &Output) -> Result<Exit, Exit> {
    let fields = fields(entry.text()).map_err(|error| {
        let message = Bilingual::composed(format!("lược đồ hỏng: {error}"), format!("the schema is broken: {error}"));
        out.failure(Exit::Failed, "schema.broken", &message)
    })?;
    let mut facts = facts(library, entry);
    if out.wants_json() {
        if let Some(members) = facts.as_object_mut() {
            members.insert("elements".to_owned(), fields.iter().map(element).collect());
        }
        out.json(&facts);
        return Ok(Exit::Done);
    }
    let words = |texts: &[String; 2]| match out.language() {
        Language::Vietnamese => texts[0].clone(),
        Language::English => texts[1].clone(),
    };
    let meaning = library.part(entry.part()).map(|part| part.meaning.wording(out.language())).unwrap_or_default();
    let told = ["version", "validFrom", "decision"].map(|name| facts.get(name).and_then(Value::as_str));
    let told: Vec<&str> = told.into_iter().flatten().filter(|text| !text.is_empty()).collect();
    out.line(&format!("{} · {meaning} · {}", entry.part(), told.join(" · ")));
    let mut table = Table::new([
        out.wording("TRƯỜNG", "FIELD"),
        out.wording("BẮT BUỘC", "REQUIRED"),
        out.wording("DẠNG", "FORM"),
        out.wording("Ý NGHĨA", "MEANING"),
    ]);
    for field in &fields {
        let indent = "  ".repeat(field.depth);
        let repeated = if field.repeated { "*" } else { "" };
        table.row([
            format!("{indent}{}{repeated}", field.name),
            if field.required { out.wording("có", "yes") } else { out.wording("không", "no") }.to_owned(),
            field.form.as_ref().map(words).unwrap_or_default(),
            words(&field.meaning),
        ]);
    }
    out.line(&table.draw());
    Ok(Exit::Done)
}

fn element(field: &Field) -> Value {
    let words = |[vi, en]: &[String; 2]| json!({ "vi": vi, "en": en });
    json!({
        "name": field.name,
        "path": field.path,
        "required": field.required,
        "repeated": field.repeated,
        "form": field.form.as_ref().map(words),
        "meaning": words(&field.meaning),
    })
}

fn export(library: &Library, folder: &Path, force: bool, out: &Output) -> Result<Exit, Exit> {
    let files = library.files();
    let taken = || files.iter().map(|(path, _)| folder.join(path)).find(|path| path.exists());
    if let (false, Some(path)) = (force, taken()) {
        let path = path.display();
        let message = Bilingual::composed(
            format!("{path} đã có; thêm --force để ghi đè"),
            format!("{path} is there already; --force overwrites"),
        );
        return Err(out.failure(Exit::Failed, "schema.exists", &message));
    }
    for (path, text) in &files {
        let path = folder.join(path);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| write(&path, text, force)).map_err(|error| {
            let path = path.display();
            let message = Bilingual::composed(
                format!("không ghi được {path}: {error}"),
                format!("{path} cannot be written: {error}"),
            );
            out.failure(Exit::Failed, "cli.unwritable", &message)
        })?;
    }
    let (count, shown) = (files.len(), folder.display().to_string());
    if out.wants_json() {
        out.json(&json!({ "folder": shown, "files": count }));
    } else {
        out.line(&match out.language() {
            Language::Vietnamese => format!("đã ghi {count} tệp vào {shown}"),
            Language::English => format!("{count} files written to {shown}"),
        });
    }
    Ok(Exit::Done)
}

/// What somebody else made between the look and the writing is not overwritten either.
fn write(path: &Path, text: &str, force: bool) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).truncate(force);
    let options = if force { options.create(true) } else { options.create_new(true) };
    options.open(path)?.write_all(text.as_bytes())
}
