//! Every kind of fault with its place, and the sample.

use std::path::Path;

use super::*;

/// Certificates and secrets as the sample names them, made afresh.
struct Files(tempfile::TempDir);

impl Files {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
        let files = Self(folder);
        files.write("certs/server.pem", &certificate.pem());
        files.write("certs/ca.pem", &certificate.pem());
        files.write("certs/server.key", &key.serialize_pem());
        files.write("secrets/01999.password", "mật khẩu\n");
        files
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        #[cfg(unix)]
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn parse(&self, text: &str) -> Result<Config, Faults> {
        Config::parse(text, self.path(), &|name| (name == "PASSWORD").then(|| "từ biến".to_owned()))
    }
}

const LEAST: &str = r#"[api]
certificate = "certs/server.pem"
key = "certs/server.key"
[portal]
base_url = "https://127.0.0.1:9443"
[[facility]]
code = "01999"
password_file = "secrets/01999.password"
"#;

const SAMPLE: &str = include_str!("../../docs/samples/lienthong.toml");

/// Checks that `text` (after `change` of the least configuration) has exactly these faults: `line:column code key`.
fn check_faults(files: &Files, text: &str, expected: &[&str]) {
    let faults = files.parse(text).expect_err(text);
    let found: Vec<String> =
        faults.listed().iter().map(|it| format!("{}:{} {} {}", it.line, it.column, it.code, it.key)).collect();
    assert_eq!(found, expected, "{text}\n{faults:#?}");
    for fault in faults.listed() {
        for wording in [&fault.message, &fault.cure] {
            assert!(!wording.vi.is_empty() && !wording.en.is_empty());
            assert!(!wording.en.contains("mật khẩu") && !wording.vi.contains("mật khẩu\n"));
        }
    }
}

#[test]
fn the_least_configuration_is_read_with_its_defaults() {
    let files = Files::make();
    let config = files.parse(LEAST).unwrap();
    assert_eq!(config.mode, Mode::Test);
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:8443");
    assert_eq!(config.data.folder, files.path().join("data"));
    let facility = &config.facilities[0];
    assert_eq!((facility.username.as_str(), facility.name.as_str()), ("01999_BV", "01999"));
    assert_eq!(facility.password.expose(), "mật khẩu");
    assert!(facility.driver_exam.is_none() && facility.officer.is_none() && facility.sends.is_empty());
    assert_eq!(config.notices(), []);
    assert!(!format!("{config:?}").contains("mật khẩu"));
}

#[test]
fn the_facade_is_on_in_test_mode_and_off_in_live_mode_until_said_otherwise() {
    let files = Files::make();
    let facade = |top: &str, section: &str| {
        files.parse(&format!("{top}{}", LEAST.replacen("[portal]", &format!("{section}\n[portal]"), 1))).unwrap().facade
    };
    let test = facade("", "");
    assert!(test.enabled && !test.tls && !test.strict && test.pass_through.is_empty());
    assert_eq!(test.listen.to_string(), "127.0.0.1:8081");
    assert!(!facade("mode = \"live\"\n", "").enabled);
    assert!(facade("mode = \"live\"\n", "[facade]\nenabled = true").enabled);
    // Whoever asks for plain HTTP beyond this machine gets it, and TLS needs no asking; off, nothing is a fault.
    for section in ["tls = true", "allow_remote = true", "enabled = false"] {
        facade("", &format!("[facade]\nlisten = \"0.0.0.0:8081\"\n{section}"));
    }
    let listed = facade("", "[facade]\npass_through = [\"/api/a\", \"/API/A\", \"/api/b\"]").pass_through;
    assert_eq!(listed, ["/api/a", "/api/b"]);
}

