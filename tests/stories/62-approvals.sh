#!/bin/bash
# A policy and the exception in it are signed by the person who answers for them: made with vouch approve, demanded by the
# host, sealed behind the policy, marked at the collector, and verified offline by vouch and by openssl alone.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

# --- a host whose one rule fails, waived by a policy on top
root=$work/root
mkdir -p "$root/etc" "$work/policy.d" "$work/approvers"
echo 0123456789abcdef0123456789abcde2 >"$root/etc/machine-id"
echo approvals-1 >"$root/etc/hostname"
printf 'ID=debian\nVERSION_ID=12\n' >"$root/etc/os-release"
echo a >"$root/etc/demo"
chmod 644 "$root/etc/demo"
from=$(date -u +%F) expires=$(date -u -d '+200 days' +%F) next_year=$(date -u -d '+300 days' +%F)
cat >"$work/small.yaml" <<'END'
policy: {id: small, version: 1.0.0, framework: "iso27001:2022", title: One rule, owner: tests, review_by: 2036-01-01}
rules:
  - {id: demo.mode, title: The file is not for everybody, controls: [A.8.9], key: true, severity: high, kind: effect, every: 1h,
     check: file, with: {path: /etc/demo}, expect: {mode: {at_most: "0640"}}, why: w, fix: chmod 0640}
END
site=$work/policy.d/10-site.yaml
cat >"$site" <<END
policy: {id: site, version: 2.0.0, framework: "iso27001:2022", title: What this site accepts, owner: tests, review_by: 2036-01-01}
waivers:
  - {id: W-7, rule: demo.mode, value: {mode: "0644"}, reason: The old reader goes in spring, risk: everybody can read it,
     measure: nothing secret is in it, ticket: SEC-7, requester: ann, approver: jane, from: $from, expires: $expires}
END
config() { # REQUIRE
	cat >"$work/vouchd.yaml" <<-END
		policies: [$work/small.yaml]
		policy_folder: $work/policy.d
		approvers: $work/approvers
		require_approval: $1
	END
}
round() {
	vouchd --state "$work/host" --root "$root" --config "$work/vouchd.yaml" --once
}

# --- keys
check "jane makes a key" vouch approve --keygen "$work/jane.key"
equal "that is for her alone" 600 "$(stat -c %a "$work/jane.key")"
refused "and is not replaced" "not replaced" vouch approve --keygen "$work/jane.key"
cp "$work/jane.key.pub.pem" "$work/approvers/jane.pem"
vouch approve --keygen "$work/eve.key" >/dev/null
(umask 077 && echo "a passphrase" >"$work/passphrase")
(umask 077 && openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass "file:$work/passphrase" -out "$work/bob.key" 2>/dev/null)
openssl pkey -in "$work/bob.key" -passin "file:$work/passphrase" -pubout -out "$work/bob.pem"

# --- a host that demands approvals
collector_new
collector_start
config true
enrol host --root "$root"
refused "nothing is run that nobody approved" "small.yaml: nobody has approved it" round
refused "and vouch lint says the same" "small.yaml: nobody has approved it" vouch lint --config "$work/vouchd.yaml" --root "$root"
check "jane approves the rules" vouch approve "$work/small.yaml" --key "$work/jane.key" --approver jane --note "Board of May"
refused "but not yet the policy on top" "10-site.yaml: nobody has approved it" round
vouch approve "$site" --below "$work/small.yaml" --key "$work/jane.key" --approver jane --expires "$next_year" >"$work/approve.log" 2>&1
check "what she signs is shown, the waiver too" grep -qE "waiver W-7 of demo.mode until ${expires}T00:00:00Z, asked for by ann, to be approved by jane" "$work/approve.log"
check "with its digest" grep -qF "sha256 $(sha256sum <"$site" | cut -d ' ' -f 1)" "$work/approve.log"
refused "a policy that does not load cannot be approved" "no rule" vouch approve "$site" --key "$work/jane.key" --approver jane
check "both approved, the host runs" round
check "who approved it can be asked" grep -qE "approved by jane at .*, until ${next_year}T" <(
	vouch approve --check "$site" --below "$work/small.yaml" --approvers "$work/approvers")

