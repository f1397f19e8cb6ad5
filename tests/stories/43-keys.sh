#!/bin/bash
# Where the enrolled key lies: in a TPM and in a PKCS#11 token as well as in a file. Whoever verifies sees no difference, the
# state folder holds no key that anybody could use elsewhere, and where the device or its PIN is missing nothing is signed.
# Within a boot the epoch's key changes, and before its end the host's certificate.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

module=/usr/lib/softhsm/libsofthsm2.so
export SOFTHSM2_CONF=$work/softhsm.conf
tpm_port=$(free_ports)
export TPM2OPENSSL_TCTI=swtpm:host=127.0.0.1,port=$tpm_port

# tpm_start FOLDER: the TPM whose state is there.
tpm_start() {
	mkdir -p "$work/$1"
	start tpm swtpm socket --tpm2 --tpmstate "dir=$work/$1" --server "type=tcp,port=$tpm_port,bindaddr=127.0.0.1" \
		--ctrl "type=tcp,port=$((tpm_port + 1)),bindaddr=127.0.0.1" --flags not-need-init,startup-clear
	within 60 tpm_listens "$tpm_port" && within 60 tpm_listens $((tpm_port + 1))
}
# Without connecting: it serves one client at a time.
tpm_listens() {
	grep -q " 0100007F:$(printf '%04X' "$1") 00000000:0000 0A" /proc/net/tcp
}
token_objects() {
	pkcs11-tool --module "$module" --login --pin "$pin" --list-objects 2>/dev/null | grep -c 'Object;' || true
}

# enrol_with NAME KIND [OPTION...]
enrol_with() {
	local name=$1 kind=$2
	shift 2
	vouch enrol "$url" --token "$(vouch-collector token add "$collector")" --ca-fingerprint "$fingerprint" \
		--state "$work/$name" --root "$work/root-$name" --key "$kind" "$@"
}
# root_of NAME: a folder to look at, of a host of its own.
root_of() {
	mkdir -p "$work/root-$1/etc"
	cp /etc/os-release "$work/root-$1/etc/"
	tr -d - </proc/sys/kernel/random/uuid >"$work/root-$1/etc/machine-id"
	echo "$1" >"$work/root-$1/etc/hostname"
}
# sealer_start NAME [OPTION...]: for that host.
sealer_start() {
	local name=$1
	shift
	mkdir -p "$work/run-$name"
	rm -f "$work/run-$name/sealer.sock"
	start "sealer-$name" systemd-socket-activate --seqpacket --listen="$work/run-$name/sealer.sock" \
		-E TPM2OPENSSL_TCTI -E SOFTHSM2_CONF \
		vouch-sealer --client root --state "$work/$name" --keep "$work/keep-$name" "$@"
	within 60 listens_at "$work/run-$name/sealer.sock"
}
round() {
	vouchd --state "$work/$1" --config "$work/small-config.yaml" --once --root "$work/root-$1" "${@:2}"
}
# digest_of NAME NUMBER: of a host's statement.
digest_of() {
	all_statements | jq -r --arg host "$(jq -r .hostId "$work/$1/enrolment/enrolment.json")" --argjson number "$2" \
		'select(.host == $host and .sequence == $number) | .digest'
}
# verified NAME NUMBER...: an auditor's three ways.
verified() {
	local name=$1 number bundle=$work/bundle.json trust=$work/trust.json
	shift
	api /api/v1/trust >"$trust"
	for number in "$@"; do
		api "/api/v1/statements/$(digest_of "$name" "$number")/bundle" >"$bundle"
		check "$name: an auditor verifies number $number with vouch" vouch verify "$bundle" --trust "$trust"
		check "$name: and with openssl" "$foreign/verify-openssl.sh" "$bundle" "$trust"
		check "$name: and with Sigstore's library" node "$foreign/verify.mjs" "$bundle" "$trust"
		refused "$name: not when a bit of the signature is another" REFUSED "$foreign/verify-openssl.sh" \
			<(changed "$bundle" '.dsseEnvelope.signatures[0].sig' 20) "$trust"
	done
}

