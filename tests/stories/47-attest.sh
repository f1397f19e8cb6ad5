#!/bin/bash
# What no host can show: an identity made in CI without a daemon, by a user who is not root, attests for controls of every
# theme; it is logged, proved, shown and found again by whoever wants to verify it; nothing of it changes what hosts say.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

collector_new
collector_start
enrol host
small_policy
small_rounds host 1
ship host
hosts_before=$(api /api/v1/hosts | jq -c '[.hosts[].id]')
controls_before=$(api /api/v1/controls | jq -c .)

# as_ci COMMAND...: as a user who owns nothing but the folder.
ci=$work/ci
mkdir "$ci"
chmod 711 "$work"
if ((EUID == 0)); then
	chown nobody "$ci"
	as_ci() {
		setpriv --reuid nobody --regid nogroup --clear-groups env HOME="$ci" "$@"
	}
else
	as_ci() {
		"$@"
	}
fi
token() {
	vouch-collector token add "$collector"
}
# attest STATE ARGUMENT...: what it prints; the exit status is its own.
attest() {
	as_ci vouch attest --state "$1" "${@:2}"
}
# page PATH: the HTML.
page() {
	api "$1" >"$work/page.html"
}

# --- an identity
as_ci vouch enrol "$url" --attester --name ci-main --token "$(token)" --ca-fingerprint "$fingerprint" \
	--state "$ci/state" >>"$work/enrol.log" 2>&1
refused "an attester without a folder of its own" "folder of its own" \
	as_ci env -u VOUCH_STATE vouch enrol "$url" --attester --token t --ca-fingerprint "$fingerprint"
check "its enrolment says what it is for" jq -e '.payload | @base64d | fromjson |
	.predicate | .type == "enrolment" and .purpose == "attestation"' <(
	api "/api/v1/statements/$(all_statements | jq -rs '[.[] | select(.type == "enrolment")] | .[0].digest')")
refused "vouchd does not look under it" "looks at nothing" as_ci vouchd --state "$ci/state" --config "$work/small-config.yaml" --once

# --- for every theme
echo '{"version":"2.1.0","runs":[]}' >"$work/report.sarif"
chmod 644 "$work/report.sarif"
hostile='<script>alert(1)</script> & "two" findings'
attest "$ci/state" --control 8.28 --file "$work/report.sarif" --include --valid 90d --note "$hostile" >"$work/attested.log"
digest=$(head -n 1 "$work/attested.log")
check "it is in the log when the command ends" grep -qE '^in the log .*, index [0-9]+, receipt verified$' "$work/attested.log"
check "for an organisational control, by a digest alone" attest "$ci/state" --control A.5.9 --file "$work/report.sarif" \
	--valid 30d --note "Inventory reviewed" --author '<b>Ada</b>'
check "for people, by a note alone" attest "$ci/state" --control 6.3 --valid 52w --note "All 12 were trained"
check "for buildings" attest "$ci/state" --control 7.4 --control 7.2 --valid 1d --note "Walked round"

page /controls/A.8.28
check "the page shows it as text" grep -qF '&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;two&quot; findings' "$work/page.html"
check "and never as markup" bash -c "! grep -qiE '<script|<b>' '$work/page.html'"
check "with who sent it" grep -qF 'ci-main' "$work/page.html"
page /controls/A.5.9
check "an organisational control has a page" grep -qF 'Inventory of information' "$work/page.html"
check "the author is text" grep -qF '&lt;b&gt;Ada&lt;/b&gt;' "$work/page.html"
check "a file that is not here cannot be downloaded" grep -qF 'not kept here' "$work/page.html"
page /controls/A.6.3
check "people have one" grep -qF 'All 12 were trained' "$work/page.html"
page /controls/A.7.2
check "buildings have one" grep -qF 'Walked round' "$work/page.html"
page /controls/A.5.1
check "and a control of which nobody said anything" grep -qF 'There is none for this control' "$work/page.html"
page /controls
equal "all 93 are listed" 93 "$(grep -oE 'href="/controls/A\.[5-8]\.[0-9]+"' "$work/page.html" | sort -u | wc -l)"
check "and the identity, apart" grep -qF 'ci-main' "$work/page.html"
page /
check "the overview leads there, and counts five" grep -qE 'of all 93 controls, 5 have a valid one' "$work/page.html"

curl -sS --max-time 60 --cacert "$collector/ca.crt" -H "Authorization: Bearer $reader" -D "$work/headers" \
	-o "$work/downloaded" "$reader_url/attestations/$digest/file"
check "the file comes back" cmp "$work/downloaded" "$work/report.sarif"
for header in 'Content-Disposition: attachment; filename="report.sarif"' 'Content-Type: application/octet-stream' \
	'X-Content-Type-Options: nosniff'; do
	check "${header%%:*}" grep -qF "$header" "$work/headers"
done
check "one without a file has none" test "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$collector/ca.crt" \
	-H "Authorization: Bearer $reader" "$reader_url/attestations/$(all_statements | jq -rs '.[0].digest')/file")" == 404
check "the API has it without the content" jq -e --arg digest "$digest" '.attestations | length == 1 and
	(.[0] | .statement == $digest and .state == "valid" and .identity == "current" and .file.included and
	(.file | has("content") | not))' <(api '/api/v1/attestations?control=A.8.28')
equal "page by page" 4 "$(
	after=$(api '/api/v1/attestations?limit=3' | jq -r .next)
	jq -s '[.[].attestations[].statement] | unique | length' <(api '/api/v1/attestations?limit=3') \
		<(api "/api/v1/attestations?limit=3&after=$after")
)"

