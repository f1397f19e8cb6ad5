#!/bin/bash
# What an auditor takes away: a package of everything, and one of a single control, which holds nothing of the others;
# as a folder and as each archive, the same bytes for the same query; opened by unzip and tar; and verified by
# `vouch verify` with nothing but a trust file.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

collector_new
collector_start
# web is this machine; other is a second host, whose files are in a folder.
mkdir -p "$work/root$work/files" "$work/root/etc" "$work/files"
cp /etc/os-release "$work/root/etc/"
tr -d - </proc/sys/kernel/random/uuid >"$work/root/etc/machine-id"
hostname >"$work/root/etc/hostname"
for name in logging configuration; do
	echo one | tee "$work/files/seen-$name" >"$work/root$work/files/seen-$name"
done
enrol web
enrol other --root "$work/root"
# And a pipeline that attests.
enrol pipeline --attester --name pipeline
attest() { # CONTROL NOTE
	vouch attest --state "$work/pipeline" --control "$1" --note "$2" --valid 30d >>"$work/attest.log" 2>&1
}

# Three rules of three controls, each about a file whose name only its results have.
rule() { # ID CONTROLS FILE
	cat <<-EOF
		  - id: $1
		    title: The file of $1
		    controls: [$2]
		    key: true
		    severity: low
		    kind: effect
		    every: 1h
		    check: file
		    with: {path: $work/files/$3}
		    expect: {exists: true}
		    why: It is looked at.
		    fix: Make it.
	EOF
}
{
	echo 'policy: {id: three, version: 1.0.0, framework: "iso27001:2022", title: Three, owner: tests, review_by: 2036-01-01}'
	echo 'rules:'
	rule a.configuration A.8.9 seen-configuration
	rule b.logging A.8.15 seen-logging
	rule c.absent A.8.1 seen-devices
} >"$work/three.yaml"
echo "policies: [$work/three.yaml]" >"$work/three-config.yaml"
round_of_other() {
	vouchd --state "$work/other" --root "$work/root" --config "$work/three-config.yaml" --once >>"$work/vouchd-other.log" 2>&1
	ship other
}
# spooled_says RULE WHAT: a round that waits on web has this in the rule's result.
spooled_says() {
	jq -e --arg rule "$1" --arg what "$2" '.body | @base64d | fromjson? | .results[]?
		| select(.rule == $rule) | tojson | contains($what) | select(.)' "$work"/web/spool/queue/*.json
}
# shipped RULE WHAT: what the daemon notices on web is a small round that says so, shipped. Others may be before it.
shipped() {
	within 60 spooled_says "$@"
	ship web
}
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

start vouchd vouchd --state "$work/web" --config "$work/three-config.yaml"
shipped a.configuration '"pass"'
round_of_other
chmod 640 "$work/files/seen-logging"
shipped b.logging 0640
round_of_other
a_second
from=$(now)
chmod 600 "$work/files/seen-logging"
shipped b.logging 0600
round_of_other
rm "$work/files/seen-configuration"
shipped a.configuration '"fail"'
attest 8.15 "Logs were reviewed"
attest 8.28 "Code was reviewed, seen-by-nobody"
ship pipeline
a_second
to=$(now)
chmod 604 "$work/files/seen-logging" # after the period
shipped b.logging 0604
stop vouchd || true
export_it() { # NAME OPTION...: into $work/NAME
	local name=$1
	shift
	vouch export --package "$work/$name" --from "$from" --to "$to" --by "an auditor" "$@"
}
export SOURCE_DATE_EPOCH=$(date -d "$to" +%s)
vouch export --trust -o "$work/trust.json"
web=$(api "/api/v1/evidence?type=round&limit=1" | jq -r '.envelope.payload | @base64d | fromjson.predicate.host.id')

policy=$(sha256sum <"$work/three.yaml" | cut -d' ' -f1)
others() { (cd "$1" && grep -rlE 'a\.configuration|c\.absent|seen-configuration|seen-devices|seen-by-nobody' . | grep -v "^./bodies/$policy$"); }

check "a package of everything is made" export_it whole
check "and one of a control on a host" export_it logging --control 8.15 --host "$web"
check "and one of a control on all hosts" export_it limited --control A.8.15
equal "which holds nothing of the others" "" "$(others "$work/limited" || true)"
whole=$work/whole logging=$work/logging

# The manifest is what auditors ask for, and right by other people's tools.
equal "the manifest names query and maker" \
	"[\"A.8.15\"] $from $to an auditor $to vouch-package/1" \
	"$(jq -r '"\(.query.controls | tostring) \(.query.from) \(.query.to) \(.by) \(.createdAt) \(.format)"' "$logging/manifest.json")"
files_hold() {
	(cd "$1" && jq -r '.files[] | .sha256 + "  " + .name' manifest.json | sha256sum -c --quiet)
	equal "the manifest lists every file of ${1##*/}" "$(cd "$1" && find . -type f | sed 's/^..//' | grep -v '^manifest.json$' | LC_ALL=C sort | tr '\n' ' ')" \
		"$(jq -r '.files[].name' "$1/manifest.json" | tr '\n' ' ')"
	equal "its hash total is that of the list" "$(jq -r .hashTotal "$1/manifest.json")" "$(jq -cSj .files "$1/manifest.json" | sha256sum | cut -d' ' -f1)"
}
files_hold "$whole"
files_hold "$logging"
equal "rows of statements are counted" "$(jq .rows.statements "$whole/manifest.json")" "$(wc -l <"$whole/statements.jsonl")"

