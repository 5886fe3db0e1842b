//! A hospital system written for the portal, before a gateway process that is killed under it.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use form_urlencoded::Serializer;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lienthong::clients::password_md5;
use lienthong::intake::sha256;
use lienthong::sandbox::Faults;
use serde_json::Value;

use crate::commands::program;
use crate::documents;
use crate::process::{PATIENCE, Site};

/// A system that signed in once and never again.
pub(crate) struct His {
    base_url: String,
    user: &'static str,
    password: String,
    session: [String; 2],
    http: Client<HttpConnector, Full<Bytes>>,
}

impl His {
    async fn post(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Option<Value> {
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Request::post(format!("{}{path}", self.base_url))
            .header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(form))).unwrap();
        let response = tokio::time::timeout(PATIENCE, self.http.request(request)).await.expect("an end").ok()?;
        let body = response.into_body().collect().await.ok()?.to_bytes();
        serde_json::from_slice(&body).ok()
    }

    pub(crate) async fn sign_in(&mut self) {
        let fields = [("username", self.user), ("password", self.password.as_str())];
        let told = self.post("/api/token/take", &[], &fields).await.expect("an answer");
        assert_eq!(told["maKetQua"], "200", "{told}");
        self.session = ["access_token", "id_token"].map(|name| told["APIKey"][name].as_str().unwrap().to_owned());
    }

    pub(crate) async fn claim(&self, xml: &str) -> Option<Value> {
        let [access, id] = &self.session;
        let keys = [("accessToken", access.as_str()), ("tokenId", id), ("passwordHash", &self.password)];
        let file = STANDARD.encode(xml);
        let fields = [
            ("username", self.user),
            ("loaiHoSo", "130"),
            ("maTinh", "01"),
            ("maCSKCB", "01999"),
            ("fileHSBase64", file.as_str()),
        ];
        self.post("/api/qd130/guiHoSoXmlQD3176", &keys, &fields).await
    }
}