# --- the population
equal "the hosts are who they were" "$hosts_before" "$(api /api/v1/hosts | jq -c '[.hosts[].id]')"
equal "and where they stood" "$controls_before" "$(api /api/v1/controls | jq -c .)"
check "the metrics count one host" grep -qxF 'vouch_hosts{state="reporting"} 1' <(
	curl -sS --cacert "$collector/ca.crt" -H "Authorization: Bearer $reader" "https://127.0.0.1:$((port + 2))/metrics")
check "and none that is silent" grep -qxF 'vouch_hosts{state="silent"} 0' <(
	curl -sS --cacert "$collector/ca.crt" -H "Authorization: Bearer $reader" "https://127.0.0.1:$((port + 2))/metrics")

# --- what an auditor does with it
vouch export --trust -o "$work/trust.json"
vouch export --sigstore "$digest" -o "$work/bundle.json"
vouch export --body "$digest" -o "$work/body.json"
check "its bundle verifies, with its body" vouch verify "$work/bundle.json" --trust "$work/trust.json" --body "$work/body.json"
equal "the body names the file" "$(sha256sum <"$work/report.sarif" | cut -d ' ' -f 1)" "$(jq -r .file.sha256 "$work/body.json")"
sed 's/A\.8\.28/A.8.29/' "$work/body.json" >"$work/other.json"
refused "a body for another control" "digest|body" vouch verify "$work/bundle.json" --trust "$work/trust.json" --body "$work/other.json"

# --- what is refused before it is sealed
refused "a control that there is not" "there is no control 5.38" attest "$ci/state" --control 5.38 --valid 1d --note n
refused "a control twice" "named twice" attest "$ci/state" --control 5.9 --control A.5.9 --valid 1d --note n
refused "for longer than two years" "two years" attest "$ci/state" --control 5.9 --valid 1000d --note n
truncate -s 4194305 "$work/large"
chmod 644 "$work/large"
refused "a file over the cap" "4194304" attest "$ci/state" --control 5.9 --valid 1d --note n --file "$work/large" --include
truncate -s 4194304 "$work/large"
check "one at the cap travels" attest "$ci/state" --control 5.9 --valid 1d --note n --file "$work/large" --include

# --- expired
check "one that stands for a second" attest "$ci/state" --control 5.10 --valid 1s --note "For a moment"
is_expired() {
	api '/api/v1/attestations?control=A.5.10' | jq -e '.attestations[0].state == "expired"'
}
check "stands no longer" within 60 is_expired
page /controls/A.5.10
check "and its page says so" grep -qF 'Stood until' "$work/page.html"

# --- a collector that is away
stop collector || true
attest "$ci/state" --control 8.13 --valid 90d --note "Restore tried" >"$work/offline.log" 2>&1 && status=0 || status=$?
equal "sealed, not shipped: exit status" 3 "$status"
collector_start
check "--send ships it" attest "$ci/state" --send
check "it is there" jq -e '.attestations | length == 1' <(api '/api/v1/attestations?control=A.8.13')
attest "$ci/state" --send >"$work/sent.log"
check "and there is nothing left" grep -qF "0 shipped" "$work/sent.log"

# --- lines of others
(
	exec 9<>"$work/host/spool/lock"
	flock 9
	refused "a line whose daemon holds it" "another process seals" vouch attest --state "$work/host" --control 5.9 --valid 1d --note n
)

# --- the identity ends: enrolled anew, it has the same id, and its old line has ended
as_ci vouch enrol "$url" --attester --force --name ci-main --token "$(token)" --ca-fingerprint "$fingerprint" \
	--state "$ci/state" >>"$work/enrol.log" 2>&1
check "under a new key it goes on" attest "$ci/state" --control 5.36 --valid 1d --note "Under a new key"
check "what it said before is shown as an ended identity's" jq -e '.attestations[0].identity == "ended"' <(
	api '/api/v1/attestations?control=A.7.4')
page /controls/A.7.4
check "on its page too" grep -qF 'this identity has ended' "$work/page.html"
equal "the hosts are still who they were" "$hosts_before" "$(api /api/v1/hosts | jq -c '[.hosts[].id]')"

# --- what is erased is gone from the pages, what a revoked identity said is not counted
vouch-collector erase "$collector" --statement "$digest" --retention "schedule 4" --reason "names somebody" >"$work/erase.log" 2>&1
page /controls/A.8.28
check "of an erased one nothing is shown" grep -qF 'There is none for this control' "$work/page.html"
attester=$(api '/api/v1/attestations?control=A.5.36' | jq -r '.attestations[0].host')
vouch-collector revoke "$collector" --host "$attester" --from 2020-01-01 --reason "the folder was copied" >>"$work/erase.log" 2>&1
check "a revoked identity's is said to be one" jq -e '.attestations[0].state == "revoked"' <(
	api '/api/v1/attestations?control=A.5.36')
page /controls/A.5.36
check "on its page" grep -qF 'not to be believed' "$work/page.html"
refused "nothing more of it is taken" "will not be taken under this identity" \
	attest "$ci/state" --control 5.36 --valid 1d --note "After that"
attest "$ci/state" --send >"$work/ended.log" 2>&1 && status=0 || status=$?
equal "what would never be shipped does not wait: exit status" 1 "$status"

# --- the index is derived from the evidence
said() {
	api '/api/v1/attestations?limit=100' | jq -c .
}
before=$(said)
stop collector || true
rm -f "$collector"/index.db*
collector_start
equal "all of it is there again when the index is derived anew" "$before" "$(said)"