#[test]
fn the_sample_is_right_and_says_the_defaults() {
    let files = Files::make();
    // The sample points at a sandbox without certificates.
    let least = LEAST.replace("https://127", "http://127");
    let (mut sample, least) = (files.parse(SAMPLE).unwrap(), files.parse(&least).unwrap());
    // The one thing that has no default and yet stands in the sample, so that its first lookup is signed for.
    assert!(sample.facilities[0].officer.take().is_some());
    let settings = |config: Config| {
        let Config {
            mode,
            data,
            api,
            admin,
            facade,
            portal,
            lookup,
            documents,
            delivery,
            retention,
            limits,
            audit,
            log,
            facilities,
            ..
        } = config;
        format!(
            "{mode:#?}{data:#?}{api:#?}{admin:#?}{facade:#?}{portal:#?}{lookup:#?}{documents:#?}{delivery:#?}{retention:#?}{limits:#?}{audit:#?}{log:#?}{facilities:#?}"
        )
    };
    assert_eq!(sample.officers.len(), 1);
    assert_eq!(settings(sample), settings(least));
}

#[test]
fn every_key_that_is_known_stands_in_the_sample_under_a_comment() {
    let files = Files::make();
    let (_, known) = read(SAMPLE, files.path(), &|_| None);
    let mut section = String::new();
    let mut written = BTreeSet::new();
    let mut commented = false;
    for line in SAMPLE.lines() {
        let bare = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = bare.strip_prefix("[").map(|rest| rest.trim_matches(['[', ']'])) {
            section = name.to_owned();
            written.insert(section.clone());
        } else if let Some((key, _)) = bare.split_once(" = ").filter(|(key, _)| !key.contains([' ', '"'])) {
            assert!(commented, "{key} has no comment");
            let separator = if section.is_empty() { "" } else { "." };
            assert!(written.insert(format!("{section}{separator}{key}")), "{section}.{key} stands twice");
        } else {
            commented = line.starts_with("# ");
        }
    }
    assert_eq!(known, written);
}

#[test]
fn storage_keys_are_a_file_or_a_credential() {
    let files = Files::make();
    let text = |data: &str| format!("[data]\n{data}\n{LEAST}");
    for (data, expected) in [
        ("keys_credential = \"../keys\"", "2:19 config.bad_credential data.keys_credential"),
        ("keys_credential = \"\"", "2:19 config.bad_credential data.keys_credential"),
        ("keys_credential = \"a\"\nkeys_file = \"b\"", "2:19 config.two_sources data.keys_credential"),
    ] {
        check_faults(&files, &text(data), &[expected]);
    }
    let named = text("keys_credential = \"storage-keys\"");
    let config = files.parse(&named).unwrap();
    let codes: Vec<_> = config.notices().iter().map(|notice| notice.code).collect();
    assert_eq!((codes, config.data.keys_credential.unwrap().file), (vec!["config.no_credentials"], None));
    let given = |name: &str| (name == "CREDENTIALS_DIRECTORY").then(|| "/run/credentials/x".to_owned());
    let config = Config::parse(&named, files.path(), &given).unwrap();
    assert_eq!(config.notices(), []);
    assert_eq!(config.data.keys_credential.unwrap().file.unwrap(), Path::new("/run/credentials/x/storage-keys"));
}

#[test]
fn an_empty_file_tells_everything_that_is_missing() {
    let expected = [
        "1:1 config.missing_key api.certificate",
        "1:1 config.missing_key api.key",
        "1:1 config.missing_key portal.base_url",
        "1:1 config.missing_key facility",
    ];
    check_faults(&Files::make(), "", &expected);
}

#[test]
fn all_faults_are_told_at_once_in_the_order_of_the_file() {
    let text = r#"mod = "test"
mode = "prod"
[api]
listen = "localhost"
certificate = 5
key = "certs/none.key"
clients = "off"
[admin]
listen = "0.0.0.0:8444"
[portal]
base_ulr = "https://egw.baohiemxahoi.gov.vn"
rest_s = -1
generation = "3167"
[limits]
grace_s = 0x1000
idle_timeout_s = "75"
[log]
filter = "lienthong=loud"
[[facility]]
code = "1999"
password_file = "secrets/01999.password"
sends = ["claim", "claims", 7]
[[facility]]
code = "01999"
username = "tài khoản"
[nothing]
"#;
    let expected = [
        "1:1 config.unknown_key mod",
        "2:8 config.not_accepted mode",
        "4:10 config.bad_address api.listen",
        "5:15 config.wrong_type api.certificate",
        "6:7 config.file_unreadable api.key",
        "7:1 config.unknown_key api.clients",
        "9:10 config.remote_admin admin.listen",
        "10:1 config.missing_key portal.base_url",
        "11:1 config.unknown_key portal.base_ulr",
        "12:10 config.out_of_range portal.rest_s",
        "13:14 config.not_accepted portal.generation",
        "15:11 config.out_of_range limits.grace_s",
        "16:18 config.wrong_type limits.idle_timeout_s",
        "18:10 config.bad_filter log.filter",
        "20:8 config.bad_facility facility[1].code",
        "22:19 config.not_accepted facility[1].sends",
        "22:29 config.wrong_type facility[1].sends",
        "23:1 config.missing_key facility[2].password_file",
        "25:12 config.bad_username facility[2].username",
        "26:2 config.unknown_key nothing",
    ];
    check_faults(&Files::make(), text, &expected);
    let faults = Files::make().parse(text).unwrap_err();
    assert!(faults.listed().iter().any(|it| it.cure.en == "Did you mean \"base_url\"?"));
}

