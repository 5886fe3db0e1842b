//! A gateway with its façade on, before a sandbox of its own: own ports, own folder; nothing is left behind.

use lienthong::app::{self, App, ClientWish};
use lienthong::certs::Authority;
use lienthong::certs::file::{Existing, write_private, write_public};
use lienthong::config::Config;
use lienthong::domain::FacilityCode;
use lienthong::sandbox::{ACCOUNT_PASSWORD, Faults};
use lienthong::system::System;
use lienthong::system::stop::Stopper;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::functions::OFFICER;
use crate::targets::{Account, FACILITIES, Target, sandbox};

/// A running gateway, and how clients reach its façade.
pub(crate) struct TestFacade {
    pub(crate) target: Target,
    stopper: Stopper,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl TestFacade {
    pub(crate) async fn start() -> Self {
        let system = System::real();
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::make("lienthong tests", &system).unwrap();
        let pem = authority.issue_server(&["127.0.0.1".into()], 2).unwrap();
        write_public(&folder.path().join("api.pem"), &pem.certificate, Existing::Replace).unwrap();
        write_private(&folder.path().join("api.key"), &pem.key, Existing::Replace).unwrap();
        write_private(&folder.path().join("password"), ACCOUNT_PASSWORD, Existing::Replace).unwrap();

        let portal = sandbox(Faults::default()).await;
        let text = config(&format!("http://{}", portal.address()));
        let config = || Config::parse(&text, folder.path(), &|_| None).unwrap_or_else(|faults| panic!("{faults:?}"));
        let mut accounts = Vec::new();
        for facility in FACILITIES {
            let username = format!("{facility}_BV");
            let wish = ClientWish {
                name: format!("HIS {facility}"),
                scopes: ["lookup", "document:write", "document:read"].map(str::to_owned).into(),
                facilities: vec![FacilityCode::parse(facility).unwrap()],
                requests_per_minute: 10_000_000,
                addresses: Vec::new(),
                facade_user: Some(username.clone()),
            };
            let client = app::add_client(&config(), &system, wish).await.unwrap();
            accounts.push(Account { facility, username, password: client.secret });
        }
        let app = App::build(config(), system).await.unwrap();
        let address = app.addresses().facade.expect("the façade is on");
        let stopper = Stopper::new();
        let task = tokio::spawn(app.run(stopper.clone()));
        Self { target: Target { address, accounts, portal }, stopper, task, _folder: folder }
    }
}

impl Drop for TestFacade {
    fn drop(&mut self) {
        self.stopper.let_go();
        self.task.abort();
    }
}

fn config(portal: &str) -> String {
    let facility = |code: &&str| {
        format!(
            "[[facility]]\ncode = \"{code}\"\nname = \"Cơ sở thử\"\npassword_file = \"password\"\n\
             officer_name = \"{}\"\nofficer_id = \"{}\"\n",
            OFFICER.0, OFFICER.1
        )
    };
    let facilities: String = FACILITIES.iter().map(facility).collect();
    let old = [
        "guiHoSoGiamDinh4210",
        "guiHoSoGiamDinh",
        "nhanKQTiepNhanHS4210",
        "nhanChiTietHSNgay4210",
        "nhanChiTietLoiHS4210",
        "nhanHoSoKCBChiTiet",
        "NhanThongTinCSKCB",
    ];
    let pass_through: String = old.iter().map(|name| format!("\"/api/egw/{name}\", ")).collect();
    format!(
        "mode = \"test\"\n[data]\nfolder = \"data\"\n\
         [api]\nlisten = \"127.0.0.1:0\"\ncertificate = \"api.pem\"\nkey = \"api.key\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n\
         [facade]\nenabled = true\nlisten = \"127.0.0.1:0\"\npass_through = [{pass_through}]\n\
         [portal]\nbase_url = \"{portal}\"\n\
         [lookup]\nquestions_per_minute = 60000\nburst = 10000\nunder_way_per_facility_max = 1000\n\
         [limits]\nconnections_per_source_max = 2000\n{facilities}"
    )
}
