#!/usr/bin/env bash
# The demo as a stranger meets it, spoken to by other people's programs: curl for HTTPS, openssl for the certificate.
# A short load at the end shows that it stays up; no time is asserted.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
pid=
cleanup() {
    [ -n "$pid" ] && kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    rm -rf "$folder"
}
trap cleanup EXIT
fail() { echo "smoke: $*" >&2; sed 's/^/  log: /' "$folder/log" >&2; exit 1; }

cargo build --locked --quiet --bin lienthong
target=$(cargo metadata --format-version 1 --no-deps --locked | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
mkfifo "$folder/ready"
"$target/debug/lienthong" --json demo >"$folder/ready" 2>"$folder/log" &
pid=$!
read -r -t 120 line <"$folder/ready" || fail "the demo said nothing"
field() { printf '%s' "$line" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
api=$(field api) admin=$(field admin) ca=$(field ca) portal=$(field portal)
printf 'Authorization: Bearer %s\n' "$(field key)" >"$folder/key.header"
[ -n "$api" ] && [ -n "$ca" ] && [ -n "$portal" ] || fail "the demo's line lacks fields: $line"

ask() { # path, body
    curl --silent --show-error --fail-with-body --max-time 30 --cacert "$ca" -H "@$folder/key.header" \
        -H 'Content-Type: application/json' -H 'Facility-Id: 01999' -d "$2" "$api$1"
}
person='{"maThe":"000080000000","hoTen":"Nguyễn Văn Thử","ngaySinh":"01/01/1980"}'

ask /v1/card-lookups "$person" | grep -q '"hop_le"' || fail "a good card is not good"
curl --silent --fail --max-time 30 "$admin/readyz" | grep -q '"ready":true' || fail "not ready"
curl --silent --fail --max-time 30 "$admin/metrics" | grep -q '^lienthong_lookup_answers_total' || fail "no metrics"

# A system written for the portal: another base URL, user and password, and the portal's own words.
facade=$(field facade) user=$(field facadeUser) md5=$(field facadePasswordMd5)
session=$(curl --silent --fail --max-time 30 -d "username=$user" -d "password=$md5" "$facade/api/token/take")
of_session() { printf '%s' "$session" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
curl --silent --fail --max-time 30 -H 'Content-Type: application/json' -d "$person" \
    --url-query "token=$(of_session access_token)" --url-query "id_token=$(of_session id_token)" \
    --url-query "username=$user" --url-query "password=$md5" "$facade/api/egw/KQNhanLichSuKCB2024" |
    grep -q '^{"maKetQua":"000","ghiChu":' || fail "the façade does not answer as the portal does"

# The certificate is ECDSA on P-256, and openssl trusts it by the demo's own authority.
openssl s_client -connect "${api#https://}" -CAfile "$ca" -verify_return_error </dev/null >"$folder/tls" 2>&1 ||
    fail "openssl does not trust the certificate"
grep -q 'Verify return code: 0' "$folder/tls" || fail "openssl does not trust the certificate"
openssl x509 -in "$folder/tls" -noout -text | grep -q 'prime256v1' || fail "the certificate is not on P-256"

# Without the authority nobody is fooled, and without a key nobody is let in.
curl --silent --max-time 30 "$api/v1/documents" >/dev/null 2>&1 && fail "curl trusted an unknown authority"
status=$(curl --silent --max-time 30 --cacert "$ca" -o /dev/null -w '%{http_code}' "$api/v1/documents")
[ "$status" = 401 ] || fail "without a key: $status"

# A little load over many connections at once: all are answered, and the gateway is there afterwards.
for _ in $(seq 8); do
    (for _ in $(seq 25); do ask /v1/card-lookups "$person" >/dev/null || exit 1; done) &
    loads="${loads:-} $!"
done
for load in $loads; do wait "$load" || fail "a lookup under load failed"; done
curl --silent --fail --max-time 30 "$admin/livez" >/dev/null || fail "not alive after the load"

kill "$pid"
wait "$pid" || fail "the demo did not end well"
pid=
[ ! -e "$(dirname "$ca")" ] || fail "the demo left $(dirname "$ca") behind"
echo "smoke: the demo answered curl and openssl, 200 lookups under load, and ended well"
