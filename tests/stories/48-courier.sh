#!/bin/bash
# Hosts that no network reaches: their statements are carried to the collector in a folder, and the receipts back. The
# same proofs hold as over the network; what is lost on the way is carried again, and what somebody changed is refused.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

collector_new
collector_start
small_policy
for host in far other near; do
	mkdir -p "$work/$host-root/etc"
	echo 'PRETTY_NAME="Debian"' >"$work/$host-root/etc/os-release"
	md5sum <<<"$host $work" | cut -d ' ' -f 1 >"$work/$host-root/etc/machine-id"
	enrol "$host" --root "$work/$host-root"
done
# rounds NAME N
rounds() {
	local i
	for ((i = 0; i < $2; i++)); do
		vouchd --state "$work/$1" --config "$work/small-config.yaml" --root "$work/$1-root" --once >>"$work/vouchd.log" 2>&1
	done
}
id() {
	jq -r .hostId "$work/$1/enrolment/enrolment.json"
}
carry() {
	vouch-ship --state "$work/$1" --to "$2"
}
import() {
	vouch-collector import "$collector" "$1" --answers "$2"
}
bring() {
	vouch-ship --state "$work/$1" --from "$2" "${@:3}"
}
last() {
	jq -r .previous "$work/$1/spool/chain.json"
}
mkdir "$work/out" "$work/back"

