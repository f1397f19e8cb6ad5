#!/bin/bash
# What an operator does to evidence is evidence: results are erased under a retention rule while every proof still holds,
# a host's line is ended, and both are statements of the collector's own line, in the log, done once however it is killed.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

digest_of() {
	all_statements | jq -r "select(.host == \"$host\" and .sequence == $1) | .digest"
}
own() {
	all_statements | jq -r 'select(.host != "'"$host"'") | .type' | sort | uniq -c | awk '{print $2, $1}' | paste -sd ' '
}
payload() {
	api "/api/v1/statements/$1" | jq -r .payload | base64 -d
}
everywhere() {
	stop collector TERM || true
	! grep -rq "$1" "$collector"
	local found=$?
	collector_start
	return "$found"
}

collector_new
collector_start
small_policy
sed -i -e 's|with: .*|with: {path: /etc/os-release, pattern: "NAME=.*"}\n    show: true|' "$work/small.yaml"
# host NAME: enrolled, with a folder of its own to look at; round NAME PERSON: a round that sees the person.
new_host() {
	mkdir -p "$work/$1-root/etc"
	tr -d - </proc/sys/kernel/random/uuid >"$work/$1-root/etc/machine-id"
	vouch enrol "$url" --token "$(vouch-collector token add "$collector")" --ca-fingerprint "$fingerprint" \
		--state "$work/$1" --root "$work/$1-root" >>"$work/enrol.log" 2>&1
	host=$(jq -r .hostId "$work/$1/enrolment/enrolment.json")
}
round() {
	echo "NAME=$2" >"$work/$1-root/etc/os-release"
	vouchd --state "$work/$1" --config "$work/small-config.yaml" --once --root "$work/$1-root" >>"$work/vouchd.log" 2>&1
}
new_host host
for name in Alice-Example Bob-Example Carol-Example Carol-Example; do
	round host "$name"
	ship host
done
equal "four rounds are there, behind enrolment and policy" 6 "$(log_size)"
first=$(digest_of 3) last=$(digest_of 6)
check "the first names Alice" grep -q Alice-Example <(api "/api/v1/statements/$first/body")
trust() {
	api /api/v1/trust >"$work/trust.json"
	api "/api/v1/statements/$1/bundle" >"$work/bundle.json"
	vouch verify "$work/bundle.json" --trust "$work/trust.json"
}

erase() {
	vouch-collector erase "$collector" "$@" --retention "schedule 7.2" --reason "a name" --by "the officer"
}
refused "nothing is erased without a reason" "\"reason\"" vouch-collector erase "$collector" --host "$host" --before "$(date -u +%F)" --retention x
refused "nor what came before anything did" "nothing to erase" erase --host "$host" --before 2020-01-01
refused "nor what is current" "current results" erase --statement "$last"
refused "nor what no host can do without" "nothing to erase" erase --statement "$(digest_of 1)"
check "a result is erased beside the running collector" erase --statement "$first" --rule small.os
equal "its body keeps the leaf, and the collector's word for the verdict" "small.os pass 64 null" \
	"$(api "/api/v1/statements/$first/body" | jq -r '.results[0] | "\(.rule) \(.verdict) \(.erased.leaf | length) \(.observed)"')"
equal "that it was done is logged, in a line of its own" "enrolment 1 erasure 1" "$(own)"
erasure=$(api "/api/v1/statements/$first/body" | jq -r '.results[0].erased.statement')
equal "by whom, why and under which rule" "the officer, a name, schedule 7.2" \
	"$(api "/api/v1/statements/$erasure/body" | jq -r '"\(.by), \(.reason), \(.retention)"')"
equal "the statement names the body" "$first $(payload "$first" | jq -r '.subject[0].digest.sha256')" \
	"$(api "/api/v1/statements/$erasure/body" | jq -r '.bodies[0] | "\(.statement) \(.body)"')"
check "the statement still verifies" trust "$first"
check "so does the erasure" trust "$erasure"
equal "the trust file has the key of the collector's own line" "$(api "/api/v1/statements/$erasure" | jq -r '.signatures[0].keyid')" \
	"$(jq -r .collectorKey.keyid "$work/trust.json")"
check "the next round says what was before it, and still names Alice" \
	grep -q '"changed".*Alice-Example' <(api "/api/v1/statements/$(digest_of 4)/body")
check "until that result is erased too" erase --statement "$(digest_of 4)" --rule small.os
check "Alice is in no file of the collector any more" everywhere Alice-Example
refused "what is gone is not erased again" "nothing to erase" erase --statement "$first"
stop collector TERM || true
a_second
check "it works without a running collector" erase --host "$host" --before "$(date -u -d '+0 seconds' +%FT%TZ)"
cp -a "$collector" "$work/before-rebuild"
check "what is derived is derived again without what was erased" vouch-collector rebuild "$collector"
collector_start
equal "and is the same" "$(sqlite3 "$work/before-rebuild/index.db" 'SELECT host, rule, verdict FROM history ORDER BY id; SELECT host, rule, verdict, json FROM results')" \
	"$(sqlite3 "$collector/index.db" 'SELECT host, rule, verdict FROM history ORDER BY id; SELECT host, rule, verdict, json FROM results')"
check "the current result stays" grep -q Carol-Example <(api "/api/v1/results?host=$host")
check "Bob went too" everywhere Bob-Example
round host Carol-Example
check "the line goes on" ship host
equal "with nothing refused" 0 "$(find "$work/host/spool/refused" -name '*.json' | wc -l)"

