#!/bin/bash
# The evidence key in its own process: vouchd has statements signed that it could not sign itself, the collector takes the
# line, and an auditor verifies it. A state folder that was set back cannot make the sealer sign a number twice.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

sealer_start() {
	start sealer systemd-socket-activate --seqpacket --listen="$work/run/sealer.sock" \
		vouch-sealer --client root --state "$work/host" --keep "$work/keep"
	within 10 test -S "$work/run/sealer.sock"
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
equal "enrolment, policy and two rounds are spooled" 4 "$(spooled host)"
ship host
equal "and the collector takes all of them" "0 4" "$(spooled host) $(log_size)"
digest=$(all_statements | jq -r 'select(.sequence == 3) | .digest')
api "/api/v1/statements/$digest/bundle" >"$work/bundle.json"
api /api/v1/trust >"$work/trust.json"
check "an auditor verifies one" vouch verify "$work/bundle.json" --trust "$work/trust.json"

cp -a "$work/host" "$work/before"
check "a fifth is sealed" round
rm -rf "$work/host"
mv "$work/before" "$work/host"
sed -i 's/title: The operating/title: Now the operating/' "$work/small.yaml"
refused "a state folder that was set back cannot seal another fifth" "a fork: another statement was signed as number 5" round
stop sealer KILL || true
mv "$work/evidence.pem" "$work/host/enrolment/"
rm "$work/run/sealer.sock"
sealer_start
refused "nor behind a sealer that was killed" "a fork: another statement was signed as number 5" round
