#!/bin/bash
# An auditor trusts neither agent nor collector nor our own verifier: in a log of more than 300 really shipped statements
# a bundle from the middle is verified by Sigstore's unmodified library and by openssl, and one changed bit in payload,
# signature, leaf, proof and checkpoint is refused each time.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

collector_new
collector_start
enrol host
small_policy
small_rounds host 300
ship host 120
size=$(log_size)
if ((size >= 300)); then ok "the log has $size entries"; else not_ok "the log has only $size entries"; fi

bundle=$work/bundle.json trust=$work/trust.json root=$work/trusted-root.json
digest=$(all_statements | jq -r 'select(.index == 150) | .digest')
api "/api/v1/statements/$digest/bundle" >"$bundle"
api /api/v1/trust >"$trust"
entry='.verificationMaterial.tlogEntries[0]'
hashes=$(jq "$entry.inclusionProof.hashes | length" "$bundle")
if ((hashes >= 8)); then ok "its proof has $hashes hashes"; else not_ok "its proof has only $hashes hashes"; fi

foreign_verify() {
	node "$foreign/verify.mjs" "$1" "$trust"
}
check "vouch verify accepts it" vouch verify "$bundle" --trust "$trust"
check "Sigstore's library accepts it" foreign_verify "$bundle"

# The signature by openssl alone: PAE over type and payload.
jq -r .dsseEnvelope.payload "$bundle" | base64 -d >"$work/payload"
{
	printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(stat -c %s "$work/payload")"
	cat "$work/payload"
} >"$work/pae"
jq -r '.dsseEnvelope.signatures[0].sig' "$bundle" | base64 -d >"$work/signature"
jq -r '.evidenceKeys[0].publicKey' "$trust" >"$work/evidence.pem"
openssl_verify() {
	openssl pkeyutl -verify -pubin -inkey "$work/evidence.pem" -rawin -in "$work/pae" -sigfile "$work/signature"
}
check "openssl accepts the signature" openssl_verify
check "and, with jq and sha256sum, all of it" "$foreign/verify-openssl.sh" "$bundle" "$trust"
printf x >>"$work/pae"
refused "openssl refuses it over other bytes" "[Ff]ail" openssl_verify

both_refuse() {
	refused "Sigstore's library refuses $1" "REFUSED [A-Z_]+" foreign_verify "$work/changed.json"
	refused "openssl, jq and sha256sum refuse $1" "REFUSED [a-z]+" "$foreign/verify-openssl.sh" "$work/changed.json" "$trust"
	refused "vouch verify refuses $1" "(signature|entry|inclusion|checkpoint): .*" vouch verify "$work/changed.json" --trust "$trust"
}
changed "$bundle" .dsseEnvelope.payload 100 >"$work/changed.json"
both_refuse "a changed payload"
changed "$bundle" '.dsseEnvelope.signatures[0].sig' 40 >"$work/changed.json"
both_refuse "a changed signature"
changed "$bundle" "$entry.canonicalizedBody" -30 >"$work/changed.json"
both_refuse "a changed leaf"
changed "$bundle" "$entry.inclusionProof.hashes[4]" 0 >"$work/changed.json"
both_refuse "a changed proof"
note=$(jq -r "$entry.inclusionProof.checkpoint.envelope" "$bundle")
rootline=$(sed -n 3p <<<"$note")
jq -c --arg old "$rootline" --arg new "$(flip 7 <<<"$rootline")" \
	"$entry.inclusionProof.checkpoint.envelope |= (split(\$old) | join(\$new))" "$bundle" >"$work/changed.json"
both_refuse "a changed checkpoint"