# Which statements: of each host those of the period, the last full round before it, and what makes them verifiable.
payloads() { jq -r '.envelope.payload | @base64d' "$1/statements.jsonl"; }
types() { payloads "$1" | jq -r '.predicate.type' | sort | uniq -c | tr -s ' \n' ' '; }
received() { jq -r --arg from "$2" --arg to "$3" 'select(.receivedAt >= $from and .receivedAt < $to) | .index' "$1/statements.jsonl"; }
all_between() { api "/api/v1/evidence?limit=1000&from=$1&to=$2" | jq -r .index; }
equal "everything of the period is there" "$(all_between "$from" "$to")" "$(received "$whole" "$from" "$to")"
equal "nothing behind it" "" "$(received "$whole" "$to" 9999-01-01T00:00:00Z)"
rounds_before=$(jq -r --arg from "$from" 'select(.receivedAt < $from) | .envelope.payload | @base64d' "$whole/statements.jsonl" |
	jq -r 'select(.predicate.type == "round") | .predicate.host.id' | sort | uniq -c | awk '{print $1}' | tr '\n' ' ')
equal "before it the last full round of each host, and what is behind that" "1 2 " "$(tr ' ' '\n' <<<"$rounds_before" | sort | tr '\n' ' ' | sed 's/^ //')"
equal "the host that was not asked for is not there" 1 "$(payloads "$logging" | jq -r '.predicate.host.id' | sort -u | wc -l)"

# Nothing of other controls, policies apart.
refused "the whole package shows the other rules" "index.html" bash -c "cd '$whole' && grep -rl a.configuration . ; false"
equal "the package of a control holds nothing of the others" "" "$(others "$logging" || true)"
decoded_others() { payloads "$logging" | grep -E 'a\.configuration|c\.absent|seen-' || true; }
equal "nor do its statements" "" "$(decoded_others)"
equal "the period has small rounds alone of the host" 2 "$(jq -r --arg from "$from" 'select(.receivedAt >= $from) | .envelope.payload | @base64d' "$logging/statements.jsonl" |
	jq -r 'select(.predicate.type == "round" and (.predicate.full | not)).predicate.sequence' | wc -l)"
equal "a round that changed another rule alone discloses none" '[]' "$(jq -c .results "$logging/disclosures.jsonl" | tail -n 1)"
equal "what changed of it is disclosed, round by round" '["b.logging"]' \
	"$(jq -c '[.results[].rule]' "$logging/disclosures.jsonl" | sort -u | grep -v '^\[\]$')"
equal "an attestation of it is there whole, of another control only its statement" "2 1" \
	"$(payloads "$work/limited" | jq -r 'select(.predicate.type == "attestation").subject[0].digest.sha256' | tee "$work/attested" | wc -l) $(cd "$work/limited/bodies" && ls | grep -cFf "$work/attested")"
check "with the value that was observed" grep -q seen-logging "$logging/disclosures.jsonl"
equal "and no body of a round" "" "$(grep -l '"results"' "$logging"/bodies/* || true)"

# Both are proved by nothing but themselves and the trust file.
check "vouch verify proves the whole" vouch verify "$whole" --trust "$work/trust.json"
check "and the one of a control" vouch verify "$logging" --trust "$work/trust.json"

# As archives, the same bytes again; opened by everybody's tools.
for form in zip tar tar.gz tar.zst; do
	mkdir "$work/$form" "$work/$form/again"
	check "a .$form is made" export_it "$form/p.$form" --control A.8.15
	export_it "$form/again/p.$form" --control A.8.15
	check "the same again makes the same .$form" cmp "$work/$form/p.$form" "$work/$form/again/p.$form"
	check "vouch verify proves the .$form" vouch verify "$work/$form/p.$form" --trust "$work/trust.json"
done
export_it folder --control A.8.15
(cd "$work/zip" && unzip -q p.zip)
for form in tar tar.gz tar.zst; do tar -C "$work/$form" -xf "$work/$form/p.$form"; done
for form in zip tar tar.gz tar.zst; do
	check "the .$form unpacks to what the folder is" diff -r "$work/folder" "$work/$form/p"
done

# The page: whole in itself.
refused "the page loads nothing and runs nothing" "^none$" bash -c "grep -E '<script|http://|https://|src=|url\(|@import| on[a-z]+=' '$whole/index.html' && exit 0; echo none; exit 1"
check "the page names host, rule and verdict" bash -c "grep -q 'a.configuration' '$whole/index.html' && grep -q '>fail<' '$whole/index.html'"

# README.txt's commands, as they stand.
readme() { (cd "$whole" && grep -A 1 -F "$1" README.txt | tail -n 1 | sed 's/^ *//' | bash); }
equal "README's command for the files says OK" OK "$(readme 'The files are those')"
equal "README's command for the list says true" true "$(readme 'The list of files')"
equal "README's command for the bodies says nothing" "" "$(readme 'Bodies are what')"
readme_signature() {
	sed -n '/Its signature/,/pkeyutl/p' "$whole/README.txt" | tail -n +2 | (cd "$work" && mkdir -p sig && cp "$whole/statements.jsonl" sig/ && cd sig && bash)
}
check "README's commands verify a signature" readme_signature

# What cannot be asked for.
refused "what exists is not overwritten" "it exists" export_it whole
refused "an unknown host is an error" "knows no host" export_it x --host nobody
refused "an unknown control is an error" "no control A.8.99" export_it x --control A.8.99
refused "a time that is none is an error" "neither a day" vouch export --package "$work/x" --from yesterday
refused "a period that is none is an error" "not before" vouch export --package "$work/x" --from 2026-11-02 --to 2026-11-01
refused "a name that two hosts have is an error" "more than one host has this name" export_it x --host "$(hostname)"
equal "and nothing is left of it" "" "$(ls -A "$work" | grep -E '^(\.tmp-|x$)' || true)"