printf -v pin %05d%05d "$RANDOM" "$RANDOM" # so long that it is nowhere by chance
(umask 077 && echo "$pin" >"$work/pin")
mkdir "$work/tokens"
echo "directories.tokendir = $work/tokens" >"$SOFTHSM2_CONF"
softhsm2-util --init-token --free --label "host keys" --so-pin 87654321 --pin "$pin" >/dev/null
uri="pkcs11:token=host%20keys;object=vouch?module-path=$module&pin-source=file:$work/pin"
collector_new
collector_start
small_policy
tpm_start tpm-state

# lifetime DURATION: of the certificates from now on.
lifetime() {
	stop collector
	sed -i "s/^certificate_lifetime:.*/certificate_lifetime: $1/" "$collector/collector.yaml"
	collector_start
}

# --- each kind, with a sealer
for name in file tpm token; do
	root_of "$name"
	case $name in file) kind=file ;; tpm) kind=tpm2 ;; token) kind=$uri ;; esac
	[[ $name != token ]] || lifetime 90s # soon to be renewed, by one that is good for the whole story
	check "$name: it enrols" enrol_with "$name" "$kind" --helpers "$work/run-$name"
	[[ $name != token ]] || lifetime 1d
	equal "$name: what says where the key is is its owner's alone" 600 "$(stat -c %a "$work/$name/enrolment/evidence.pem")"
	sealer_start "$name"
	check "$name: a round is sealed" round "$name" --helpers "$work/run-$name"
	check "$name: and another" round "$name" --helpers "$work/run-$name"
	ship "$name" || true
	equal "$name: the collector takes enrolment, epoch, policy and rounds" 0 "$(spooled "$name")"
	verified "$name" 1 2 4
done
for name in tpm token; do
	api "/api/v1/statements/$(digest_of "$name" 1)" | jq -r '.signatures[0].sig' | base64 -d | xxd -p | head -c 2 >"$work/der"
	equal "$name: the enrolment's signature is ECDSA's, in DER" 30 "$(cat "$work/der")"
	refused "$name: openssl alone can do nothing with what is in the state folder" "." \
		openssl pkey -in "$work/$name/enrolment/evidence.pem" -noout
	equal "$name: no other file there has a private key but the transport's" "$work/$name/enrolment/transport.pem" \
		"$(grep -rl -- '-BEGIN PRIVATE KEY-\|-BEGIN EC PRIVATE KEY-' "$work/$name" "$work/keep-$name")"
done
check "the token says that the key never left it" grep -q 'never extractable' \
	<(pkcs11-tool --module "$module" --login --pin "$pin" --list-objects --type privkey 2>/dev/null)
equal "the PIN is nowhere in the state folder" "" "$(grep -rlF "$pin" "$work/token" || true)"

# --- without a sealer vouchd signs everything with it
root_of alone
check "alone: it enrols with a key in the TPM" enrol_with alone tpm2
check "alone: a round is sealed" round alone
ship alone || true
equal "alone: the collector takes it" 0 "$(spooled alone)"
verified alone 1 3

