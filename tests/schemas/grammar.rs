//! The checker on schemas made by chance: content models, patterns and facets that the portal's schemas do not have,
//! against libxml2.

use lienthong::document::schema::Schema;

use crate::differential::LIMITS;
use crate::generate::escape;
use crate::random::Random;
use crate::xmllint;

/// With the seeds these take 6 seconds; on larger models libxml2 itself may take minutes.
const MODELS: u64 = 300;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// A particle with its bounds.
struct Particle {
    kind: Kind,
    min: usize,
    max: Option<usize>,
}

enum Kind {
    Element(&'static str),
    Sequence(Vec<Particle>),
    Choice(Vec<Particle>),
}

// === impl Particle ===

impl Particle {
    fn random(random: &mut Random, depth: usize, names: &mut Vec<&'static str>) -> Self {
        let kind = if depth == 0 || random.one_in(2) {
            // Names that stand once make most models unambiguous.
            let fresh = if names.is_empty() || random.one_in(8) { random.pick(&NAMES) } else { names.remove(0) };
            Kind::Element(fresh)
        } else {
            let parts = (0..1 + random.below(3)).map(|_| Self::random(random, depth - 1, names)).collect();
            if random.one_in(2) { Kind::Sequence(parts) } else { Kind::Choice(parts) }
        };
        // libxml2 miscounts groups with other bounds when they may be empty: it takes `a b a` for two rounds of `a*|b*`.
        const PLAIN: [(usize, Option<usize>); 5] = [(1, Some(1)), (1, Some(1)), (0, Some(1)), (0, None), (1, None)];
        const COUNTED: [(usize, Option<usize>); 3] = [(2, Some(3)), (0, Some(2)), (3, None)];
        let counted = matches!(kind, Kind::Element(_)) && random.one_in(4);
        let (min, max) = random.pick(if counted { &COUNTED[..] } else { &PLAIN });
        Self { kind, min, max }
    }

    fn to_xsd(&self) -> String {
        let max = self.max.map_or("unbounded".to_owned(), |max| max.to_string());
        let occurs = format!("minOccurs=\"{}\" maxOccurs=\"{max}\"", self.min);
        let all = |parts: &[Self]| parts.iter().map(Self::to_xsd).collect::<String>();
        match &self.kind {
            Kind::Element(name) => format!("<xs:element name=\"{name}\" type=\"xs:string\" {occurs}/>"),
            Kind::Sequence(parts) => format!("<xs:sequence {occurs}>{}</xs:sequence>", all(parts)),
            Kind::Choice(parts) => format!("<xs:choice {occurs}>{}</xs:choice>", all(parts)),
        }
    }

    /// Names the particle allows, by one way through it.
    fn derive(&self, random: &mut Random, into: &mut Vec<&'static str>) {
        let most = self.max.unwrap_or(self.min + 3);
        for _ in 0..self.min + random.below(most - self.min + 1) {
            match &self.kind {
                Kind::Element(name) => into.push(name),
                Kind::Sequence(parts) => parts.iter().for_each(|part| part.derive(random, into)),
                Kind::Choice(parts) => parts[random.below(parts.len())].derive(random, into),
            }
        }
    }
}

fn schema(inside: &str) -> String {
    format!(
        "<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"><xs:element name=\"r\">{inside}</xs:element></xs:schema>"
    )
}

enum Outcome {
    RefusedByBoth,
    RefusedHere,
    RefusedThere,
    /// Documents, and how many of them valid.
    Agreed(usize, usize),
}

fn compare(xsd: &str, documents: &[String]) -> Outcome {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), xsd).unwrap();
    let compiled = Schema::compile(xsd);
    let theirs = xmllint::verdicts_if_accepted(file.path(), documents);
    let compiled = match (compiled, &theirs) {
        (Ok(compiled), Some(_)) => compiled,
        (Err(_), None) => return Outcome::RefusedByBoth,
        // libxml2 overlooks many ambiguities, such as `a? a+ (a?)+`; the standard has no such exception.
        (Err(error), Some(_)) if error.what.contains("Unique Particle Attribution") => return Outcome::RefusedHere,
        (Err(error), Some(_)) => panic!("{error}\n{xsd}"),
        // And sees one in `(a?)+` repeated, where a single declaration claims every `a`.
        (Ok(_), None) => return Outcome::RefusedThere,
    };
    let theirs = theirs.unwrap_or_default();
    for (document, &theirs) in documents.iter().zip(&theirs) {
        let faults = compiled.check(document.as_bytes(), LIMITS).unwrap().list;
        assert_eq!(faults.is_empty(), theirs, "{document}\n{faults:?}\n{xsd}");
    }
    Outcome::Agreed(documents.len(), theirs.iter().filter(|valid| **valid).count())
}

