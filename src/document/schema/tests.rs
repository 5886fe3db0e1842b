//! The checker on small schemas: one mistake, one fault; what is unknown is refused; attacks are survived.

use super::*;

const LIMITS: xml::Limits = xml::Limits { depth_max: 64, attributes_max: 32 };

fn schema(inside: &str) -> Result<Schema, SchemaError> {
    Schema::compile(&format!("<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\">{inside}</xs:schema>"))
}

const RECORD: &str = r#"
    <xs:element name="L"><xs:complexType><xs:sequence>
      <xs:element name="R" maxOccurs="unbounded"><xs:complexType><xs:sequence>
        <xs:element name="A" type="code"/>
        <xs:element name="B" type="xs:string"/>
        <xs:element name="C" type="short" minOccurs="0"/>
        <xs:element name="D" type="xs:string"/>
        <xs:element name="E" type="xs:string"/>
      </xs:sequence></xs:complexType></xs:element>
    </xs:sequence></xs:complexType></xs:element>
    <xs:simpleType name="code"><xs:restriction base="xs:string">
      <xs:enumeration value="1"/><xs:enumeration value="2"/></xs:restriction></xs:simpleType>
    <xs:simpleType name="short"><xs:restriction base="xs:string"><xs:maxLength value="3"/></xs:restriction></xs:simpleType>
"#;

fn found(document: &str) -> Vec<(&'static str, String, u32)> {
    let faults = schema(RECORD).unwrap().check(document.as_bytes(), LIMITS).unwrap();
    faults.list.into_iter().map(|fault| (fault.code.name(), fault.xpath, fault.row)).collect()
}

fn one(code: &'static str, xpath: &str, row: u32) -> Vec<(&'static str, String, u32)> {
    vec![(code, xpath.to_owned(), row)]
}

#[test]
fn one_mistake_is_one_fault() {
    let row = "<R><A>1</A><B/><C/><D/><E/></R>";
    let list = |second: &str| format!("<L>{row}{second}{row}</L>");
    assert_eq!(found(&list(row)), []);
    assert_eq!(found(&list("<R><A>1</A><C/><D/><E/></R>")), one("XSD_MISSING_ELEMENT", "/L/R[2]/B", 2));
    assert_eq!(found(&list("<R><A>1</A><B/><C/><D/></R>")), one("XSD_MISSING_ELEMENT", "/L/R[2]/E", 2));
    assert_eq!(found(&list("<R><A>1</A><B/><X><B/></X><D/><E/></R>")), one("XSD_UNEXPECTED_ELEMENT", "/L/R[2]/X", 2));
    assert_eq!(found(&list("<R><A>1</A><B/><B/><D/><E/></R>")), one("XSD_REPEATED_ELEMENT", "/L/R[2]/B[2]", 2));
    assert_eq!(found(&list("<R><A>1</A><C/><B/><D/><E/></R>")), one("XSD_ELEMENT_ORDER", "/L/R[2]/C", 2));
    assert_eq!(found(&list("<R><E/><A>1</A><B/><C/><D/></R>")), one("XSD_ELEMENT_ORDER", "/L/R[2]/E", 2));
    assert_eq!(found(&list("<R><B/><C/><D/><E/><A>1</A></R>")), one("XSD_ELEMENT_ORDER", "/L/R[2]/A", 2));
    assert_eq!(found(&list("<R><A>1</A><B/><D/><C/><E/></R>")), one("XSD_ELEMENT_ORDER", "/L/R[2]/D", 2));
    assert_eq!(found(&list("<R><E/><B/><C/><D/><A>1</A></R>")).len(), 2);
    assert_eq!(found(&list("<R><A>1</A><B/><C>1234</C><D/><E/></R>")), one("XSD_TOO_LONG", "/L/R[2]/C", 2));
    assert_eq!(found(&list("<R><A>9</A><B/><D/><E/></R>")), one("XSD_ENUMERATION", "/L/R[2]/A", 2));
    assert_eq!(found(&list("<R><A/><B/><D/><E/></R>")), one("XSD_EMPTY", "/L/R[2]/A", 2));
    assert_eq!(found(&list("<R><A>1</A><B><i/><i/></B><D/><E/></R>")), one("XSD_NESTED_ELEMENT", "/L/R[2]/B", 2));
    assert_eq!(found(&list("<R>x<A>1</A>y<B/><D/><E/></R>")), one("XSD_STRAY_TEXT", "/L/R[2]", 2));
    assert_eq!(found(&list("<R a='1'><A>1</A><B/><D/><E/></R>")), one("XSD_UNEXPECTED_ATTRIBUTE", "/L/R[2]", 2));
    assert_eq!(found("<M/>"), one("XSD_WRONG_ROOT", "/M", 0));
    assert_eq!(found("<L xmlns='a'/>"), one("XSD_WRONG_ROOT", "/L", 0));
    assert_eq!(found("<L/>"), one("XSD_MISSING_ELEMENT", "/L/R", 0));
}

