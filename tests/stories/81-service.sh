#!/bin/bash
# From enrolment to statements in a collector, all of it through the units: what runs before enrolment (nothing) and after
# it, as which user, with which capability; what each process can reach of vouch's own keys; what becomes of one that dies.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
state=$root/var/lib/vouch
host_make "$root"
host_install "$root" >"$work/install.log"
check "it boots" host_boot "$root"

equal "systemd has nothing to say about the units" "" \
	"$(in_host bash -c 'systemd-analyze verify --man=no /usr/lib/systemd/system/vouch* 2>&1 || true')"
in_host systemctl start vouchd
equal "without an enrolment vouchd is not started" "inactive" "$(in_host systemctl is-active vouchd || true)"
in_host systemctl stop 'vouch*'

# --- after enrolment
host_enrol >"$work/enrol.log"
check "vouchd runs" within 60 unit_is vouchd active
check "vouch-ship runs with it" within 60 unit_is vouch-ship active

# shipped: at least this many statements have their receipt, and nothing waits.
shipped() {
	(($(find "$state/receipts" -name '*.tlog-proof' | wc -l) >= $1)) && [[ -z $(ls "$state/spool/queue") ]]
}
check "a round is sealed by the sealer and shipped" within 120 shipped 3
equal "the collector refuses nothing" "" "$(ls "$state/spool/refused")"
check "the sealer runs since it was asked" unit_is vouch-sealer active

# pid UNIT; status UNIT FIELD: of its main process.
pid() {
	in_host systemctl show -p MainPID --value "$1"
}
status() {
	in_host sed -n "s/^$2:[[:space:]]*//p" "/proc/$(pid "$1")/status" || true
}

user() {
	local id name
	id=$(status "$1" Uid | cut -f 1)
	name=$(in_host id -nu "$id" 2>/dev/null) || true
	# As in "UIDs and GIDs" of systemd: those of DynamicUser=.
	if ((id >= 61184 && id <= 65519)); then echo dynamic; else echo "$name"; fi
}

# --- what each holds. unit, user, the bits of its capabilities.
while read -r unit user bits; do
	check "$unit starts" in_host systemctl start "$unit"
	equal "$unit runs as $user" "$user" "$(user "$unit")"
	for set in CapPrm CapEff CapBnd CapAmb; do
		equal "$unit: $set" "$bits" "$(status "$unit" $set)"
	done
	equal "$unit can gain no privilege" 1 "$(status "$unit" NoNewPrivs)"
	equal "$unit is behind a filter" 2 "$(status "$unit" Seccomp)"
done <<-'EOF'
	vouchd              vouch               0000000000000000
	vouch-sealer        vouch-sealer        0000000000000000
	vouch-ship          vouch-ship          0000000000000000
	vouch-broker-fs     vouch-broker-fs     0000000000000004
	vouch-broker-net    vouch-broker-net    0000000000001000
	vouch-broker-audit  vouch-broker-audit  0000000040000000
	vouch-broker-audit-notices vouch-broker-audit-notices 0000002000000000
	vouch-broker-ptrace vouch-broker-ptrace 0000000000080000
	vouch-prober        dynamic             0000000000000000
EOF

# --- what each can reach of vouch's keys and of the other processes
keys=(/var/lib/vouch/enrolment/evidence.pem /var/lib/vouch/enrolment/transport.pem
	/run/credentials/vouch-sealer.service/evidence.pem /run/credentials/vouch-ship.service/transport.pem
	/var/lib/vouch-sealer/position)
readable='for key in "$@"; do head -c 1 "$key" >/dev/null 2>&1 && echo "$key"; done'
for unit in vouchd vouch-broker-{fs,net,audit,audit-notices,ptrace} vouch-prober; do
	equal "$unit can read no key" "" "$(as_unit "$unit" bash -c "$readable" keys "${keys[@]}" || true)"
done
for key in "${keys[@]}"; do
	check "root reads $key, so it is there" in_host test -s "$key"
done
equal "vouch-ship can read no key but its own credential" "" \
	"$(as_unit vouch-ship bash -c "$readable" keys "${keys[@]:0:3}" "${keys[4]}" || true)"
equal "the sealer can read no key of vouch-ship's" "" \
	"$(as_unit vouch-sealer bash -c "$readable" keys "${keys[1]}" "${keys[3]}" || true)"
equal "vouch-broker-fs reads what it is there for" "/etc/shadow" \
	"$(as_unit vouch-broker-fs bash -c "$readable" keys /etc/shadow || true)"
for unit in vouchd vouch-broker-net vouch-broker-ptrace; do
	equal "$unit does not" "" "$(as_unit $unit bash -c "$readable" keys /etc/shadow || true)"
done
sealer=$(pid vouch-sealer)
reaches='head -c 1 "/proc/$1/mem" >/dev/null 2>&1 && echo memory; kill -0 "$1" 2>/dev/null && echo signal; true'
for unit in vouchd vouch-broker-fs vouch-broker-net vouch-broker-ptrace vouch-ship; do
	equal "$unit can neither read the sealer's memory nor signal it" "" \
		"$(as_unit "$unit" bash -c "$reaches" reaches "$sealer")"
done
refused "vouchd cannot put another enrolment in its place" "Permission denied|Read-only" \
	as_unit vouchd mv /var/lib/vouch/enrolment /var/lib/vouch/elsewhere
for unit in vouchd vouch-sealer vouch-broker-audit vouch-broker-ptrace; do
	equal "$unit has no network but its own loopback" "lo" \
		"$(as_unit "$unit" bash -c 'sed -n "3,\$s/:.*//p" /proc/self/net/dev | tr -d " "')"
done

# --- what becomes of one that dies
sealed() {
	jq .sequence "$state/spool/chain.json"
}
sealed_more_than() {
	(($(sealed) > $1))
}
for unit in vouchd vouch-ship; do
	before=$(pid $unit)
	in_host kill -KILL "$before"
	check "$unit comes back when it was killed" within 60 bash -c "[[ \$(nsenter -t $host_leader -a -- \
		systemctl show -p MainPID --value $unit) != @(0|$before) ]]"
done
in_host kill -KILL "$(pid vouch-sealer)"
before=$(sealed)
in_host systemctl restart vouchd
check "the chain goes on after the sealer was killed" within 120 sealed_more_than "$before"
check "and the collector takes it" within 120 shipped "$(sealed)"
equal "nothing was refused" "" "$(ls "$state/spool/refused")"
equal "in the same epoch: its key was in the descriptor store" 1 "$(find "$state/spool/epochs" -name '*.pem' | wc -l)"
in_host systemctl stop vouchd
before=$(sealed)
in_host systemctl start vouchd
check "the chain goes on after the sealer was stopped" within 120 sealed_more_than "$before"
check "and the collector takes that too" within 120 shipped "$(sealed)"
equal "in a new epoch" 2 "$(find "$state/spool/epochs" -name '*.pem' | wc -l)"

refused "root does not seal into vouchd's spool" "another user" in_host vouchd --once

# --- enrolled anew: a new line, in folders that belong to whom they belonged
in_host systemctl stop vouchd
in_host bash -c 'umask 077 && vouch-collector token add /srv/collector >/run/token'
in_host vouch enrol https://127.0.0.1:8443 --force --token-file /run/token \
	--ca-fingerprint "$(in_host vouch-collector fingerprint /srv/collector)" >"$work/again.log"
in_host systemctl start vouchd
# A first round reads the files of all packages: on a busy machine that takes its time.
check "after another enrolment statements are shipped again" within 180 shipped 3
check "the old line is kept" test -s "$(echo "$state"/old-*/spool/chain.json)"
host_off