#[test]
fn each_kind_of_fault_has_its_place() {
    let files = Files::make();
    files.write("two-lines", "a\nb\n");
    files.write("empty", "\n");
    // What follows the least configuration, or replaces a line of it; its last section is the facility.
    for (from, to, expected) in [
        ("\"https://127.0.0.1:9443\"", "\"http://egw.example\"", "5:12 config.plain_http portal.base_url"),
        ("\"https://127.0.0.1:9443\"", "\"https://egw.example/api\"", "5:12 config.bad_url portal.base_url"),
        ("\"https://127.0.0.1:9443\"", "\"https://a@egw.example\"", "5:12 config.bad_url portal.base_url"),
        ("\"https://127.0.0.1:9443\"", "\"  \"", "5:12 config.empty portal.base_url"),
        ("[portal]", "[admin]\nlisten = \"127.0.0.1:8443\"\n[portal]", "5:10 config.same_address admin.listen"),
        ("[portal]", "client_certificates = \"required\"\n[portal]", "1:1 config.missing_key api.client_authorities"),
        ("server.key", "server.pem", "3:7 config.not_pem api.key"),
        ("certs/server.pem", "certs", "2:15 config.file_unreadable api.certificate"),
        (
            "[portal]",
            "[limits]\nconnections_max = 9\n[portal]",
            "4:1 config.conflict limits.connections_per_source_max",
        ),
        (
            "[portal]",
            "[documents]\nbodies_in_memory_mib = 9\n[portal]",
            "5:24 config.conflict documents.bodies_in_memory_mib",
        ),
        ("[portal]", "[delivery]\nretry_longest_s = 1\n[portal]", "5:19 config.conflict delivery.retry_longest_s"),
        ("[portal]", "[delivery]\nlease_s = 120\n[portal]", "5:11 config.conflict delivery.lease_s"),
        ("[portal]", "[documents]\nbody_max_mib = 257\n[portal]", "5:16 config.out_of_range documents.body_max_mib"),
        ("secrets/01999.password", "two-lines", "8:17 config.bad_secret facility[1].password_file"),
        ("secrets/01999.password", "empty", "8:17 config.bad_secret facility[1].password_file"),
        ("secrets/01999.password", "none", "8:17 config.file_unreadable facility[1].password_file"),
        ("password_file = ", "password_env = \"NONE\" #", "8:16 config.variable_missing facility[1].password_env"),
        ("code", "password_env = \"PASSWORD\"\ncode", "7:16 config.two_sources facility[1].password_env"),
        ("code", "officer_name = \"A B\"\ncode", "6:1 config.missing_key facility[1].officer_id"),
        ("code", "driver_exam_username = \"A\"\ncode", "6:1 config.missing_key facility[1].driver_exam_password_file"),
        ("[portal]", "[facade]\nlisten = \"0.0.0.0:8081\"\n[portal]", "5:10 config.remote_facade facade.listen"),
        ("[portal]", "[facade]\nlisten = \"127.0.0.1:8444\"\n[portal]", "5:10 config.same_address facade.listen"),
        (
            "[portal]",
            "[facade]\npass_through = [\"/api/a\", \"/api/a?b\"]\n[portal]",
            "5:27 config.bad_path facade.pass_through",
        ),
        ("[portal]", "[facade]\npass_through = [\"/api/../a\"]\n[portal]", "5:17 config.bad_path facade.pass_through"),
        ("[portal]", "[facade]\non_delay = \"wait\"\n[portal]", "5:12 config.not_accepted facade.on_delay"),
        ("[portal]", "[facade]\nsync_timeout_s = 120\n[portal]", "5:18 config.conflict facade.sync_timeout_s"),
        ("[portal]", "[facade]\ntoken_life_h = 0\n[portal]", "5:16 config.out_of_range facade.token_life_h"),
        ("[api]", "officer = 1\n[api]", "1:11 config.wrong_type officer"),
    ] {
        check_faults(&files, &LEAST.replacen(from, to, 1), &[expected]);
    }
    let again = "[[facility]]\ncode = \"01999\"\npassword_env = \"PASSWORD\"\n";
    check_faults(&files, &format!("{LEAST}{again}"), &["10:8 config.duplicate facility[2].code"]);
    let officer = "[[officer]]\nstaff_id = \"a\"\nname = \"B1\"\nnational_id = \"123\"\nfacility = \"02999\"\n";
    let expected = [
        "11:8 config.bad_name officer[1].name",
        "12:15 config.bad_national_id officer[1].national_id",
        "13:12 config.unknown_facility officer[1].facility",
    ];
    check_faults(&files, &format!("{LEAST}{officer}"), &expected);
    let right = "[[officer]]\nstaff_id = \"a\"\nname = \"B C\"\nnational_id = \"001181012345\"\n";
    check_faults(&files, &format!("{LEAST}{right}{right}"), &["14:12 config.duplicate officer[2].staff_id"]);
}

