#!/bin/bash
# A thief of a host's keys: what each key is good for and for how long, who notices, from what, and in which words. And the
# accidents that look the same. The table of it is in docs/AUDITING.md.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/hosts.sh"

# memory_of NAME: the key of the running epoch, out of its sealer's memory, as a file.
memory_of() {
	local fd pid
	pid=$(pgrep -P "${story_processes[sealer-$1]}" -x vouch-sealer || echo "${story_processes[sealer-$1]}")
	fd=$(find "/proc/$pid/fd" -lname '*vouch-epoch*' | head -n 1)
	# The seed in use is the one of two that is not overwritten: RFC 8410's wrapping of it is a key.
	{ printf 302e020100300506032b657004220420 && xxd -p -c 64 "$fd" | sed -E 's/^0{64}//' | cut -c 1-64; } | xxd -r -p |
		openssl pkey -inform DER
}
# forged NAME NUMBER PREVIOUS KEY [JQ]: a line with that number, of the first full round of the host.
forged() {
	local full
	full=$(line_of "$1" | awk '$2 == "round" { digest = $3 } END { print digest }')
	api "/api/v1/statements/$full" | jq -r .payload | base64 -d | jq -cSj --argjson number "$2" --arg previous "$3" \
		".predicate |= (.sequence = \$number | .previous = \$previous | ${5-.})" >"$work/payload"
	api "/api/v1/statements/$full/body" >"$work/body"
	seal "$work/payload" "$(base64 -w 0 <"$work/body")" "$4"
}
# answered WHAT WANTED NAME LINE-FILE: the collector's outcome and reason for what that host's certificate sends.
answered() {
	local answer
	answer=$(post "$4" "$3" | jq -r '"\(.outcome) \(.reason // "")"' | paste -sd '|')
	if [[ $answer =~ $2 ]]; then ok "$1 (${answer:0:120})"; else not_ok "$1: wanted /$2/, got '$answer'"; fi
}


package() {
	local to
	rm -rf "$work/package"
	to=$(date -u -d "${2-now + 2 seconds}" +%Y-%m-%dT%H:%M:%SZ)
	vouch export --package "$work/package" --host "$(id_of "$1")" --from "$(date -u -d '1 day ago' +%F)" --to "$to" --by a >/dev/null 2>&1
	vouch export --trust -o "$work/trust.json" >/dev/null 2>&1
	vouch verify "$work/package" --trust "$work/trust.json" >"$work/verified" 2>&1
}

collector_new
collector_start
small_policy

# --- the epoch's key, out of the sealer's memory
new_host memory --helpers "$work/run-memory"
sealer_start memory --epoch 4s
check "a host speaks" said memory
memory_of memory >"$work/stolen-1.pem"
read -r earlier _ previous <<<"$(last_of memory)"
sleep 4 # its time
check "its key changes within the boot" said memory
memory_of memory >"$work/stolen-2.pem"
refused "it is another then" "differ" cmp "$work/stolen-1.pem" "$work/stolen-2.pem"
read -r number _ digest <<<"$(last_of memory)"
forged memory $((number + 1)) "$digest" "$work/stolen-1.pem" >"$work/line"
answered "the stolen key of an epoch before signs nothing any more" "^refused signature: .*no signature by this key" memory "$work/line"
forged memory $((earlier + 1)) "$previous" "$work/stolen-1.pem" >"$work/line"
answered "not even where it was the one that signed" "^refused signature: " memory "$work/line"
forged memory $((earlier + 1)) "$previous" "$work/stolen-2.pem" >"$work/line"
answered "the present one does not go back behind what there is" "^refused sequence: a fork in the chain: another statement is number" memory "$work/line"
finds "each is found" memory "a fork in the chain"
stop sealer-memory || true

# --- the same key beside the live host: who comes first
for first in thief host; do
	name=race-$first
	new_host "$name" --helpers "$work/run-$name"
	sealer_start "$name"
	said "$name"
	memory_of "$name" >"$work/stolen.pem"
	read -r number _ digest <<<"$(last_of "$name")"
	forged "$name" $((number + 1)) "$digest" "$work/stolen.pem" >"$work/line"
	if [[ $first == thief ]]; then
		answered "the key of the running epoch signs what comes next" "^logged" "$name" "$work/line"
		check "the host's own is refused" not said $name
		finds "and found" "$name" "sequence: a fork in the chain: another statement is number $((number + 1))"
		check "the host is told" grep -q "refused for good and moved aside" "$work/ship-$name.log"
		check "the envelope that was refused is kept" grep -q payloadType \
			<(api "/api/v1/refused/$(api "/api/v1/findings?host=$(id_of "$name")" | jq -r '.findings[0].statement')")
		check "and so is the host's file" grep -q "a fork" <(refused_of "$name")
	else
		said "$name"
		answered "behind the host's own it is a fork" "^refused sequence: a fork in the chain" "$name" "$work/line"
		finds "and found" "$name" "a fork in the chain: another statement is number $((number + 1))"
		forged "$name" $((number + 2)) "$digest" "$work/stolen.pem" >"$work/line"
		answered "and where it names the wrong one before it" "^refused previous: a fork in the chain: not the digest" "$name" "$work/line"
	fi
	stop "sealer-$name" || true
done

