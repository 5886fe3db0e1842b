//! Every client with every function, against two targets: where they are the same, and how they differ.

use std::collections::BTreeMap;

use lienthong::domain::NationalId;
use lienthong::sandbox::{InsuredPerson, Sandbox, Submission, person_of};
use lienthong::system::{System, vietnam};

use crate::compare;
use crate::functions::{Case, Content, FUNCTIONS, Function};
use crate::programs;
use crate::request::{Session, request};
use crate::targets::Target;
use crate::ways::{AS_DOCUMENTED, CLIENTS, Oddity, TROUBLES, Way};
use crate::wire::{Answer, Connection};

/// What became of one client with one function.
pub(crate) struct Cell {
    pub(crate) client: &'static str,
    pub(crate) function: &'static str,
    /// The code that the first target answered.
    pub(crate) code: String,
    /// How the second target differed.
    pub(crate) differences: Vec<String>,
}

/// A difference that is meant, with its reason.
pub(crate) struct Allowed {
    /// For these clients; for all if there are none.
    pub(crate) clients: &'static [&'static str],
    /// With these functions; with all if there are none.
    pub(crate) functions: &'static [&'static str],
    /// In the words of `compare`; what ends in `…` stands for all that begins so.
    pub(crate) difference: &'static str,
    pub(crate) reason: &'static str,
    /// Whether it must occur in every call it covers, or in one of them at least.
    pub(crate) always: bool,
}

/// Runs them all; `None` if the day turned meanwhile, which shows in answers that tell it. They are to run again then, on
/// targets that know nothing of this run.
pub(crate) async fn run(portal: &Target, facade: &Target) -> Option<Vec<Cell>> {
    let today = today();
    let cells = run_on(portal, facade, &today).await;
    (today == self::today()).then_some(cells)
}

async fn run_on(portal: &Target, facade: &Target, today: &str) -> Vec<Cell> {
    let mut people = people();
    let (mut cells, mut serial) = (Vec::new(), 100);
    assert!((CLIENTS.len() + TROUBLES.len()) * FUNCTIONS.len() < PEOPLE_MAX);
    let clients = CLIENTS.iter().map(|way| (way, way));
    let troubles = TROUBLES.iter().map(|way| (way, &CLIENTS[0]));
    for (way, login) in clients.chain(troubles) {
        for function in FUNCTIONS {
            let person = people.next().expect("there are many");
            serial += 1;
            let case = Case { person: &person, serial, today };
            // Each call meets portals that remember nothing: what one client did must not show to the next.
            portal.portal.reset();
            facade.portal.reset();
            let Some(wanted) = call(portal, function, way, login, &case).await else { continue };
            let got = call(facade, function, way, login, &case).await.expect("the same client");
            let mut differences = Vec::new();
            for (number, (wanted, got)) in wanted.iter().zip(&got).enumerate() {
                let again = if number == 0 { "" } else { "again: " };
                differences.extend(compare::difference(wanted, got).into_iter().map(|what| format!("{again}{what}")));
            }
            let (sent, arrived) = (received(&portal.portal), received(&facade.portal));
            if sent != arrived {
                let same = if sent.len() == arrived.len() { " of other content" } else { "" };
                differences.push(format!("the portal got {} → {} files{same}", sent.len(), arrived.len()));
            }
            let code = compare::code(&wanted[0].body);
            cells.push(Cell { client: way.name, function: function.name, code, differences });
        }
    }
    cells.extend(programs(portal, facade, today).await);
    cells
}

/// More than there are cells: the people beyond are for clients of their own.
const PEOPLE_MAX: usize = 5_000;

/// The cell of a client that asked once.
pub(crate) fn cell(client: &'static str, function: &Function, portal: &Answer, facade: &Answer) -> Cell {
    let differences = compare::difference(portal, facade);
    Cell { client, function: function.name, code: compare::code(&portal.body), differences }
}

/// The clients that are programs of their own, each function once.
async fn programs(portal: &Target, facade: &Target, today: &str) -> Vec<Cell> {
    let people: Vec<InsuredPerson> = people().skip(PEOPLE_MAX).take(2 * FUNCTIONS.len()).collect();
    let cases: Vec<Case<'_>> =
        people.iter().zip(PEOPLE_MAX..).map(|(person, serial)| Case { person, serial, today }).collect();
    let (of_python, of_curl) = cases.split_at(FUNCTIONS.len());
    let mut cells = programs::python(portal, facade, of_python).await;
    cells.extend(programs::curl(portal, facade, of_curl).await);
    cells
}

/// What a portal took, in the terms that must agree.
fn received(portal: &Sandbox) -> Vec<(String, String, [u8; 32], Option<String>)> {
    let told = |one: Submission| (one.service, one.facility, one.sha256, one.business_key);
    portal.submissions().into_iter().map(told).collect()
}