#[test]
fn a_ceiling_of_memory_that_the_other_bounds_do_not_keep_is_told_with_what_to_lower() {
    let files = Files::make();
    let with = |section: &str| LEAST.replacen("[portal]", &format!("{section}\n[portal]"), 1);
    let bound = files.parse(LEAST).unwrap().memory_bound();
    // What `docs/OPERATING.md` says of the defaults.
    assert_eq!(bound >> 20, 1_824);
    assert!(files.parse(&with("[limits]\nmemory_max_mib = 1825")).is_ok());
    let faults = files.parse(&with("[limits]\nmemory_max_mib = 1024")).unwrap_err();
    let fault = &faults.listed()[0];
    assert_eq!((fault.line, fault.code, fault.key.as_str()), (5, "config.memory", "limits.memory_max_mib"));
    let cure = fault.cure.wording(crate::domain::Language::English);
    assert!(cure.starts_with("Lower one of: documents.bodies_in_memory_mib (768 MiB)"), "{cure}");
    let less = "[documents]\nbodies_in_memory_mib = 64\n[limits]\nconnections_max = 512\nmemory_max_mib = 1024";
    assert!(files.parse(&with(less)).unwrap().memory_bound() <= 1024 << 20);
    check_faults(&files, &with("[limits]\nmemory_max_mib = 12"), &["5:18 config.out_of_range limits.memory_max_mib"]);
}

#[test]
fn schemas_of_a_folder_are_checked_with_the_configuration() {
    let files = Files::make();
    let with = |section: &str| LEAST.replacen("[portal]", &format!("[documents]\n{section}\n[portal]"), 1);
    let config = files.parse(&with("versions.claim = \"4750\"")).unwrap();
    assert_eq!(config.documents.library.version_for("XML1", 20260701), Some("4750"));
    check_faults(&files, &with("versions.clam = \"4750\""), &["5:10 config.unknown_key documents.versions.clam"]);
    check_faults(&files, &with("versions.claim = \"3167\""), &["5:18 config.not_accepted documents.versions.claim"]);
    check_faults(&files, &with("versions = \"3176\""), &["5:12 config.wrong_type documents.versions"]);
    check_faults(&files, &with("schemas = \"none\""), &["5:11 config.schemas documents.schemas"]);

    files.write("schemas/versions.csv", "family,version,valid_from,based_on\nclaim,5000,2027-01-01,1931\n");
    let config = files.parse(&with("schemas = \"schemas\"\nversions.claim = \"5000\"")).unwrap();
    assert_eq!(config.documents.library.version_for("XML1", 20260701), Some("5000"));

    files.write("schemas/claim/5000/XML1.xsd", "<a/>");
    files.write("schemas/code-lists/ma-pttt.csv", "code\n1\n1\n");
    let text = with("schemas = \"schemas\"\nversions.claim = \"5001\"\nwaiting_max = 0");
    let faults = files.parse(&text).unwrap_err();
    let found: Vec<_> = faults.listed().iter().map(|it| (it.file.is_some(), it.line, it.code)).collect();
    let expected = [(false, 7, "config.out_of_range"), (true, 1, "config.schemas"), (true, 3, "config.schemas")];
    assert_eq!(found, expected, "{faults:#?}");
    assert!(faults.to_string().contains("XML1.xsd:1:1"), "{faults}");
}