check "a host is revoked" vouch-collector revoke "$collector" --host "$host" --reason "its key was stolen" --by "the officer"
refused "once" "no host with this id" vouch-collector revoke "$collector" --host "$host" --reason again
round host Carol-Example
check "nothing more of it is taken" eval '! ship host'
check "and it is told why" grep -q "enrolled anew, or revoked" "$work/ship-host.log"
equal "it is a finding about the host" "its key was stolen" \
	"$(sqlite3 "$collector/index.db" "SELECT text FROM findings WHERE kind = 'revoked'" | sed 's/.*: //')"
equal "and the log" "enrolment 1 erasure 3 revocation 1" "$(own)"
equal "the collector is no host of the population" 1 "$(api /api/v1/hosts | jq '.hosts | length')"

# Killed at each call that makes something durable: said once, done once.
new_host other
for name in Dora-Example Emil-Example; do
	rm -f "$work/other/spool/current.json" # so that the current round does not say what was before it
	round other "$name"
	ship other
done
third=$(digest_of 3)
stop collector TERM || true
cp -a "$collector" "$work/whole"
broken=0 runs=0
# strace counts each call for itself.
killed_at() {
	rm -rf "$collector"
	cp -a "$work/whole" "$collector"
	{ strace -f -qq -o /dev/null -e trace="$1" -e inject="$1:signal=KILL:when=$2" vouch-collector erase "$collector" \
		--statement "$third" --retention r --reason w >"$work/killed.log" 2>&1; } 2>/dev/null
}
for call in fsync fdatasync rename unlink; do
	for ((at = 1; at < 100; at++)); do
		killed_at "$call" "$at" && break
		runs=$((runs + 1))
		vouch-collector erase "$collector" --statement "$third" --retention r --reason w >"$work/again.log" 2>&1 || true
		said=$(sqlite3 "$collector/index.db" "SELECT count(*) FROM statements WHERE type = 'erasure'")
		lost=$(sqlite3 "$collector/store.db" "SELECT count(*) FROM orphans")
		[[ $said == 4 && $lost == 0 ]] && ! grep -rq Dora-Example "$collector" ||
			{ broken=$((broken + 1)) && echo "killed at $call $at: $said said, $lost lost"; }
	done
done
check "it was killed at 15 calls and more" test "$runs" -ge 15
equal "at each of $runs, an erasure is said once and done" 0 "$broken"

# fsck: what the operator may do it takes, what nobody may it finds.
rm -rf "$collector"
cp -a "$work/whole" "$collector"
vouch-collector erase "$collector" --statement "$third" --retention r --reason w >/dev/null 2>&1
check "fsck finds nothing wrong with what was erased by the rules" vouch-collector fsck "$collector"
cp -a "$collector" "$work/sound"
# spoilt WHAT MESSAGE COMMAND...: the collector's folder, after the command, is not sound.
spoilt() {
	rm -rf "$collector"
	cp -a "$work/sound" "$collector"
	"${@:3}"
	refused "$1" "$2" vouch-collector fsck "$collector"
}
sql() {
	sqlite3 "$collector/store.db" "$1" >/dev/null
}
flip_byte() {
	local byte
	byte=$(xxd -s "$2" -l 1 -p "$1")
	printf %02x $((0x$byte ^ 0xff)) | xxd -r -p | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
size=$(sed -n 2p "$collector/log/checkpoint")
spoilt "a byte of an entry is found" "WRONG: log" flip_byte "$collector/log/tile/entries/000.p/$size" 40
spoilt "a byte of a tile too" "WRONG: log" flip_byte "$collector/log/tile/0/000.p/$size" 40
spoilt "a body that is gone without a record" "no statement says that it was erased" \
	sql "DELETE FROM bodies WHERE sha256 = (SELECT body FROM evidence WHERE idx = 1)"
spoilt "a body that was changed" "its body is another" \
	sql "UPDATE bodies SET bytes = CAST(replace(CAST(bytes AS TEXT), 'pass', 'fail') AS BLOB) WHERE sha256 = (SELECT body FROM evidence WHERE idx = 5)"
spoilt "an erased result whose leaf was changed" "do not give the root" \
	sql "UPDATE bodies SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"leaf\":\"' || substr(substr(CAST(bytes AS TEXT), instr(CAST(bytes AS TEXT), '\"leaf\":\"') + 8), 1, 8), '\"leaf\":\"00000000') AS BLOB) WHERE sha256 = (SELECT body FROM evidence WHERE digest = '$third')"
spoilt "an envelope that was changed" "WRONG: statement" \
	sql "UPDATE evidence SET envelope = CAST(replace(CAST(envelope AS TEXT), '\"sig\":\"', '\"sig\":\"AA') AS BLOB) WHERE idx = 3"
spoilt "statements that changed places" "the log has another entry there" \
	sql "UPDATE evidence SET idx = -1 WHERE idx = 3; UPDATE evidence SET idx = 3 WHERE idx = 4; UPDATE evidence SET idx = 4 WHERE idx = -1"
spoilt "a statement that was taken away" "entry 3 of the log has no statement" \
	sql "DELETE FROM evidence WHERE idx = 3"
spoilt "a round's body that is gone, whatever of it was erased" "its body is gone" \
	sql "DELETE FROM bodies WHERE sha256 = (SELECT body FROM evidence WHERE digest = '$third')"