/// Logs in and calls, over one connection where the client keeps it. `None` where the way means nothing.
async fn call(target: &Target, function: &Function, way: &Way, login: &Way, case: &Case<'_>) -> Option<Vec<Answer>> {
    let account = target.account(function.facility);
    let mut connection = Connection::to(target.address);
    let nobody = |way: &Way| Session {
        token: String::new(),
        id_token: String::new(),
        username: account.username.clone(),
        password: account.password_md5(way.lower_md5),
    };
    if function.content == Content::Login {
        if let Oddity::LogsInTwice = way.oddity {
            return None;
        }
        let request = request(function, way, &nobody(way), case, "")?;
        let mut answers = vec![connection.exchange(&way.style, &request).await];
        if let Oddity::AsksAgain = way.oddity {
            answers.push(connection.exchange(&way.style, &request).await);
        }
        return Some(answers);
    }
    // Is there anything to call at all?
    request(function, way, &nobody(way), case, "")?;
    let session = loop {
        let session = log_in(&mut connection, login, nobody(login), case).await;
        // Who does not escape tokens has learnt to take another one.
        if !(way.unescaped && session.token.contains('+')) {
            break session;
        }
    };
    if let Oddity::LogsInTwice = way.oddity {
        let second = log_in(&mut connection, login, nobody(login), case).await;
        assert!(second.token != session.token || second.id_token != session.id_token, "each login has its own token");
    }
    let earlier = earlier(&mut connection, function, &session, case).await;
    let request = request(function, way, &session, case, &earlier)?;
    let mut answers = vec![connection.exchange(&way.style, &request).await];
    if let Oddity::AsksAgain = way.oddity {
        answers.push(connection.exchange(&way.style, &request).await);
    }
    Some(answers)
}

async fn log_in(connection: &mut Connection, way: &Way, nobody: Session, case: &Case<'_>) -> Session {
    let request = request(&FUNCTIONS[0], way, &nobody, case, "").expect("everybody logs in");
    let answer = connection.exchange(&way.style, &request).await;
    let reply: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    assert_eq!(compare::code(&answer.body), "200", "{}: the login failed: {answer:?}", way.name);
    let text = |name: &str| reply["APIKey"][name].as_str().expect("a login has tokens").to_owned();
    Session { token: text("access_token"), id_token: text("id_token"), ..nobody }
}

/// What must have happened before: a claim whose results are asked for, a visit whose details are.
async fn earlier(connection: &mut Connection, function: &Function, session: &Session, case: &Case<'_>) -> String {
    let (name, list, member) = match function.content {
        Content::OldResult(_) => ("guiHoSoGiamDinh4210", None, "maGiaoDich"),
        Content::Visit => ("Lskcb2025", Some("dsLichSuKCB2025"), "maHoSo"),
        _ => return String::new(),
    };
    let first = FUNCTIONS.iter().find(|function| function.name == name).expect("it is one of them");
    let request = request(first, &CLIENTS[0], session, case, "").expect("as documented");
    let answer = connection.exchange(&CLIENTS[0].style, &request).await;
    let reply: serde_json::Value = serde_json::from_slice(&answer.body).expect("a reply");
    let of = match list {
        None => &reply,
        // Not everybody was ill: then a number that nobody has.
        Some(list) => &reply[list][0],
    };
    of[member].as_str().unwrap_or("1").to_owned()
}

/// People in order, each of them once.
fn people() -> impl Iterator<Item = InsuredPerson> {
    let ids = (0..).map(|serial: u32| format!("0011{:02}{:06}", serial % 60 + 30, serial * 7 + 1));
    let known = ids.filter_map(|id| NationalId::parse(&id).ok()).map(|id| person_of(&id));
    known.filter(|person| person.code == "000")
}

fn today() -> String {
    vietnam(System::real().now()).strftime("%d/%m/%Y").to_string()
}

/// Every function answers a right call with one of these; those that the portal has retired answer no code.
pub(crate) fn assert_it_says_something(cells: &[Cell]) {
    for function in FUNCTIONS {
        let of_function = || cells.iter().filter(|cell| cell.function == function.name);
        let documented = of_function().find(|cell| cell.client == AS_DOCUMENTED).expect("every function is called");
        let retired = function.path.contains("595") || function.path.contains("2018") || function.path.contains("2019");
        let wanted = if retired { &["none"][..] } else { &["000", "200", "1"] };
        assert!(
            wanted.contains(&documented.code.as_str()) || documented.code == "204" && function.name == "TraCuuTienMCCT",
            "{} answers a right call with {}",
            function.name,
            documented.code
        );
        let codes: std::collections::BTreeSet<&str> = of_function().map(|cell| cell.code.as_str()).collect();
        assert!(retired || codes.len() > 2, "{} was never refused: {codes:?}", function.name);
    }
}

