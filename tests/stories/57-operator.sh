#!/bin/bash
# An operator with the collector's disk and all of its keys tampers with the evidence. docs/AUDITING.md has a table of
# these attacks: who detects each, from what, and with which words. The words are taken from there and held against what
# is said, and every line of the table is tried. Attacks on packages are made by tests/foreign/attack.mjs, which makes
# everything fit again that can be made to fit.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/tsa.sh"

for tool in node openssl jq sqlite3; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 1; }
done

# --- the world: two hosts, a pipeline that attests, two witnesses of which both are needed, a time-stamp authority

witness_port=$(free_ports)
witness_new() {
	mkdir -m 700 "$work/w$1"
	vouch witness keygen --key "$work/w$1.key" --name "w$1.example/vouch" >"$work/w$1.vkey"
	start "witness$1" vouch witness --listen "127.0.0.1:$((witness_port + $1))" --state "$work/w$1" \
		--key "$work/w$1.key" --log "$(cat "$collector/log.vkey")" --name "w$1.example/vouch"
	within 60 accepts $((witness_port + $1))
}
anchor() {
	vouch-collector anchor "$collector" --once
}
rule() { # ID CONTROL
	cat <<-EOF
		  - id: $1
		    title: The file of $1
		    controls: [$2]
		    key: true
		    severity: low
		    kind: effect
		    every: 1h
		    check: file
		    with: {path: /etc/$1}
		    expect: {exists: true}
		    why: It is looked at.
		    fix: Make it.
	EOF
}
new_host() { # NAME: its files are in NAME-root, its state in NAME
	mkdir -p "$work/$1-root/etc"
	touch "$work/$1-root/etc/a.configuration" "$work/$1-root/etc/b.logging"
	tr -d - </proc/sys/kernel/random/uuid >"$work/$1-root/etc/machine-id"
	echo "$1" >"$work/$1-root/etc/hostname"
	enrol "$1" --root "$work/$1-root"
}
id_of() {
	jq -r .hostId "$work/$1/enrolment/enrolment.json"
}
round() { # NAME
	vouchd --state "$work/$1" --root "$work/$1-root" --config "$work/two-config.yaml" --once >>"$work/vouchd.log" 2>&1
}
rounds() { # NAME...: a round of each, shipped
	local name
	for name; do
		round "$name"
		ship "$name"
	done
}
now() {
	date -u +%Y-%m-%dT%H:%M:%SZ
}
digest_of() { # HOST TYPE N: counted from 0
	all_statements | jq -rs "sort_by(.index) | map(select(.host == \"$1\" and .type == \"$2\")) | .[$3].digest"
}
export_it() { # NAME FROM TO [OPTION...]
	vouch export --package "$work/$1" --from "$2" --to "$3" --by "an auditor" "${@:4}"
}

collector_new
tsa_port=$(free_ports)
tsa_new tsa 3650
tsa_new own 3650
tsa_start tsa "$tsa_port"
cp "$work/tsa/root.pem" "$collector/timestamp-ca.pem"
witness_new 1
witness_new 2
cat >"$collector/log.policy" <<-EOT
	log $(cat "$collector/log.vkey")
	witness one $(cat "$work/w1.vkey") http://127.0.0.1:$((witness_port + 1))
	witness two $(cat "$work/w2.vkey") http://127.0.0.1:$((witness_port + 2))
	group both 2 one two
	quorum both
EOT
sed -i -E -e 's/^log_policy:.*/log_policy: log.policy/' -e 's/^timestamp_ca:.*/timestamp_ca: timestamp-ca.pem/' \
	-e "s|^timestamp_url:.*|timestamp_url: \"http://127.0.0.1:$tsa_port/tsa\"|" "$collector/collector.yaml"
collector_start
{
	echo 'policy: {id: two, version: 1.0.0, framework: "iso27001:2022", title: Two, owner: tests, review_by: 2036-01-01}'
	echo 'rules:'
	rule a.configuration A.8.9
	rule b.logging A.8.15
} >"$work/two.yaml"
echo "policies: [$work/two.yaml]" >"$work/two-config.yaml"
new_host web
new_host db
enrol pipeline --attester --name pipeline