# --- with openssl alone
line=$work/small.yaml.approval
jq -j .payload "$line" | base64 -d >"$work/payload"
jq -j '.signatures[0].sig' "$line" | base64 -d >"$work/signature"
{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(stat -c %s "$work/payload")"; cat "$work/payload"; } >"$work/pae"
check "openssl verifies the signature" openssl pkeyutl -verify -pubin -inkey "$work/approvers/jane.pem" -rawin -in "$work/pae" -sigfile "$work/signature"
check "over an in-toto statement about the file" jq -e --arg sha256 "$(sha256sum <"$work/small.yaml" | cut -d ' ' -f 1)" '
	._type == "https://in-toto.io/Statement/v1" and .predicateType == "https://vouch.example/approval/v1" and
	.subject == [{name: "small", digest: {sha256: $sha256}}] and .predicate.approver == "jane"' "$work/payload"
equal "its keyid is the key's SHA-256" "$(openssl pkey -pubin -in "$work/approvers/jane.pem" -outform DER | sha256sum | cut -d ' ' -f 1)" \
	"$(jq -r '.signatures[0].keyid' "$line")"

# --- at the collector
ship host
equal "it has both approvals" 2 "$(all_statements | jq -s '[.[] | select(.type == "approval")] | length')"
host=$(api /api/v1/hosts | jq -r '.hosts[0].id')
states() {
	api /api/v1/hosts | jq -rc '[.hosts[0].policies[] | "\(.id) \(.approval.state) \([.approval.by[].approver] | join(","))"] | join("; ")'
}
page() {
	api "$1" >"$work/page.html"
}
equal "without a key it marks nothing" "small unknown ; site unknown " "$(states)"
page "/hosts/$host"
equal "and says so once" 1 "$(grep -o 'No approver keys are configured' "$work/page.html" | wc -l)"
check "jane's key is added" vouch-collector approver add "$collector" jane "$work/jane.key.pub.pem"
refused "one key is one person's" "is jane's already" vouch-collector approver add "$collector" mallory "$work/jane.key.pub.pem"
equal "now both are approved by her" "small approved jane; site approved jane" "$(states)"
page "/hosts/$host"
check "the host's page says so" grep -qF 'approved by jane on' "$work/page.html"
check "and of the exception that it is signed" grep -qF 'Exception W-7, approved by jane (signed), until' "$work/page.html"
check "and lists it, once" eval 'test "$(grep -o "<caption>Exceptions" "$work/page.html" | wc -l)" = 1 && grep -qE "<th scope=\"row\">W-7</th>.*<td>signed</td>" "$work/page.html"'
page /controls/A.8.9
check "the control's page too" eval 'grep -qF "approved by jane on" "$work/page.html" && grep -qF "(signed)" "$work/page.html"'
check "the results too" jq -e '.results[0] | .state == "waived" and .waiver.signed and .approval.state == "approved"' <(api "/api/v1/results?host=$host")
check "the exception's end is a metric" grep -qxF "vouch_waiver_expiry_timestamp_seconds{waiver=\"W-7\"} $(date -u -d "$expires" +%s)" <(
	curl -sS --cacert "$collector/ca.crt" -H "Authorization: Bearer $reader" "https://127.0.0.1:$((port + 2))/metrics")

# --- a change, and other people
cp "$site" "$work/site.before"
sed -i 's/version: 2.0.0/version: 2.1.0/' "$site"
refused "a changed policy is not run" "10-site.yaml: nobody has approved it as it is" round
refused "nor approved" "nobody approved it as it is" vouch approve --check "$site" --below "$work/small.yaml" --approvers "$work/approvers"
approve_site() { # KEY NAME [OPTION...]
	vouch approve "$site" --below "$work/small.yaml" --key "$1" --approver "${@:2}"
}
check "eve signs in jane's name, and what was of the other digest goes" grep -qF "1 approval of another digest dropped" <(approve_site "$work/eve.key" jane)
refused "her key is nobody's here" "none of the approvers'" round
refused "an encrypted key wants its passphrase" "PEM without passphrase" approve_site "$work/bob.key" bob
check "bob signs under his own name" approve_site "$work/bob.key" bob --passphrase-file "$work/passphrase"
equal "beside hers" 2 "$(wc -l <"$site.approval")"
config false
check "a host that does not demand it runs it" round
ship host
equal "at the collector it is not approved" "small approved jane; site unapproved " "$(states)"
page "/hosts/$host"
check "and marked so" grep -qE '<strong class="warning">not approved</strong>: it is by the key [0-9a-f]{16}, which is none' "$work/page.html"
check "the exception in it is not signed" grep -qF ' (not signed)' "$work/page.html"
vouch-collector approver add "$collector" bob "$work/bob.pem"
equal "with bob's key it is approved, by him alone" "small approved jane; site approved bob" "$(states)"
check "whose exception it is not" jq -e '.results[0].waiver | .approver == "jane" and .signed == false' <(api "/api/v1/results?host=$host")

# --- late, and behind the end of a key
approve_site "$work/jane.key" jane >/dev/null
check "jane signs it after the host was judged by it" round
ship host
equal "which counts from then on" "small approved jane; site approved bob,jane" "$(states)"
sleep 1 # an end is a whole second, and what came within it does not hold
vouch-collector approver remove "$collector" bob
equal "what came before the end of bob's key still holds" "small approved jane; site approved bob,jane" "$(states)"
sed -i 's/version: 2.1.0/version: 2.2.0/' "$site"
approve_site "$work/bob.key" bob --passphrase-file "$work/passphrase" >/dev/null
round >>"$work/vouchd.log" 2>&1
ship host
check "what comes later does not" jq -e '.hosts[0].policies[1].approval | .state == "unapproved" and (.reason | test("the key of bob ended at"))' <(api /api/v1/hosts)
sleep 1 # times in evidence are whole seconds: what is approved within the second is approved in time
approve_site "$work/jane.key" jane >/dev/null
round >>"$work/vouchd.log" 2>&1
ship host
page "/hosts/$host"
check "a late approval says from when on hosts were judged without it" grep -qF 'Hosts were judged by it before that' "$work/page.html"
before=$(api /api/v1/hosts | jq -c '[.hosts[].policies]')
stop collector || true
rm -f "$collector"/index.db*
collector_start
equal "derived anew the marks are the same" "$before" "$(api /api/v1/hosts | jq -c '[.hosts[].policies]')"

# --- while vouchd runs: a policy that is not approved does not take the place of one that is
config true
start daemon vouchd --state "$work/host" --root "$root" --config "$work/vouchd.yaml"
check "vouchd runs by what is approved" within 60 grep -qF "a round is sealed" "$work/daemon.log"
sed -i 's/version: 2.2.0/version: 2.3.0/' "$site"
kill -HUP "${story_processes[daemon]}"
check "a changed one is not taken" within 60 grep -qE "not read anew.*10-site.yaml: nobody has approved it as it is" "$work/daemon.log"
approve_site "$work/jane.key" jane >/dev/null
kill -HUP "${story_processes[daemon]}"
queued() { # in the order of the chain
	jq -r '.payload | @base64d | fromjson | .predicate.type' "$work"/host/spool/queue/*.json | tr '\n' ' '
}
is_approval_queued() {
	[[ $(queued) == *"policy approval round "* ]]
}
check "with its approval it is, which is sealed between it and the first round judged by it" within 60 is_approval_queued
stop daemon
ship host

# --- offline
vouch export --trust -o "$work/trust.json"
equal "the trust file has the approvers" "jane bob" "$(jq -r '[.approvers[].name] | join(" ")' "$work/trust.json")"
vouch export --package "$work/package" --from "$(date -u -d yesterday +%F)" >"$work/export.log" 2>&1
vouch verify "$work/package" --trust "$work/trust.json" >"$work/verify.txt" 2>&1 || true
check "the package says who approved which policy" grep -qE '^      approved by jane at .*, entry [0-9]+ received' "$work/verify.txt"
check "names the exception and its signature" eval 'grep -qF "W-7 of demo.mode until" "$work/verify.txt" && grep -qE "signed by jane at" "$work/verify.txt"'
check "and what was judged before anybody approved it" grep -qE 'that somebody approved the policy site 2.[12].0 .*: (the first approval|it is by|the key of)' "$work/verify.txt"
refused "which --strict does not let pass" "could not be|that somebody approved" vouch verify --strict "$work/package" --trust "$work/trust.json"
jq 'del(.approvers)' "$work/trust.json" >"$work/trust-without.json"
vouch verify "$work/package" --trust "$work/trust-without.json" >"$work/without.txt" 2>&1 || true
check "without keys nothing is said about that" eval 'grep -qF "No approver keys are in the trust file" "$work/without.txt" && ! grep -qF "somebody approved" "$work/without.txt"'
body=$(sha256sum < <(tr -d '\n' <"$line") | cut -d ' ' -f 1)
check "its approval is the line that jane made, byte for byte" cmp "$work/package/bodies/$body" <(tr -d '\n' <"$line")