#[test]
fn a_slip_in_the_syntax_hides_no_other_fault_and_invents_none() {
    let text = "mode = \"test\"\nmode = \"live\"\n[api\nlisten = 1\n[log]\nformat = \"xml\"\nfilter =\n";
    let faults = Files::make().parse(text).unwrap_err();
    let lines: Vec<_> = faults.listed().iter().map(|it| (it.line, it.code)).collect();
    assert!(lines.contains(&(2, "config.syntax")) && lines.contains(&(3, "config.syntax")), "{lines:?}");
    assert!(lines.contains(&(6, "config.not_accepted")) && lines.contains(&(7, "config.syntax")), "{lines:?}");
    assert!(lines.iter().all(|(_, code)| *code != "config.missing_key"), "{lines:?}");
}

#[test]
fn the_real_portal_is_refused_in_test_mode_only() {
    let files = Files::make();
    let at = |host: &str| LEAST.replace("127.0.0.1:9443", host);
    for host in ["egw.baohiemxahoi.gov.vn", "EGW.baohiemxahoi.gov.vn.", "baohiemxahoi.gov.vn:443"] {
        check_faults(&files, &at(host), &["5:12 config.production_in_test portal.base_url"]);
        let live = files.parse(&format!("mode = \"live\"\n{}", at(host))).unwrap();
        assert_eq!(live.notices().iter().map(|it| it.code).collect::<Vec<_>>(), ["config.sends_nothing"]);
    }
    for host in ["daotaoegw.baohiemxahoi.gov.vn", "notbaohiemxahoi.gov.vn", "egw.example"] {
        assert!(files.parse(&at(host)).is_ok(), "{host}");
    }
    let live = files.parse(&format!("mode = \"live\"\n{}", at("egw.example"))).unwrap();
    assert!(live.notices().iter().any(|it| it.code == "config.live_elsewhere"));
}

#[test]
fn secrets_come_from_the_environment_too() {
    let files = Files::make();
    let text = LEAST.replace("password_file = \"secrets/01999.password\"", "password_env = \"PASSWORD\"");
    let text = format!("{text}driver_exam_password_file = \"secrets/01999.password\"\n");
    let facility = &files.parse(&text).unwrap().facilities[0];
    assert_eq!(facility.password.expose(), "từ biến");
    assert_eq!(facility.driver_exam.as_ref().unwrap().username, "01999_HSSK");
}

#[cfg(unix)]
#[test]
fn a_secret_that_others_may_read_is_noticed() {
    let files = Files::make();
    let path = files.path().join("secrets/01999.password");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let config = files.parse(LEAST).unwrap();
    let notice = &config.notices()[0];
    assert_eq!((notice.line, notice.column, notice.code), (8, 17, "config.readable_by_others"));
}

#[test]
fn files_are_loaded_with_paths_relative_to_themselves() {
    let files = Files::make();
    files.write("lienthong.toml", &format!("\u{feff}{LEAST}"));
    assert!(Config::load(&files.path().join("lienthong.toml")).is_ok());
    let missing = Config::load(&files.path().join("none.toml")).unwrap_err();
    assert_eq!(missing.listed()[0].code, "config.unreadable");
    std::fs::write(files.path().join("latin.toml"), [b'#', 0xe9]).unwrap();
    assert_eq!(Config::load(&files.path().join("latin.toml")).unwrap_err().listed()[0].code, "config.unreadable");
}