begin=$(now)
rounds web db web
vouch attest --state "$work/pipeline" --control 8.28 --note "Code was reviewed" --valid 30d >"$work/attest.log" 2>&1
ship pipeline
anchor
rounds web db
a_second
middle=$(now)
vouch export --trust -o "$work/early-trust.json"
export_it before "$begin" "$middle"
stop collector || true
cp -a "$collector" "$work/yesterday"
collector_start

rm "$work/web-root/etc/a.configuration"
rounds web db
touch "$work/web-root/etc/a.configuration"
rounds web db
vouch-collector revoke "$collector" --host "$(id_of pipeline)" --reason "its key was lost" --by "the officer" >/dev/null
vouch-collector erase "$collector" --statement "$(digest_of "$(id_of web)" round 0)" --retention "schedule 7" --reason old \
	--by "the officer" >/dev/null
rounds web db
anchor
a_second
end=$(now)
vouch export --trust -o "$work/trust.json"
export_it whole "$begin" "$end"
export_it part "$begin" "$end" --control A.8.9
witness_size() {
	local origin
	origin=$(printf %s "$(head -n 1 "$collector/log/checkpoint")" | sha256sum | cut -d ' ' -f 1)
	curl -sS --fail --max-time 60 "http://127.0.0.1:$((witness_port + $1))/$origin/checkpoint" | sed -n 2p
}
check "the honest package is proved, with nothing left open" \
	vouch verify "$work/whole" --trust "$work/trust.json" --strict
check "so is the one of a control" vouch verify "$work/part" --trust "$work/trust.json"
shown=$(sed -n 2p "$work/whole/log/checkpoint")
equal "both witnesses have cosigned what it shows" "$shown $shown" "$(witness_size 1) $(witness_size 2)"

# --- the table

table=$work/table
awk -F ' *[|] *' '/^## What an operator can try/ { on = 1 } on && NF == 6 && $3 !~ /^(who|---)/ { print $2 "|" $3 "|" $5 }' \
	"$story_top/docs/AUDITING.md" | tr -d '`' >"$table"
: >"$work/tried"
check "the table has 50 attacks and more" test "$(wc -l <"$table")" -ge 50

# row ATTACK FIELD: who detects it, or the message as an expression, in which "…" is anything.
row() {
	awk -F '|' -v attack="$1" -v field="$2" '$1 == attack { print $field }' "$table"
}
message() {
	row "$1" 3 | sed -e 's/[][\.*^$+?(){}]/\\&/g' -e 's/…/.*/g'
}
# told ATTACK COMMAND...: it fails with the words of the table.
told() {
	echo "$1" >>"$work/tried"
	if [[ -z $(row "$1" 3) ]]; then
		not_ok "$1: docs/AUDITING.md does not have it"
		"${@:2}" || true
		return
	fi
	refused "$1: $(row "$1" 2)" "$(message "$1")" "${@:2}"
}
# verified FOLDER: as the table's second column wants it: a contradiction, or something open for which --strict fails.
verified() {
	local verify=(vouch verify "$1" --trust "$work/trust.json" --json)
	if "${verify[@]}" >"$work/said.json"; then
		"${verify[@]}" --strict >"$work/said.json" && return
		echo "OPEN" && jq -r '.open[] | "\(.where): \(.why)"' "$work/said.json"
	else
		echo "CONTRADICTION" && jq -r '.contradictions[] | "\(.where): \(.why)"' "$work/said.json"
	fi
	return 1
}
# auditor ATTACK NAME: the package attacks/NAME.
auditor() {
	told "$1" verified "$work/attacks/$2"
	case $(row "$1" 2) in
	auditor) equal "$1: contradicts" CONTRADICTION "$(head -n 1 "$work/check.out")" ;;
	*open*) equal "$1: is open" OPEN "$(head -n 1 "$work/check.out")" ;;
	*) not_ok "$1: the table does not say that it is the auditor" ;;
	esac
}

# --- packages

keys=$work/keys
mkdir -m 700 "$keys"
cp "$collector/log.key" "$collector/collector.key" "$keys"
cp "$work/web/enrolment/evidence.pem" "$keys/host.key"
for name in web db pipeline; do id_of "$name" >"$keys/$name"; done
sed '/^$/,$d' "$work/whole/log/checkpoint" >"$work/text"
tsa_stamp own "$work/text" >"$keys/own.tsr"
cp "$work/own/root.pem" "$keys/own.pem"
tsa_stamp tsa "$keys/web" >"$keys/other-text.tsr"
check "the attacks are made" node "$story_top/tests/foreign/attack.mjs" package \
	"$work/before" "$work/whole" "$work/part" "$keys" "$work/attacks"
