//! Schemas and code lists over the API, from the binary and from a folder.

use bytes::Bytes;
use http::Method;
use serde_json::Value;

use crate::support::{Options, Reply, TestGateway};

async fn get_if_changed(gateway: &TestGateway, path: &str, tag: &str) -> Reply {
    gateway.send(Method::GET, path, &[("if-none-match", tag)], Bytes::new()).await
}

/// The answer, which is whole, has a tag, and is not sent twice.
async fn tagged(gateway: &TestGateway, path: &str) -> Reply {
    let reply = gateway.get(path).await.expect(200);
    assert_eq!(reply.header("cache-control"), "private, no-cache", "{path}");
    let tag = reply.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.len() > 10, "{path}: {tag}");
    let again = get_if_changed(gateway, path, &tag).await.expect(304);
    assert_eq!((again.header("etag"), again.body.len()), (tag.as_str(), 0), "{path}");
    get_if_changed(gateway, path, "\"other\"").await.expect(200);
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_listed_and_given_as_they_are() {
    let gateway = TestGateway::start().await;
    let list = tagged(&gateway, "/v1/schemas").await.json();
    let schemas = list["data"].as_array().unwrap();
    assert!(schemas.len() > 50);
    for schema in schemas {
        let (part, version) = (schema["part"].as_str().unwrap(), schema["version"].as_str().unwrap());
        assert!(schema["fields"].as_u64().unwrap() > 3 && schema["source"] == "embedded", "{schema}");
        let xsd = gateway.get(&format!("/v1/schemas/{part}?version={version}")).await.expect(200);
        assert_eq!(xsd.header("schema-version"), version);
        assert!(xsd.body.starts_with(b"<?xml"), "{part}");
    }
    let used = |part: &str| {
        let used = |schema: &&Value| schema["part"] == part && schema["usedToday"] == true;
        let used: Vec<&Value> = schemas.iter().filter(used).collect();
        assert_eq!(used.len(), 1, "{part}: {used:?}");
        used[0]["version"].as_str().unwrap().to_owned()
    };
    let xsd = tagged(&gateway, "/v1/schemas/XML1").await;
    assert_eq!(xsd.header("content-type"), "application/xml");
    assert_eq!(xsd.header("schema-version"), used("XML1"));
    assert_eq!(gateway.get("/v1/schemas/XML1?version=9").await.expect(404).json()["code"], "request.no_such_schema");
    assert_eq!(gateway.get("/v1/schemas?version=130").await.expect(400).json()["code"], "request.invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn code_lists_tell_their_source_and_days() {
    let gateway = TestGateway::start().await;
    let lists = tagged(&gateway, "/v1/reference").await.json();
    assert!(lists["data"].as_array().unwrap().len() > 30);
    for facts in lists["data"].as_array().unwrap() {
        let name = facts["name"].as_str().unwrap();
        let list = gateway.get(&format!("/v1/reference/{name}")).await.expect(200).json();
        assert_eq!(list["data"].as_array().unwrap().len() as u64, facts["rows"].as_u64().unwrap(), "{name}");
        assert!(facts["source"].as_str().is_some_and(|source| !source.is_empty()), "{name}");
    }
    let provinces = tagged(&gateway, "/v1/reference/provinces-63").await.json();
    assert_eq!((&provinces["validTo"], &provinces["codeColumn"]), (&"2025-06-30".into(), &"code".into()));
    assert_eq!(provinces["data"][0]["name_vi"], "Thành phố Hà Nội");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_folder_brings_is_given_and_checked_against() {
    let mut gateway = TestGateway::start().await;
    let before = gateway.get("/v1/reference/ma-pttt").await.expect(200).header("etag").to_owned();
    let xsd = String::from_utf8(gateway.get("/v1/schemas/XML0?version=3176").await.expect(200).body.to_vec()).unwrap();
    let changed = xsd.replace("name=\"HO_TEN\"", "name=\"HOTEN\"");
    assert_ne!(changed, xsd);
    gateway.write("schemas/versions.csv", "family,version,valid_from,based_on\nclaim,5000,2020-01-01,3176\n");
    gateway.write("schemas/checkin/5000/XML0.xsd", &changed);
    gateway.write("schemas/code-lists/ma-pttt.csv", "code,meaning_vi\n9,Mới\n");
    let documents = "schemas = \"schemas\"\nversions.claim = \"5000\"\n";
    gateway.switch(Options { documents, ..Options::default() });
    gateway.restart().await;

    let given = gateway.get("/v1/schemas/XML0").await.expect(200);
    assert_eq!((given.header("schema-version"), &*given.body), ("5000", changed.as_bytes()));
    // What the new version says nothing about is as in the one it is based on.
    assert_eq!(gateway.get("/v1/schemas/XML1").await.expect(200).header("schema-version"), "3176");
    let list = get_if_changed(&gateway, "/v1/reference/ma-pttt", &before).await.expect(200).json();
    assert_eq!(list["data"], serde_json::json!([{"code": "9", "meaning_vi": "Mới"}]));
}
