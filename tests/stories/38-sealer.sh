#!/bin/bash
# The evidence key in its own process: vouchd has statements signed that it could not sign itself, the collector takes the
# line, and an auditor verifies it. A state folder that was set back cannot make the sealer sign a number twice.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

sealer_start() {
	start sealer systemd-socket-activate --seqpacket --listen="$work/run/sealer.sock" \
		vouch-sealer --client root --state "$work/host" --keep "$work/keep"
	within 60 listens_at "$work/run/sealer.sock"
}
round() {
	vouchd --state "$work/host" --config "$work/small-config.yaml" --once --helpers "$work/run" --root "$work/root"
}

mkdir -p "$work/run" "$work/root/etc" # a folder to look at: there are no brokers here
cp /etc/os-release "$work/root/etc/"
tr -d - </proc/sys/kernel/random/uuid >"$work/root/etc/machine-id"
echo sealed >"$work/root/etc/hostname"
collector_new
collector_start
small_policy
vouch enrol "$url" --token "$(vouch-collector token add "$collector")" --ca-fingerprint "$fingerprint" \
	--state "$work/host" --helpers "$work/run" --root "$work/root" >"$work/enrol.log"
equal "enrolling leaves the first statement to the sealer" 0 "$(spooled host)"
refused "without it there is no statement" "connect to the sealer" round
sealer_start
check "with it there is" round
mv "$work/host/enrolment/evidence.pem" "$work/evidence.pem"
check "vouchd does not need the key" round
equal "enrolment, epoch, policy and two rounds are spooled" 5 "$(spooled host)"
ship host
equal "and the collector takes all of them" "0 5" "$(spooled host) $(log_size)"
api /api/v1/trust >"$work/trust.json"
equal "the trust file has the enrolled key and the epoch's" 2 "$(jq '.evidenceKeys | length' "$work/trust.json")"
for number in 1 2 4; do
	digest=$(all_statements | jq -r "select(.sequence == $number) | .digest")
	api "/api/v1/statements/$digest/bundle" >"$work/bundle-$number.json"
	check "an auditor verifies number $number with vouch" vouch verify "$work/bundle-$number.json" --trust "$work/trust.json"
	check "and with openssl" "$foreign/verify-openssl.sh" "$work/bundle-$number.json" "$work/trust.json"
	check "and with Sigstore's library" node "$foreign/verify.mjs" "$work/bundle-$number.json" "$work/trust.json"
done
hint=.verificationMaterial.publicKey.hint
equal "the epoch is named by the key that signed the enrolment" "$(jq "$hint" "$work/bundle-1.json")" "$(jq "$hint" "$work/bundle-2.json")"
equal "and signs what is behind it" \
	"$(jq -r .dsseEnvelope.payload "$work/bundle-2.json" | base64 -d | jq -r .predicate.epochKey | base64 -d | sha256sum | cut -d ' ' -f 1)" \
	"$(jq -r "$hint" "$work/bundle-4.json")"

cp -a "$work/host" "$work/before"
check "a sixth is sealed" round
cp -a "$work/host/spool" "$work/spool-after"
rm -rf "$work/host"
mv "$work/before" "$work/host"
sed -i 's/title: The operating/title: Now the operating/' "$work/small.yaml"
refused "a state folder that was set back cannot seal another sixth" "a fork: another statement was signed as number 6" round
stop sealer KILL || true
mv "$work/evidence.pem" "$work/host/enrolment/"
rm "$work/run/sealer.sock"
sealer_start
refused "nor behind a sealer that was killed" "a fork: another statement was signed as number 6" round
rm -rf "$work/host/spool"
cp -a "$work/spool-after" "$work/host/spool"
check "the line as it was goes on behind it" round
ship host
equal "in an epoch that says why it is a new one" "epoch reset" \
	"$(all_statements | jq -r 'select(.sequence == 7) | .digest' | while read -r digest; do
		api "/api/v1/statements/$digest" | jq -r .payload | base64 -d | jq -r '.predicate | "\(.type) \(.reason)"'
	done)"
check "which the host's page shows" grep -q "1 reset" <(api "/hosts/$(jq -r .hostId "$work/host/enrolment/enrolment.json")")