check "what is taken apart and put together without an attack is proved" \
	vouch verify "$work/attacks/nothing" --trust "$work/trust.json" --strict

auditor "A statement is dropped, and the log built anew behind it" dropped
auditor "The same, and the checkpoints that were anchored are signed anew" anchors-kept
auditor "A statement is left out of the package, its hash is shown" dropped-quietly
auditor "Another hash is shown in its place" node-for-entry
auditor "A hash is shown over an entry that is there" node-over-entry
auditor "The last statements are dropped, and the log built anew" tail
auditor "The log is cut off at its last anchor, and shown for a later day" longer-period
auditor "An old package is shown for a new period" old-package
auditor "Two statements change places" swapped
auditor "Two statements of one host change places" swapped-in-line
auditor "A statement is logged a second time" twice
auditor "A host is left out" host-hidden
auditor "Some days of a host are left out" period-hidden
auditor "A verdict is changed in a body" body
auditor "A verdict is changed, and the statement's digest and root with it" body-and-statement
auditor "That statement is signed with the log's key" by-log-key
auditor "That statement is signed with the key of the collector's own line" by-collector-key
auditor "It names the host's key, and another signed" keyid-of-host
auditor "A statement is added to a host's line" inserted
auditor "An epoch of a host is begun, with a key of the operator's" epoch
auditor "A second key is enrolled for a host, in the package's trust.json too" second-key
auditor "A policy's rules are made weaker in the package" policy-body
auditor "A weaker policy takes its place everywhere" policy-everywhere
auditor "A body is erased without a record" erased
auditor "A result is erased, under the record of another body" erased-other-record
auditor "A record of an erasure is forged with another key" erased-forged
auditor "A record of an erasure is in a second line of a collector" erased-own-line
auditor "A revocation is dropped, and the log built anew" revocation-removed
auditor "A revocation is left out of the package" revocation-hidden
auditor "The collector's own line is left out" own-line-hidden
auditor "A time-stamp is moved to a later checkpoint" token-moved
auditor "A time-stamp over something else" token-other-text
auditor "A time-stamp of an authority of the operator's" token-own
auditor "The cosignatures are taken away" no-cosignatures
auditor "One witness' line is there twice" one-witness-twice
auditor "One witness' signature stands under the other's name" one-witness-as-other
auditor "A witness' key is another one, of the operator's" own-witness
auditor "A statement is said to have been received a day before" received-early
auditor "A statement is said to have been received a day later" received-late
auditor "A host that colludes back-dates a round" back-dated
auditor "The same, and it names no checkpoint" back-dated-no-checkpoint
auditor "The same, and the collector back-dates its receipt" back-dated-receipt
auditor "A host that colludes dates a round forward" forward-dated
auditor "An attestation is made one of another control" attestation-changed
auditor "An attestation is used again" attestation-again
auditor "An attestation is used again when its maker was revoked" attestation-revoked
auditor "The manifest counts fewer statements" manifest-count
auditor "The manifest has another hash total" manifest-total
auditor "The manifest does not list a file" manifest-file
auditor "A failing result of the control is left out" part-left-out
auditor "A failing round of the control is left out" part-round-left-out
auditor "A disclosed result has another verdict" part-verdict

# What nobody can tell from the package, and AUDITING.md says so.
check "a receipt that is moved by seconds is not noticed" \
	vouch verify "$work/attacks/received-a-little" --trust "$work/trust.json" --strict
check "nor a log that is cut off at its last anchor" \
	vouch verify "$work/attacks/tail-at-anchor" --trust "$work/trust.json"
cut=$(sed -n 2p "$work/attacks/tail-at-anchor/log/checkpoint")
check "but a witness shows a larger one" test "$(witness_size 1)" -gt "$cut"
check "and so do the receipts of a host" test "$(sed -n 2p "$work/web/receipts/checkpoint")" -gt "$cut"

# --- the collector's folder