#[test]
fn content_models_made_by_chance_are_judged_as_by_libxml2() {
    let (mut refused, mut here, mut there, mut cases, mut valid) = (0, 0, 0, 0, 0);
    for seed in 0..MODELS {
        let mut random = Random::new(seed);
        let parts = (0..1 + random.below(3)).map(|_| Particle::random(&mut random, 2, &mut NAMES.to_vec())).collect();
        let model = Particle { kind: Kind::Sequence(parts), min: 1, max: Some(1) };
        let documents: Vec<String> = (0..60)
            .map(|_| {
                let mut names = Vec::new();
                model.derive(&mut random, &mut names);
                names.truncate(12);
                match random.below(4) {
                    0 => names.insert(random.below(names.len() + 1), random.pick(&NAMES)),
                    1 if !names.is_empty() => drop(names.remove(random.below(names.len()))),
                    2 if names.len() > 1 => names.swap(0, 1),
                    _ => {}
                }
                format!("<r>{}</r>", names.iter().map(|name| format!("<{name}/>")).collect::<String>())
            })
            .collect();
        match compare(&schema(&format!("<xs:complexType>{}</xs:complexType>", model.to_xsd())), &documents) {
            Outcome::RefusedByBoth => refused += 1,
            Outcome::RefusedHere => here += 1,
            Outcome::RefusedThere => there += 1,
            Outcome::Agreed(count, right) => {
                cases += count;
                valid += right;
            }
        }
    }
    println!("{MODELS} models: {refused} refused by both, {here} here only, {there} there only (ambiguity)");
    println!("{cases} documents ({valid} valid), the same verdict on all");
    assert!(there * 10 < MODELS, "{there}");
    assert!(cases > 5_000 && valid > 1_000);
}

#[test]
fn facets_are_judged_as_by_libxml2() {
    const PATTERNS: &[&str] = &[
        "[0-9]+",
        "[0-9]{2,3}|x",
        "(ab|c)*d?",
        "[^a-c]+",
        "a.c",
        "\\S+( \\S+)*",
        "[a-z\\-]{1,3}",
        "[+\\-]?[0-9]+(\\.[0-9]*)?",
        "(a|b){2}",
        "((a?b)+c){1,2}",
        "x{0}y",
        "[\\s]*",
        "\\[\\]\\\\",
        "(0[1-9]|1[0-2])/[0-9]{4}",
        "[à-ỹÀ-Ỹ]+",
        "a{2,}",
    ];
    const FACETS: &[(&str, &str)] = &[
        ("string", "<xs:maxLength value=\"3\"/>"),
        ("string", "<xs:length value=\"2\"/>"),
        ("string", "<xs:minLength value=\"2\"/><xs:maxLength value=\"4\"/>"),
        ("string", "<xs:enumeration value=\"a\"/><xs:enumeration value=\"\"/><xs:enumeration value=\"x y\"/>"),
        ("token", "<xs:enumeration value=\"a\"/><xs:enumeration value=\"x y\"/>"),
        ("token", "<xs:maxLength value=\"3\"/>"),
        ("normalizedString", "<xs:pattern value=\"a b\"/>"),
        ("decimal", "<xs:totalDigits value=\"4\"/><xs:fractionDigits value=\"2\"/>"),
        ("decimal", "<xs:fractionDigits value=\"1\"/>"),
        ("integer", "<xs:totalDigits value=\"3\"/>"),
        ("integer", ""),
        ("string", "<xs:whiteSpace value=\"collapse\"/><xs:minLength value=\"1\"/>"),
    ];
    const PIECES: &[&str] = &[
        "a",
        "b",
        "c",
        "ab",
        "x",
        "y",
        "1",
        "12",
        "0",
        "00",
        ".",
        "-",
        "+",
        " ",
        "\n",
        "ế",
        "Đà",
        "05/2026",
        "[]\\",
        "12.5",
        "100",
        "1e1",
        "d",
        "&#9;",
        "&amp;",
        "\u{1F600}",
    ];
    let mut random = Random::new(1);
    let patterns = PATTERNS.iter().map(|pattern| ("string", format!("<xs:pattern value=\"{}\"/>", escape(pattern))));
    let facets = FACETS.iter().map(|(base, facets)| (*base, (*facets).to_owned()));
    let mut cases = 0;
    for (base, facets) in patterns.chain(facets) {
        let documents: Vec<String> = (0..150)
            .map(|_| {
                let value: String = (0..random.below(5)).map(|_| random.pick(PIECES)).collect();
                format!("<r>{value}</r>")
            })
            .collect();
        let restriction = format!("<xs:restriction base=\"xs:{base}\">{facets}</xs:restriction>");
        let outcome = compare(&schema(&format!("<xs:simpleType>{restriction}</xs:simpleType>")), &documents);
        let Outcome::Agreed(count, _) = outcome else { panic!("{facets} is refused") };
        cases += count;
    }
    println!("{cases} values, the same verdict on all");
}
