#!/bin/bash
# When did this exist? A time-stamp authority that nobody here runs says so: over the log's checkpoints and over each full
# round. openssl and Sigstore's unmodified library verify what it signed, and refuse what was changed, is another
# authority's or was made for something else; so does vouch. The authority goes away and comes back, its certificate is
# about to end, and years later the first time still holds.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/tsa.sh"

set_key() {
	sed -i -E "s|^$1:.*|$1: \"$2\"|" "$collector/collector.yaml"
}

anchor_start() {
	start anchor vouch-collector anchor "$collector"
}

collector_new
tsa_port=$(free_ports)
tsa_new tsa 1
tsa_new other 3650
cp "$work/tsa/root.pem" "$collector/timestamp-ca.pem"
set_key timestamp_url "http://127.0.0.1:$tsa_port/tsa"
set_key timestamp_ca timestamp-ca.pem
set_key timestamp_every 60s
set_key witness_every 1s
tsa_start tsa "$tsa_port"
collector_start
anchor_start
enrol host
small_policy
small_rounds host 1
ship host

# --- a full round has its own time-stamp, and Sigstore's library asks for one

full_round() {
	all_statements | jq -r 'select(.type == "round") | .digest' | sed -n 1p
}
digest=$(full_round)
check "a full round has a time-stamp within a minute" within 120 test -s "$collector/timestamps/$digest.tsr"
bundle=$work/bundle.json trust=$work/trust.json
api "/api/v1/statements/$digest/bundle" >"$bundle"
api /api/v1/trust >"$trust"

sigstore() {
	node "$foreign/verify.mjs" --time "$1" "$trust"
}
check "Sigstore's library accepts it with a time-stamp threshold of 1" sigstore "$bundle"
stamped=$(sigstore "$bundle" | cut -d ' ' -f 2)
received=$(all_statements | jq -r --arg digest "$digest" 'select(.digest == $digest) | .receivedAt')
seconds=$(($(date -d "$stamped" +%s) - $(date -d "$received" +%s)))
if ((seconds >= -2 && $(date -d "$stamped" +%s) <= $(date +%s))); then
	ok "its time is between receivedAt and now: $seconds s behind receivedAt"
else
	not_ok "its time, $stamped, is $seconds s behind receivedAt, $received, or to come"
fi
check "vouch verify accepts it" vouch verify "$bundle" --trust "$trust"
vouch verify "$bundle" --trust "$trust" >"$work/said"
check "and says when it existed, and who says so" grep -q "existed at .*authority CN=tsa for 1 days,O=Tests" "$work/said"
if grep -q "no timestamp authority signed" "$work/said"; then not_ok "it says that nobody signed when"; else ok "and no more that nobody signed when"; fi

stamps=.verificationMaterial.timestampVerificationData.rfc3161Timestamps
jq -r '.dsseEnvelope.signatures[0].sig' "$bundle" | base64 -d >"$work/signature"
both_refuse() {
	refused "Sigstore's library refuses $1" "REFUSED [A-Z_]+" sigstore "$work/changed.json"
	refused "vouch verify refuses $1" "timestamp: $2" vouch verify "$work/changed.json" --trust "$trust"
}
with_stamp() {
	jq -c --arg stamp "$(base64 -w 0)" "$stamps[0].signedTimestamp = \$stamp" "$bundle" >"$work/changed.json"
}
for at in -5 -120; do
	changed "$bundle" "$stamps[0].signedTimestamp" "$at" >"$work/changed.json"
	both_refuse "a time-stamp with one bit changed ($at)" "its signature does not hold"
done
tsa_stamp other "$work/signature" | with_stamp
both_refuse "another authority's" "not by a trusted authority"
tsa_stamp tsa "$work/said" | with_stamp
both_refuse "the authority's own over something else" "it is over other data"
jq -c 'del(.verificationMaterial.timestampVerificationData)' "$bundle" >"$work/changed.json"
refused "Sigstore's library refuses a bundle without one" "REFUSED TIMESTAMP_ERROR" sigstore "$work/changed.json"

# --- checkpoints

stamped_anchor() {
	find "$collector/anchors" -name timestamp-1.tsr | sort | tail -n 1 | xargs -r dirname
}
is_stamped() {
	[[ -n $(stamped_anchor) ]]
}
check "an anchor has a time-stamp" within 120 is_stamped
anchor=$(stamped_anchor)
sed '/^$/,$d' "$anchor/checkpoint" >"$work/text"
openssl_verify() { # RESPONSE DATA [SECONDS]
	openssl ts -verify -in "$1" -data "$2" -CAfile "$work/tsa/root.pem" ${3:+-attime "$3"} 2>&1
}
check "openssl verifies it over the checkpoint's text" openssl_verify "$anchor/timestamp-1.tsr" "$work/text"
sed 's/$/ /' "$work/text" >"$work/other-text"
refused "and not over another" "imprint mismatch" openssl_verify "$anchor/timestamp-1.tsr" "$work/other-text"
check "certificates up to the root lie beside it" openssl verify -CAfile "$work/tsa/root.pem" -purpose timestampsign \
	"$anchor/timestamp-1.pem"

# --- the authority goes away, and comes back with another certificate

check "an authority whose own certificate ends no later is not asked again and again" \
	within 120 grep -q "renewals of time-stamps wait for the authority's next certificate" "$work/anchor.log"
stop tsa || true
small_rounds host 1
ship host
second=$(full_round)
within 60 test -e "$collector/timestamps/wanted/$second" # the next checkpoint's may fail before it is asked for
check "an authority that is away is an event" within 120 grep -q "time-stamp authority: http" "$work/anchor.log"
check "what it has not stamped stays wanted" test -e "$collector/timestamps/wanted/$second"
tsa_signer tsa 3650
tsa_start tsa "$tsa_port"
stop anchor || true # its patience grows from a minute on
anchor_start
check "when it is back, nothing was lost" within 120 test -s "$collector/timestamps/$second.tsr"
check "an anchor whose certificate would have ended is renewed" within 120 test -s "$anchor/timestamp-2.tsr"
cat "$work/text" "$anchor/timestamp-1.tsr" >"$work/renewed"
check "openssl verifies the renewal over text and first response" openssl_verify "$anchor/timestamp-2.tsr" "$work/renewed"
years=$(($(date +%s) + 5 * 365 * 86400))
refused "five years on the first certificate has ended" "certificate has expired" \
	openssl_verify "$anchor/timestamp-1.tsr" "$work/text" "$years"
check "and the renewal still holds" openssl_verify "$anchor/timestamp-2.tsr" "$work/renewed" "$years"
check "it is not renewed twice" test ! -e "$anchor/timestamp-3.tsr"

api /api/v1/trust >"$trust"
equal "the trust file has both certificates of the authority for Sigstore" 2 \
	"$(jq '.trustedRoot.timestampAuthorities | length' "$trust")"
equal "and its root once" 1 "$(jq '.timestampAuthorities | length' "$trust")"
check "the first bundle still verifies with it" sigstore "$bundle"