# --- the enrolled key and the transport key, from the disk
new_host disk --helpers "$work/run-disk"
sealer_start disk
said disk
cp -a "$work/disk" "$work/thief"
cp -a "$work/keep-disk" "$work/keep-thief"
cp -a "$work/root-disk" "$work/root-thief"
read -r number _ digest <<<"$(last_of disk)"
forged disk $((number + 1)) "$digest" "$work/disk/enrolment/evidence.pem" >"$work/line"
answered "the enrolled key signs no round" "^refused epoch: behind an epoch the enrolled key signs nothing but the next" disk "$work/line"
forged disk $((number + 1)) "$digest" "$work/disk/enrolment/transport.pem" >"$work/line"
answered "nor does the transport key" "^refused signature: " disk "$work/line"
boot thief
sealer_start thief
check "a thief of the disk opens an epoch of their own" said thief
equal "as of a boot" boot "$(api "/api/v1/statements/$(line_of thief | sort -n | awk '$2 == "epoch" { d = $3 } END { print d }')" |
	jq -r '.payload' | base64 -d | jq -r .predicate.reason)"
check "the live host's next is refused" not said disk
finds "and found" disk "fork in the chain: by the key of the epoch that number 2 began, which has ended"
check "the host is told" grep -q "has ended" <(refused_of disk)
check "an auditor sees no contradiction in the line" package disk
check "but one boot more" grep -q "boots 1, resets 0" "$work/verified"
stop sealer-thief || true
stop sealer-disk || true

# --- simplereenroll with the stolen transport key
# reenrol NAME KEY ID: the collector's answer and status when that host's certificate asks for one of this key and id.
reenrol() {
	local enrolment=$work/$1/enrolment
	openssl req -new -key "$2" -subj "/CN=$3" -outform DER 2>/dev/null | base64 -w 0 |
		curl -sS --cacert "$enrolment/ca.pem" --cert "$enrolment/transport-cert.pem" --key "$enrolment/transport.pem" \
			-H 'Content-Type: application/pkcs10' --data-binary @- -w '%{http_code}' "$url/.well-known/est/simplereenroll" |
		paste -sd ' '
}
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$work/other.pem" 2>/dev/null
host=$(id_of disk)
transport=$work/disk/enrolment/transport.pem
check "the transport key is good for another certificate of itself" grep -q '200$' <(reenrol disk "$transport" "$host")
check "not for one of another key" grep -q "another key than the certificate's.* 400$" <(reenrol disk "$work/other.pem" "$host")
check "nor of another host" grep -q "another host than the certificate.* 400$" <(reenrol disk "$transport" "$(id_of memory)")
check "each is an event" grep -q "another certificate for host $host" "$work/collector.log"

# --- another host's statements
new_host other
said other
round other
cat "$work/other/spool/queue"/*.json >"$work/line"
answered "another host's statements do not pass for one's own" "^refused signature: " race-host "$work/line"
ship other
answered "nor again" "^refused signature: " race-host "$work/line"
answered "one's own that is replayed is known, and counts once" "^known" other "$work/line"

# --- a stolen token
new_host token
said token
cp -a "$work/root-token" "$work/root-usurper"
boot usurper
enrol usurper --root "$work/root-usurper"
check "whoever holds a token enrols as any host" said usurper
finds "which is found" token "enrolled anew while the line before was still reporting"
check "the host is shut out" not said token
check "and told" grep -q "this line has ended: the host was enrolled anew, or revoked" "$work/ship-token.log"
equal "it keeps what it could not deliver" "1 0" "$(spooled token) $(find "$work/token/spool/refused" -type f | wc -l)"
package token
equal "the package has both lines" 2 "$(grep -c "^  line of entry" "$work/verified")"
jq --arg key "$(openssl pkey -in "$work/token/enrolment/evidence.pem" -pubout -outform DER | sha256sum | cut -d ' ' -f 1)" \
	'.evidenceKeys |= map(select(.keyid == $key))' "$work/trust.json" >"$work/own-trust.json"
refused "an auditor who has the host's own key sees that the other is not it" "is enrolled with another key than the trust file has" \
	vouch verify "$work/package" --trust "$work/own-trust.json"

# --- revoked, from a time that is past
a_second
from=$(date -u +%Y-%m-%dT%H:%M:%SZ)
a_second
early=$(date -u -d '10 minutes ago' +%Y-%m-%dT%H:%M:%SZ)
read -r number _ digest <<<"$(last_of usurper)"
forged usurper $((number + 1)) "$digest" "$work/usurper/enrolment/evidence.pem" \
	".startedAt = \"$early\" | .finishedAt = \"$early\"" >"$work/line"
answered "what is back-dated is taken" "^logged" usurper "$work/line"
equal "while nobody has noticed, results stand" pass "$(state_of usurper)"
vouch-collector revoke "$collector" --host "$(id_of usurper)" --from "$from" --reason "the key was stolen" --by "the officer" \
	>/dev/null
equal "behind the revocation they say nothing" unknown "$(state_of usurper)"
finds "it is found" usurper "revoked by the officer, not to be believed from $from on: the key was stolen"
check "nothing more is taken" grep -q "this line has ended" <(post "$work/line" usurper)
check "nor is its certificate renewed" grep -q ' 403$' \
	<(reenrol usurper "$work/usurper/enrolment/transport.pem" "$(id_of usurper)")
package usurper
check "an auditor sees since when it is not believed" grep -q "revoked from $from by the officer, the key was stolen" "$work/verified"
check "and that what came later was dated earlier" grep -q \
	"it comes behind the time from which its key was revoked" "$work/verified"