/// A user made on the command line.
pub(crate) async fn his(site: &Site) -> His {
    let config = site.path("lienthong.toml");
    let config = config.to_str().unwrap();
    let add = ["--json", "keys", "add", "--config", config, "--name", "his", "--facade-user", "01999_BV"];
    let made = program(&[&add[..], &["--facility", "01999", "--per-minute", "1000000"]].concat()).await;
    let made: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{made:?}"));
    let password = made["password"].as_str().expect("a password, once").to_owned();
    His {
        base_url: format!("http://{}", site.facade),
        user: "01999_BV",
        password: password_md5(&password),
        session: Default::default(),
        http: Client::builder(TokioExecutor::new()).build_http(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_kills_and_lost_answers_every_receipt_is_the_portals_and_nothing_is_lost() {
    const CLAIMS: usize = 120;
    const KILLS: usize = 3;
    let only_paths = vec!["/api/qd130".to_owned()];
    let faults = Faults { reset_before_rate: 0.1, reset_after_rate: 0.1, only_paths, ..Faults::default() };
    let site = Arc::new(Site::new(faults, 20_261_120).await);
    let mut his = his(&site).await;
    let mut gateway = site.start().await;
    his.sign_in().await;
    let his = Arc::new(his);

    // Each claim is sent until there is a receipt, as the clients of the field do: the same bytes again.
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let heard: Arc<std::sync::Mutex<HashMap<usize, String>>> = Arc::default();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (his, next, heard) = (his.clone(), next.clone(), heard.clone());
            tokio::spawn(async move {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if number >= CLAIMS {
                        return;
                    }
                    let xml = documents::claim(&format!("HS{number:010}"));
                    let deadline = tokio::time::Instant::now() + PATIENCE;
                    loop {
                        match his.claim(&xml).await {
                            Some(told) if told["maKetQua"] == "200" => {
                                let receipt = told["maGiaoDich"].as_str().unwrap().to_owned();
                                heard.lock().unwrap().insert(number, receipt);
                                break;
                            }
                            // Kept and not sent yet, or the process was killed under it.
                            Some(told) if told["maKetQua"] == "500" => assert_eq!(told["maGiaoDich"], "", "{told}"),
                            None => {}
                            Some(told) => panic!("{told}"),
                        }
                        assert!(tokio::time::Instant::now() < deadline, "a claim got no receipt");
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                }
            })
        })
        .collect();
    for kill in 1..=KILLS {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while heard.lock().unwrap().len() < CLAIMS * kill / (KILLS + 1) {
            assert!(tokio::time::Instant::now() < deadline, "clients are stuck before kill {kill}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway.kill().await.unwrap();
        gateway = site.start().await;
    }
    for client in clients {
        client.await.unwrap();
    }

    let submissions = site.sandbox.submissions();
    let receipts: HashMap<&str, [u8; 32]> =
        submissions.iter().map(|taken| (taken.receipt.as_str(), taken.sha256)).collect();
    for (number, receipt) in heard.lock().unwrap().iter() {
        let own = sha256(documents::claim(&format!("HS{number:010}")).as_bytes());
        assert_eq!(
            receipts.get(receipt.as_str()),
            Some(&own),
            "{receipt} is no receipt of the portal's for this claim"
        );
    }
    assert_eq!(heard.lock().unwrap().len(), CLAIMS);
    // A lost answer makes the portal hold a claim twice, the later in the place of the earlier; never for long.
    let replaced: std::collections::HashSet<u64> = submissions.iter().filter_map(|taken| taken.replaced).collect();
    assert_eq!(submissions.iter().filter(|taken| !replaced.contains(&taken.number)).count(), CLAIMS);
    gateway.kill().await.unwrap();

    // Nothing that opens the façade stands in the log or the data folder.
    let mut searched = vec![std::fs::read(site.path("log")).unwrap()];
    let files = std::fs::read_dir(site.path("data")).unwrap();
    searched.extend(files.map(|file| std::fs::read(file.unwrap().path()).unwrap()));
    for bytes in searched {
        for secret in [&his.password, &his.password.to_lowercase(), &his.session[0], &his.session[1]] {
            assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_listed_and_refused_on_the_command_line() {
    let site = Site::new(Faults::default(), 6).await;
    let his = his(&site).await;
    let config = site.path("lienthong.toml");
    let config = config.to_str().unwrap();
    let listed = program(&["--json", "keys", "list", "--config", config]).await;
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    let user = listed["data"].as_array().unwrap().iter().find(|client| client["facadeUser"] == "01999_BV");
    assert!(user.is_some_and(|user| user["prefix"] == ""), "{listed}");
    assert!(!listed.to_string().contains(&his.password));

    // A password of the operator's own choice, from a file.
    let file = site.path("his.password");
    std::fs::write(&file, "Mat khau cu 1\n").unwrap();
    let file = file.to_str().unwrap();
    let add = |user: &'static str, rest: &[&'static str]| {
        let mut words = vec!["--json", "keys", "add", "--config", config, "--name", "his", "--facade-user", user];
        words.extend_from_slice(rest);
        words.into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let run = async |words: Vec<String>| program(&words.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let with_file = |mut words: Vec<String>| {
        words.extend(["--facade-password-file".to_owned(), file.to_owned()]);
        words
    };
    let made = run(with_file(add("79999_BV", &["--facility", "79999"]))).await;
    let made: Value = serde_json::from_slice(&made.stdout).unwrap_or_else(|_| panic!("{made:?}"));
    assert_eq!(made["password"], Value::Null, "who wrote the file knows it");
    let _gateway = site.start().await;
    let mut chosen = His { user: "79999_BV", password: password_md5("Mat khau cu 1"), ..his };
    chosen.sign_in().await;

    for (words, told) in [
        (with_file(add("79999_BV", &["--facility", "79999"])), "here already"),
        (add("his", &["--facility", "01999", "--facility", "79999"]), "needs one facility"),
        (add("38999_BV", &["--facility", "01999", "--facility", "79999"]), "needs one facility"),
        (add("a b", &["--facility", "01999"]), "without blanks"),
    ] {
        let refused = run(words.clone()).await;
        assert_eq!(refused.status.code(), Some(2), "{words:?} {refused:?}");
        let said = String::from_utf8_lossy(&[refused.stdout, refused.stderr].concat()).into_owned();
        assert!(said.contains(told), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_is_told_with_the_way_out() {
    let site = Site::new(Faults::default(), 7).await;
    let _taken = TcpListener::bind(site.facade).unwrap();
    let config = site.path("lienthong.toml");
    let refused = program(&["--lang", "en", "run", "--config", config.to_str().unwrap()]).await;
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains(&format!("the façade cannot listen on {}", site.facade)), "{said}");
    assert!(said.contains("[facade] listen"), "{said}");

    let checked = program(&["--lang", "en", "check", "--config", config.to_str().unwrap()]).await;
    assert!(
        String::from_utf8_lossy(&checked.stdout).contains(&format!("façade: http://{}", site.facade)),
        "{checked:?}"
    );
}
