#!/bin/bash
# verify-openssl.sh BUNDLE TRUST [BODY]
#
# Verifies a bundle with openssl, jq, sha256sum, base64 and xxd, and none of vouch's code. It is short so that it can be
# read before it is believed; docs/AUDITING.md goes through it by hand. Prints a line for each step, then OK; or
# REFUSED with the step and the reason. Exits with 0 or 1.
set -efuo pipefail
export LC_ALL=C
exec 3>&1 # where refusals go, also from within $(...)
[ $# -ge 2 ] || { echo "usage: $0 BUNDLE TRUST [BODY]" >&2; exit 2; }
bundle=$1 trust=$2 body=${3-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

refuse() { echo "REFUSED $1: $2" >&3; exit 1; }
from_bundle() { jq -er "$1" "$bundle" 2>/dev/null || refuse bundle "has no $1"; }
hex() { xxd -p -c 1000000; }
sha256() { sha256sum | cut -d' ' -f1; }
unbase64() { base64 -d 2>/dev/null || refuse "$1" "not base64"; }
# Numbers go into arithmetic below: digits alone.
number() { [[ $2 =~ ^(0|[1-9][0-9]{0,17})$ ]] || refuse "$1" "not a number: $2"; }
ed25519_der() { echo "302a300506032b6570032100$1" | xxd -r -p; } # RFC 8410: SubjectPublicKeyInfo of 32 raw bytes

# --- signature: by a key of the trust file, over the DSSE v1 pre-authentication encoding
hint=$(from_bundle .verificationMaterial.publicKey.hint)
jq -er --arg id "$hint" 'first(.evidenceKeys[] | select(.keyid == $id)).publicKey' "$trust" >"$work/key.pem" ||
	refuse signature "the trust file has no key $hint"
openssl pkey -pubin -in "$work/key.pem" -outform DER -out "$work/key.der"
[ "$(sha256 <"$work/key.der")" = "$hint" ] || refuse signature "the key is not the one that its id says"
type=$(from_bundle .dsseEnvelope.payloadType)
[ "$type" = application/vnd.in-toto+json ] || refuse signature "payload type $type"
from_bundle .dsseEnvelope.payload | unbase64 signature >"$work/payload"
from_bundle '.dsseEnvelope.signatures | if length == 1 then .[0].sig else error end' |
	unbase64 signature >"$work/signature"
{ printf 'DSSEv1 %d %s %d ' ${#type} "$type" "$(stat -c %s "$work/payload")"; cat "$work/payload"; } >"$work/pae"
case $(xxd -p "$work/key.der" | tr -d '\n') in # RFC 8410, RFC 5480: which kind of key
302a300506032b6570032100*) details=PKIX_ED25519 digest= ;;
3059301306072a8648ce3d020106082a8648ce3d03010703420004*) details=PKIX_ECDSA_P256_SHA_256 digest="-digest sha256" ;;
*) refuse signature "the key is neither an Ed25519 nor a P-256 key" ;;
esac
# shellcheck disable=SC2086
openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin $digest -in "$work/pae" -sigfile "$work/signature" \
	>/dev/null 2>&1 || refuse signature "does not hold"
echo "signature: by evidence key $hint"
jq -er --arg id "$hint" 'first(.evidenceKeys[] | select(.keyid == $id)) | .host' "$trust" >"$work/host"
[ "$(jq -r .predicate.host.id "$work/payload")" = "$(cat "$work/host")" ] ||
	refuse signature "the statement names another host than the key's"

# --- body: its SHA-256 is the statement's subject
if [ -n "$body" ]; then
	[ "$(sha256 <"$body")" = "$(jq -r '.subject[0].digest.sha256' "$work/payload")" ] ||
		refuse body "is not what the statement is about"
	echo "body: is the statement's subject"
fi

# --- entry: what the log has is made of this payload, this signature and this key, and of nothing else
logged='.verificationMaterial.tlogEntries[0]'
printf '{"apiVersion":"0.0.2","kind":"dsse","spec":{"dsseV002":{"payloadHash":{"algorithm":"SHA2_256","digest":"%s"},' \
	"$(sha256 <"$work/payload" | xxd -r -p | base64 -w0)" >"$work/entry"
printf '"signatures":[{"content":"%s","verifier":{"keyDetails":"%s","publicKey":{"rawBytes":"%s"}}}]}}}' \
	"$(base64 -w0 "$work/signature")" $details "$(base64 -w0 "$work/key.der")" >>"$work/entry"
from_bundle "$logged.canonicalizedBody" | unbase64 entry >"$work/logged"
cmp -s "$work/entry" "$work/logged" || refuse entry "the logged entry is not this envelope's"
echo "entry: is this envelope's"

# --- inclusion: RFC 9162 2.1.3.2, from the entry's leaf hash up to a root
index=$(from_bundle "$logged.inclusionProof.logIndex") size=$(from_bundle "$logged.inclusionProof.treeSize")
number inclusion "$index" && number inclusion "$size"
((index < size)) || refuse inclusion "no such leaf"
node() { echo "01$1$2" | xxd -r -p | sha256; }
fn=$index sn=$((size - 1))
r=$({ printf '\0'; cat "$work/entry"; } | sha256)
hashes=$(from_bundle "$logged.inclusionProof.hashes | join(\" \")")
for p in $hashes; do
	p=$(unbase64 inclusion <<<"$p" | hex)
	((${#p} == 64 && sn > 0)) || refuse inclusion "the path is too long, or holds no hash"
	if ((fn & 1 || fn == sn)); then
		r=$(node "$p" "$r")
		while ((!(fn & 1) && fn)); do ((fn >>= 1, sn >>= 1)) || true; done
	else
		r=$(node "$r" "$p")
	fi
	((fn >>= 1, sn >>= 1)) || true
done
((sn == 0)) || refuse inclusion "the path is too short"
root=$(from_bundle "$logged.inclusionProof.rootHash" | unbase64 inclusion | hex)
[ "$root" = "$r" ] || refuse inclusion "the path does not lead to the root"
echo "inclusion: entry $index of $size, root $r"

# --- checkpoint: a note by a log of the trust file that says the same size and root
note=$(from_bundle "$logged.inclusionProof.checkpoint.envelope"; printf x) note=${note%$'\n'x}
text=${note%$'\n\n'*}$'\n' signatures=${note##*$'\n\n'}
{ IFS= read -r origin && IFS= read -r noted_size && IFS= read -r noted_root; } <<<"$text" || refuse checkpoint "malformed"
noted_root=$(unbase64 checkpoint <<<"$noted_root" | hex)
[ "$noted_size $noted_root" = "$size $r" ] || refuse checkpoint "says another size or root"
vkey=$(jq -er --arg start "$origin+" 'first(.logs[] | select(startswith($start)))' "$trust") ||
	refuse checkpoint "the trust file has no log $origin"
id=${vkey#"$origin+"} key=$(unbase64 checkpoint <<<"${id#*+}" | hex) id=${id%%+*}
[[ $key =~ ^01[0-9a-f]{64}$ ]] || refuse checkpoint "the log's key is not an Ed25519 key"
[ "$({ printf '%s\n' "$origin"; echo "$key" | xxd -r -p; } | sha256 | cut -c1-8)" = "$id" ] ||
	refuse checkpoint "the log's key is not the one that its id says"
ed25519_der "${key#01}" >"$work/log.der"
printf '%s' "$text" >"$work/text"
while read -r dash name line; do
	line=$(unbase64 checkpoint <<<"$line" | hex)
	[ "$dash $name ${line:0:8}" = $'\xe2\x80\x94'" $origin $id" ] || continue # a witness's, say
	echo "${line:8}" | xxd -r -p >"$work/log.signature"
	openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/log.der" -rawin -in "$work/text" \
		-sigfile "$work/log.signature" >/dev/null 2>&1 || refuse checkpoint "the log's signature does not hold"
	signed=yes
done <<<"${signatures%$'\n'}"
[ "${signed-}" ] || refuse checkpoint "not signed by $origin"
echo "checkpoint: signed by $origin"
echo OK