stop collector || true
for name in collector web db; do cp -a "$work/$name" "$work/true-$name"; done
# collector_as NAME [HOST...]: as it was then, with these hosts as they truly are.
collector_as() {
	local name
	[[ -z ${story_processes[collector]-} ]] || stop collector || true
	rm -rf "$collector"
	cp -a "$work/$1" "$collector"
	for name in "${@:2}"; do
		rm -rf "${work:?}/$name"
		cp -a "$work/true-$name" "$work/$name"
	done
}
ship_once() {
	vouch-ship --state "$work/$1" --once
}

collector_as yesterday
collector_start
round web
told "The collector is set back to yesterday" ship_once web
told "The collector is set back to yesterday, and anchored" anchor
new_host mallory
for i in 1 2 3 4 5 6 7 8; do round mallory; done
ship mallory
told "It goes on from yesterday with other statements" ship_once web
told "It goes on from yesterday, and is anchored" anchor

# A statement is taken out of log and database, and the log is signed anew.
collector_as true-collector web db
dropped=7
sqlite3 "$collector/store.db" "CREATE TEMP TABLE gone AS SELECT id FROM evidence WHERE idx = $dropped;
	DELETE FROM evidence WHERE idx = $dropped;
	UPDATE evidence SET idx = -idx WHERE idx > $dropped; UPDATE evidence SET idx = -idx - 1 WHERE idx < 0;
	UPDATE evidence SET id = -id WHERE id > (SELECT id FROM gone); UPDATE evidence SET id = -id - 1 WHERE id < 0;
	UPDATE notes SET id = -id WHERE id > (SELECT id FROM gone); UPDATE notes SET id = -id - 1 WHERE id < 0"
rm -f "$collector"/index.db*
node "$story_top/tests/foreign/attack.mjs" log "$collector" "$dropped"
told "A statement is taken out of log and database, the log is signed anew" vouch-collector fsck "$collector"
rm -rf "$collector"/anchors/0*
check "without its anchors such a folder looks sound" vouch-collector fsck "$collector"
collector_start
round web
told "The same without the anchors: a host's next round" ship_once web
round db
told "The same without the anchors: another host's next round" ship_once db

# One host is shown a log of its own; its statements are put into the one for all others.
collector_as true-collector web db
collector_start
for n in 1 2; do
	round web
	cat "$work"/web/spool/queue/*.json >"$work/line$n"
	ship web
done
collector_as true-collector
collector_start
rounds db db
for n in 1 2; do
	post "$work/line$n" web >"$work/posted$n"
done
a_second
export_it forked "$begin" "$(now)"
told "The log is forked for one host" verified "$work/forked"
found_log() {
	api "/api/v1/findings" | jq -r '.findings[] | select(.kind == "log").text'
	return 1
}
told "The log is forked for one host, and the collector is an honest one" found_log
round web
told "The host is then shown the log of all others" ship_once web

# Another key for a host that lives, with a certificate of the collector's own CA.
collector_as true-collector web db
collector_start
mkdir "$work/kept"
mv "$work/web" "$work/kept/web"
enrol web --root "$work/web-root"
rounds web
rm -rf "$work/web"
mv "$work/kept/web" "$work/web"
round web
told "A second key is enrolled for a host with the collector's own CA" ship_once web
stop collector || true

# What an honest successor finds in the folder.
spoilt() { # ATTACK SQL
	collector_as true-collector
	sqlite3 "$collector/store.db" "$2"
	told "$1" vouch-collector fsck "$collector"
}
idx=$(jq -r 'select(.receivedAt >= "'"$middle"'") | .index' "$work/whole/statements.jsonl" | head -n 1)
spoilt "A verdict is changed in the database" "UPDATE bodies SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"fail\"', '\"pass\"') AS BLOB)
	WHERE sha256 = (SELECT body FROM evidence WHERE idx = $idx)"
spoilt "A body is deleted from the database" "DELETE FROM bodies WHERE sha256 = (SELECT body FROM evidence WHERE idx = $idx)"
spoilt "A statement is deleted from the database" "DELETE FROM evidence WHERE idx = $idx"
spoilt "Two statements change places in the database" "UPDATE evidence SET idx = -1 WHERE idx = $idx;
	UPDATE evidence SET idx = $idx WHERE idx = $idx + 1; UPDATE evidence SET idx = $idx + 1 WHERE idx = -1"

equal "every attack of the table was tried, and no other" "$(cut -d '|' -f 1 "$table" | sort)" "$(sort "$work/tried")"