#[test]
fn values_are_not_shown_but_for_short_codes() {
    let faults = |value: &str| {
        let document = format!("<L><R><A>{value}</A><B/><C>{value}{value}</C><D/><E/></R></L>");
        schema(RECORD).unwrap().check(document.as_bytes(), LIMITS).unwrap().list
    };
    let shown = |value: &str| faults(value).into_iter().map(|fault| fault.value).collect::<Vec<_>>();
    assert_eq!(shown("99"), ["99", ""]);
    assert_eq!(shown("Nguyễn Thị Ví Dụ"), ["", ""]);
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    for (inside, construct) in [
        ("<xs:import/>", "xs:import"),
        ("<xs:element name='a'/>", "xs:element"),
        ("<xs:element name='a' type='xs:date'/>", "xs:element"),
        ("<xs:element name='a' type='xs:string' default='x'/>", "xs:element"),
        ("<xs:element name='a'><xs:complexType><xs:all/></xs:complexType></xs:element>", "xs:all"),
        ("<xs:element name='a'><xs:complexType><xs:simpleContent/></xs:complexType></xs:element>", "xs:simpleContent"),
        ("<xs:element name='a'><xs:simpleType><xs:union memberTypes='b'/></xs:simpleType></xs:element>", "xs:union"),
        (
            "<xs:element name='a'><xs:simpleType><xs:restriction base='xs:string'><xs:pattern value='\\d'/>\
             </xs:restriction></xs:simpleType></xs:element>",
            "xs:restriction",
        ),
        (
            "<xs:element name='a'><xs:complexType><xs:sequence><xs:element name='b' type='xs:string' minOccurs='0'/>\
             <xs:element name='b' type='xs:string'/></xs:sequence></xs:complexType></xs:element>",
            "xs:complexType",
        ),
        ("<xs:complexType name='a'><xs:sequence><xs:any/></xs:sequence></xs:complexType>", "xs:schema"),
    ] {
        assert_eq!(schema(inside).unwrap_err().construct, construct, "{inside}");
    }
}

#[test]
fn every_embedded_schema_compiles() {
    let library = Library::embedded();
    let mut count = 0;
    for entry in library.entries() {
        let compiled = entry.schema();
        assert!(compiled.is_ok(), "{} {}: {}", entry.part(), entry.version(), compiled.unwrap_err());
        count += 1;
    }
    assert!(count > 50, "{count}");
}

#[test]
fn versions_follow_the_days() {
    let library = Library::embedded();
    for (day, version) in [(20231001, "130"), (20240701, "4750"), (20241231, "4750"), (20250101, "3176")] {
        assert_eq!(library.version_on("XML1", day), Some(version));
    }
    assert_eq!(library.version_on("XML1", 20260701), Some("1931"));
    // What a version says nothing about is as in the one it is based on.
    assert!(library.schema("XML1", "1931").is_some());
    assert!(library.schema("XML13", "130").is_none());
    assert_eq!(library.version_on("GIAYBAOTU", 20240101), Some("2025"));
    assert_eq!(library.version_on("nothing", 20260701), None);
}

#[test]
fn a_fixed_version_holds_whatever_the_day() {
    let mut library = Library::embedded();
    assert_eq!(library.version_for("XML1", 20260701), Some("1931"));
    library.fix_version("claim", "3176").unwrap();
    library.fix_version("claim", "4750").unwrap();
    assert_eq!(library.version_for("XML1", 20260701), Some("4750"));
    assert_eq!(library.version_on("XML1", 20260701), Some("1931"));
    assert_eq!(library.version_for("GIAYBAOTU", 20260701), Some("2025"));
    let families = ["birth", "claim", "death", "driver", "voucher"].map(str::to_owned).to_vec();
    assert_eq!(library.fix_version("clam", "3176"), Err(library::Unknown::Family(families)));
    let versions = ["130", "4750", "3176", "1931"].map(str::to_owned).to_vec();
    assert_eq!(library.fix_version("claim", "9"), Err(library::Unknown::Version(versions)));
}

#[test]
fn an_attack_by_many_faults_is_counted_and_not_listed() {
    let library = Library::embedded();
    let schema = library.schema("XML3", "3176").unwrap().unwrap();
    let rows = "<CHI_TIET_DVKT/>".repeat(50_000);
    let list = format!("<DSACH_CHI_TIET_DVKT>{rows}</DSACH_CHI_TIET_DVKT>");
    let document = format!("<CHITIEU_CHITIET_DVKT_VTYT>{list}</CHITIEU_CHITIET_DVKT_VTYT>");
    let faults = schema.check(document.as_bytes(), LIMITS).unwrap();
    assert_eq!(faults.list.len(), 1_000);
    assert!(faults.more > 50_000, "{}", faults.more);
}

#[test]
fn every_cut_of_a_document_is_survived() {
    let library = Library::embedded();
    let schema = library.schema("XML0", "3176").unwrap().unwrap();
    let document = include_str!("../../../schemas/checkin/sample.xml");
    for (at, _) in document.char_indices() {
        let (front, back) = document.split_at(at);
        for mutant in [front.to_owned(), back.to_owned(), format!("{front}<A>{back}"), format!("{front}{back}{back}")] {
            // Ill-formed nearly always; what counts is that nothing panics on the way.
            let _judged = schema.check(mutant.as_bytes(), LIMITS);
        }
    }
}