# --- one trip
rounds far 2
rounds other 1
carry far "$work/out" >"$work/carry.log"
carry other "$work/out" >>"$work/carry.log"
check "it says what it wrote, and that it stays" grep -qE 'far|statements, [0-9]+ bytes; they stay in the spool' "$work/carry.log"
equal "everything stays in the spool" 4 "$(spooled far)"
carry far "$work/out" >"$work/carried-again.log"
check "written again it is the same parcel" grep -q 'is there already, with the same 4' "$work/carried-again.log"
equal "a parcel for each host" 2 "$(find "$work/out" -name parcel.json | wc -l)"
check "it is signed as openssl says" bash -c '
	cd "$1"/'"$(id far)"'-* && jq -r .payload parcel.json | base64 -d >payload && size=$(stat -c %s payload) &&
	type=$(jq -r .payloadType parcel.json) && jq -r ".signatures[0].sig" parcel.json | base64 -d >sig &&
	{ printf "DSSEv1 %d %s %d " ${#type} "$type" "$size"; cat payload; } >pae &&
	openssl x509 -in certificate.pem -noout -pubkey >key && openssl dgst -sha256 -verify key -signature sig pae &&
	rm payload sig pae key' - "$work/out"
import "$work/out" "$work/back" >"$work/import.log" 2>&1
check "the collector takes them while it runs" grep -q '^7 statements, 2 parcels' "$work/import.log"
bring far "$work/back" >"$work/bring.log"
check "the receipts hold" grep -qx '4 stored, receipts verified' "$work/bring.log"
equal "and only then the spool is empty" 0 "$(spooled far)"
check "the collector has the last statement" api "/api/v1/statements/$(last far)"
bring other "$work/back" >>"$work/bring.log"
equal "each host takes its own" 0 "$(spooled other)"
check "taken twice nothing happens" bring far "$work/back"
carry far "$work/out" >"$work/carried-nothing.log"
check "with nothing to carry nothing is written" grep -q 'nothing to carry' "$work/carried-nothing.log"

# --- the log grew meanwhile: the proof that it continues comes along
rm -rf "$work/out" "$work/back"
mkdir "$work/out"
rounds near 3
ship near
rounds far 70 # more than one step of the import
carry far "$work/out" >>"$work/carry.log"
rounds near 1
ship near
import "$work/out" "$work/back" >>"$work/import.log" 2>&1
check "what is long says how far it is" grep -qE ': 64 of 70 statements' "$work/import.log"
check "tiles are among the answers" test -n "$(find "$work/back" -path '*/log/tile/0/*')"
bring far "$work/back" >>"$work/bring.log"
equal "a log that grew is proved to continue" 0 "$(spooled far)"

# --- lost on the way back; the collector does not run
rounds far 2
rm -rf "$work/out" "$work/back"
refused "a stick that is not mounted is not written to" "make folder" carry far "$work/stick/out"
carry far "$work/out" >>"$work/carry.log" # which makes the folder
stop collector
import "$work/out" "$work/lost" >>"$work/import.log" 2>&1
import "$work/out" "$work/back" >"$work/again.log" 2>&1
check "what came already is known" grep -q '0 logged, 2 known' "$work/again.log"
bring far "$work/back" >>"$work/bring.log"
equal "and its receipts are as good" 0 "$(spooled far)"
collector_start

# --- somebody on the way
rounds far 2
rm -rf "$work/out" "$work/back" "$work/lost"
mkdir "$work/out"
carry far "$work/out" >>"$work/carry.log"
parcel=$(echo "$work/out/$(id far)"-*)
cp -r "$parcel" "$work/kept"
# tampered WHAT: a name for the folder of a changed copy, in $tampered
tamper() {
	rm -rf "$work/tampered" "$work/answers"
	cp -r "$work/kept" "$work/tampered"
	tampered=$work/tampered
}
tamper
head -n 1 "$work/kept/statements.jsonl" >"$tampered/statements.jsonl"
refused "a line left out" "not the bytes that the host signed for" import "$tampered" "$work/answers"
tamper
cp "$work/other/enrolment/transport-cert.pem" "$tampered/certificate.pem"
refused "another host's certificate" "no signature by this key" import "$tampered" "$work/answers"
tamper
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/x.key" -out "$tampered/certificate.pem" \
	-subj "/CN=$(id far)" -days 2 2>/dev/null
refused "a certificate that nobody issued" "not of an enrolled host" import "$tampered" "$work/answers"
tamper
rm "$tampered/statements.jsonl"
mkfifo "$tampered/statements.jsonl"
refused "a pipe where a file should be" "it is no file" timeout 60 vouch-collector import "$collector" "$tampered" --answers "$work/answers"
tamper
ln -sf "$work/kept/statements.jsonl" "$tampered/statements.jsonl"
refused "a link" "statements.jsonl" import "$tampered" "$work/answers"
check "nothing of it is left among the answers" test -z "$(ls -A "$work/answers")"
import "$work/out" "$work/back" >>"$work/import.log" 2>&1
answers=$(echo "$work/back/$(id far)"-*)
cp -r "$work/back" "$work/forged"
forged=$(echo "$work/forged/$(id far)"-*)
jq -c '.outcome = "refused" | .reason = "because I say so" | del(.receipt)' "$answers/answers.jsonl" >"$forged/answers.jsonl"
refused "a refusal in a folder" "2 refused and left in the spool" bring far "$work/forged"
equal "it is not believed" 2 "$(spooled far)"
jq -c '.receipt |= sub("index [0-9]+"; "index 0")' "$answers/answers.jsonl" >"$forged/answers.jsonl"
refused "a receipt that was changed" "vouch-ship: .*proof|vouch-ship: receipt|inclusion" bring far "$work/forged"
equal "and nothing leaves the spool" 2 "$(spooled far)"
rm "$forged/answers.jsonl"
mkfifo "$forged/answers.jsonl"
refused "a pipe among the answers" "it is no file" timeout 60 vouch-ship --state "$work/far" --from "$work/forged"
ln -sf "$answers/answers.jsonl" "$forged/answers.jsonl"
refused "a link among them" "it is a link" timeout 60 vouch-ship --state "$work/far" --from "$work/forged"
mkdir "$work/stick" "$work/elsewhere"
echo kept >"$work/elsewhere/parcel.json"
ln -s "$work/elsewhere" "$work/stick/.tmp-parcel-$(id far)"
refused "a link where a parcel is made" "it is no folder" carry far "$work/stick"
equal "what it leads to is as it was" kept "$(cat "$work"/elsewhere/*)"
rm "$work/stick/.tmp-parcel-$(id far)"
mkdir "$work/stick/${parcel##*/}"
carry far "$work/stick" >>"$work/carry.log"
check "an empty folder of a parcel's name is none that is there already" test -s "$work/stick/${parcel##*/}/parcel.json"
bring far "$work/back" >>"$work/bring.log"
equal "with the true answers it does" 0 "$(spooled far)"

# --- a line that was revoked
rounds far 1
rm -rf "$work/out" "$work/back"
mkdir "$work/out"
carry far "$work/out" >>"$work/carry.log"
vouch-collector revoke "$collector" --host "$(id far)" --reason "lost" --by tests >>"$work/revoke.log"
refused "a revoked host's parcel" "this line has ended" import "$work/out" "$work/back"
check "what was taken stands, once" bash -c 'test "$(printf %s "$1" | grep -c .)" = 78' - "$(all_statements | jq -r "select(.host == \"$(id far)\") | .digest" | sort -u)"

# --- a host that was never on a network: enrolled with files, by a CA of the organisation
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/pki.key" -out "$work/pki.pem" -days 2 \
	-subj "/CN=Organisation" -addext basicConstraints=critical,CA:TRUE 2>>"$work/openssl.log"
stop collector
cp "$work/pki.pem" "$collector/outside.pem"
sed -i 's/^agent_ca:.*/agent_ca: outside.pem/' "$collector/collector.yaml"
mkdir -p "$work/island-root/etc"
cp "$work/far-root/etc/os-release" "$work/island-root/etc"
md5sum <<<"island $work" | cut -d ' ' -f 1 >"$work/island-root/etc/machine-id"
vouch enrol "$url" --state "$work/island" --root "$work/island-root" --request "$work/island.csr" >>"$work/enrol.log"
openssl x509 -req -in "$work/island.csr" -CA "$work/pki.pem" -CAkey "$work/pki.key" -days 1 -copy_extensions copyall \
	-out "$work/island.pem" 2>>"$work/openssl.log"
vouch enrol "$url" --state "$work/island" --root "$work/island-root" --certificate "$work/island.pem" \
	--ca <(cat "$work/pki.pem" "$collector/ca.crt") --log-key "$(vouch-collector log-key "$collector")" >>"$work/enrol.log"
rounds island 2
rm -rf "$work/out" "$work/back"
mkdir "$work/out"
carry island "$work/out" >>"$work/carry.log"
sed -i 's/^agent_ca:.*/agent_ca: ""/' "$collector/collector.yaml"
refused "a CA that the collector does not trust" "not of an enrolled host" import "$work/out" "$work/back"
sed -i 's/^agent_ca:.*/agent_ca: outside.pem/' "$collector/collector.yaml"
import "$work/out" "$work/back" >>"$work/import.log" 2>&1
bring island "$work/back" >>"$work/bring.log"
equal "a host that was never on a network is in the log" 0 "$(spooled island)"