# --- what is missing is an error, and nothing stands in for it
count=$(token_objects)
refused "a PIN in the URI is refused" "a PIN in the URI" enrol_with wrong "${uri/pin-source=*/pin-value=$pin}"
refused "a kind that there is not is refused" "it is \"file\", \"tpm2\" or" enrol_with wrong smartcard
fingerprint_before=$fingerprint
fingerprint=${fingerprint//[0-9]/0}
root_of wrong
refused "an enrolment that fails" "another fingerprint" enrol_with wrong "$uri"
fingerprint=$fingerprint_before
equal "leaves no key in the token" "$count" "$(token_objects)"
check "nor a state folder with one" test ! -e "$work/wrong/enrolment"

# nothing_signed NAME WHY: neither by vouchd itself nor by a sealer that starts now.
nothing_signed() {
	local name=$1 before
	before=$(jq .sequence "$work/$name/spool/chain.json")
	[[ -z ${story_processes[sealer-$name]-} ]] || stop "sealer-$name" KILL || true
	: >"$work/sealer-$name.log"
	sealer_start "$name"
	check "$name: nothing is sealed" bash -c "! vouchd --state '$work/$name' --config '$work/small-config.yaml' --once \
		--root '$work/root-$name' --helpers '$work/run-$name'"
	check "$name: the sealer says why: $2" within 60 grep -q "$2" "$work/sealer-$name.log"
	equal "$name: the chain is as it was" "$before" "$(jq .sequence "$work/$name/spool/chain.json")"
	stop "sealer-$name" || true
}
(umask 077 && echo 1 >"$work/pin")
nothing_signed token "log in: the PIN is wrong"
(umask 077 && echo "$pin" >"$work/pin")
nothing_signed token "a wrong PIN was tried before"
token_objects >/dev/null # logs in with the right one
mv "$work/tokens" "$work/elsewhere"
mkdir "$work/tokens"
nothing_signed token "there is no such token"
rmdir "$work/tokens"
mv "$work/elsewhere" "$work/tokens"
stop tpm
nothing_signed tpm "TPM: it cannot be used"
refused "alone: vouchd says the same" "TPM: it cannot be used" round alone
tpm_start other-tpm
refused "alone: another TPM does not do" "not a key that this TPM can use" round alone
stop tpm
tpm_start tpm-state

# --- and back again: the epoch was lost with the sealer
for name in tpm token; do
	sealer_start "$name" --epoch 4s
	check "$name: with device and PIN it goes on" round "$name" --helpers "$work/run-$name"
done

# --- the epoch's key changes within the boot
epochs() {
	ship "$1" && all_statements |
		jq -r --arg host "$(jq -r .hostId "$work/$1/enrolment/enrolment.json")" \
			'select(.host == $host and .type == "epoch") | .digest' | while read -r digest; do
		api "/api/v1/statements/$digest" | jq -r '.payload | @base64d | fromjson.predicate.reason'
	done | sort | uniq -c | tr -s ' \n' ' '
}
rotated() {
	round token --helpers "$work/run-token" && ship token && [[ $(epochs token) == *rotation* ]]
}
check "the epoch's key is changed when it has signed for its time" within 120 rotated
equal "nothing was refused" "" "$(ls "$work/token/spool/refused")"
check "the chain says why each key is a new one" grep -qE '^ ?1 enrolment 1 reset [0-9]+ rotation ' <(epochs token)
last=$(jq .sequence "$work/token/spool/chain.json")
verified token "$last"

# --- the certificate
renewed=$work/token/receipts/transport-cert.pem
check "a certificate was renewed before it ended" grep -q 'the certificate was renewed' "$work/ship-token.log"
check "for the same key" cmp <(openssl x509 -in "$renewed" -noout -pubkey) \
	<(openssl x509 -in "$work/token/enrolment/transport-cert.pem" -noout -pubkey)
check "by the CA of the enrolment" openssl verify -CAfile "$work/token/enrolment/ca.pem" "$renewed"
check "the collector says so" grep -q 'another certificate for host' "$work/collector.log"
# request KEY HOST: PKCS#10 in base64.
request() {
	openssl req -new -key "$1" -subj "/CN=$2" -outform DER | base64 -w 0
}
# renew FOLDER CERTIFICATE: as that enrolment would; status and answer.
renew() {
	request "$1/transport.pem" "$(jq -r .hostId "$1/enrolment.json")" >"$work/request"
	curl -sS --max-time 60 -o "$work/answer" -w '%{http_code} ' --cacert "$1/ca.pem" --cert "$2" --key "$1/transport.pem" \
		-H 'Content-Type: application/pkcs10' --data-binary "@$work/request" "$url/.well-known/est/simplereenroll"
	head -c 200 "$work/answer"
}
check "whoever asks with it gets one" grep -q '^200 ' <(renew "$work/token/enrolment" "$renewed")
stop sealer-token || true
check "the host enrols anew" enrol_with token file --force --helpers "$work/run-token"
check "and the certificate of before is not in its way" test ! -e "$renewed"
old=$(echo "$work"/token/old-*)
cp -r "$old" "$work/before" # curl takes what is behind a colon for a passphrase
cp "$work/before/receipts/transport-cert.pem" "$renewed"
rm -rf "$work/keep-token"
sealer_start token
check "a round of the new line" round token --helpers "$work/run-token"
check "is shipped with the new line's own certificate, whatever lies there" ship token
equal "all of it" 0 "$(spooled token)"
check "the old line's is refused" grep -q '^403 .*this line has ended' \
	<(renew "$work/before/enrolment" "$work/before/receipts/transport-cert.pem")