/// What is wrong with the matrix: differences that nobody allowed, and allowed ones that do not occur.
pub(crate) fn complaints(cells: &[Cell], allowed: &[Allowed]) -> Vec<String> {
    let mut complaints = Vec::new();
    for cell in cells {
        let own = own_differences(cell, allowed);
        for difference in &cell.differences {
            let is_allowed = allowed.iter().any(|row| row.covers(cell) && row.means(difference));
            if !is_allowed && own.contains(&difference.as_str()) {
                complaints.push(format!("{} × {}: {difference}", cell.client, cell.function));
            }
        }
    }
    for row in allowed {
        let covered: Vec<&Cell> = cells.iter().filter(|cell| row.covers(cell)).collect();
        if covered.is_empty() {
            complaints.push(format!("allowed, but no such cell: {} ({})", row.difference, row.reason));
        }
        if !row.always && covered.iter().any(|cell| cell.differences.iter().any(|one| row.means(one))) {
            continue;
        }
        for cell in covered.iter().filter(|cell| !cell.differences.iter().any(|one| row.means(one))) {
            let (client, function) = (cell.client, cell.function);
            complaints.push(format!("allowed, but does not occur: {client} × {function}: {}", row.difference));
        }
    }
    complaints
}

impl Allowed {
    /// Whether it befalls every call there is.
    fn is_everywhere(&self) -> bool {
        self.clients.is_empty() && self.functions.is_empty()
    }

    /// A row that ends in `…` means whatever begins so.
    fn means(&self, difference: &str) -> bool {
        match self.difference.strip_suffix('…') {
            Some(beginning) => difference.starts_with(beginning),
            None => difference == self.difference,
        }
    }

    fn covers(&self, cell: &Cell) -> bool {
        let names = |list: &[&str], name: &str| list.is_empty() || list.contains(&name);
        names(self.clients, cell.client) && names(self.functions, cell.function)
    }
}

/// The matrix as a person reads it: a row a client, a column a function, and below it what the letters mean.
pub(crate) fn shown(cells: &[Cell], allowed: &[Allowed]) -> String {
    let mut notes: BTreeMap<String, usize> = BTreeMap::new();
    let mut text = String::from("Functions:\n");
    for (number, function) in FUNCTIONS.iter().enumerate() {
        text.push_str(&format!("  {:>2} {}\n", number + 1, function.name));
    }
    let width = CLIENTS.iter().chain(TROUBLES).map(|way| way.name.chars().count()).max().unwrap_or_default();
    let columns: String = (1..=FUNCTIONS.len()).map(|number| format!("{number:>4}")).collect();
    text.push_str(&format!("\n{:width$} {columns}\n", "Client (= same, · no such call)"));
    let clients = CLIENTS.iter().map(|way| way.name).chain([programs::PYTHON, programs::CURL]);
    for client in clients.chain(TROUBLES.iter().map(|way| way.name)) {
        text.push_str(&format!("{client:width$} "));
        for function in FUNCTIONS {
            let cell = cells.iter().find(|cell| cell.client == client && cell.function == function.name);
            let sign = match cell.map(|cell| (cell, own_differences(cell, allowed))) {
                None => "·".to_owned(),
                Some((_, own)) if own.is_empty() => "=".to_owned(),
                Some((cell, own)) => {
                    let row = |what: &&str| allowed.iter().find(|row| row.covers(cell) && row.means(what));
                    let why: Vec<_> =
                        own.iter().map(|what| row(what).map_or("NOT ALLOWED", |row| row.reason)).collect();
                    let next = notes.len() + 1;
                    let note = format!("differs: {}\n   {}\n", own.join("; "), unique(why).join(" "));
                    notes.entry(note).or_insert(next).to_string()
                }
            };
            text.push_str(&format!("{sign:>4}"));
        }
        text.push('\n');
    }
    for row in allowed.iter().filter(|row| row.is_everywhere()) {
        text.push_str(&format!("\nEverywhere: differs: {}\n   {}\n", row.difference, row.reason));
    }
    let mut notes: Vec<_> = notes.into_iter().collect();
    notes.sort_by_key(|(_, number)| *number);
    for (note, number) in notes {
        text.push_str(&format!("\n{number}: {note}"));
    }
    let differing = cells.iter().filter(|cell| !own_differences(cell, allowed).is_empty()).count();
    text + &format!("\n{} calls, {} the same, {differing} different\n", cells.len(), cells.len() - differing)
}

/// The differences of a cell beside those that befall every call.
fn own_differences<'a>(cell: &'a Cell, allowed: &[Allowed]) -> Vec<&'a str> {
    let everywhere = |what: &str| {
        let first = what.strip_prefix("again: ").unwrap_or(what);
        allowed.iter().any(|row| row.is_everywhere() && row.means(first))
    };
    cell.differences.iter().map(String::as_str).filter(|what| !everywhere(what)).collect()
}

fn unique(texts: Vec<&str>) -> Vec<&str> {
    let mut seen = Vec::new();
    for text in texts {
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen
}
