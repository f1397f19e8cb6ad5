#!/bin/bash
# What the units promise, by systemd's own tools and without a boot: each has the capability that docs/DESIGN.md names and
# no other, the exposure stays under its figure, and systemd has nothing to say about them.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

units=$story_top/packaging/units

# value UNIT KEY: what the key's lines come to in the end: an empty one takes back those before it.
value() {
	awk -F= -v key="$2" '$1 == key { v = $2 == "" ? "" : v (v ? " " : "") $2 } END { print v }' "$units/$1.service"
}

# unit most capability...
while read -r unit most capabilities; do
	for set in CapabilityBoundingSet AmbientCapabilities; do
		check "$unit sets $set" grep -q "^$set=" "$units/$unit.service"
		equal "$unit has exactly these in $set: ${capabilities:-none}" "$capabilities" "$(value "$unit" $set)"
	done
	exposure=$(systemd-analyze security --offline=yes --no-pager "$units/$unit.service" 2>"$work/analyze.log" |
		sed -nE 's/.*Overall exposure level.*: ([0-9.]+) .*/\1/p')
	check "$unit is exposed by $exposure, at most $most" awk -v is="$exposure" -v most="$most" \
		'BEGIN { exit !(is != "" && is + 0 <= most) }'
	check "$unit can gain no privilege" grep -qx 'NoNewPrivileges=yes' "$units/$unit.service"
	profile=$(tr 'A-Z ' 'a-z,' <<<"$capabilities")
	check "aud.agent.confined holds $unit to the same" grep -qE \
		"^ +- \{name: (\{in: \[[^]]*\b$unit\.service\b[^]]*\]\}|$unit\.service), capabilities: \{at_most: \[$profile\]\}\}$" \
		"$story_top/policies/linux-baseline/A.8.34.yaml"
	check "$unit is not root" grep -qE '^(User=vouch|DynamicUser=yes)' "$units/$unit.service"
done <<-'EOF'
	vouchd              0.5
	vouch-sealer        0.5
	vouch-broker-fs     2.1 CAP_DAC_READ_SEARCH
	vouch-broker-net    1.6 CAP_NET_ADMIN
	vouch-broker-audit  0.7 CAP_AUDIT_CONTROL
	vouch-broker-audit-notices 1.0 CAP_AUDIT_READ
	vouch-broker-ptrace 1.0 CAP_SYS_PTRACE
	vouch-prober        1.2
	vouch-ship          1.2
EOF
equal "the table has every unit that stays" "$(find "$units" -name '*.service' ! -name vouch-enrol.service ! -name 'vouch-plugin@*' | wc -l)" \
	"$(sed -n '/^done <<-/,/^EOF/p' "${BASH_SOURCE[0]}" | grep -c $'^\tvouch')"

# One that ends when it has enrolled: root's folder is its work.
equal "vouch-enrol has exactly these capabilities" "CAP_DAC_OVERRIDE CAP_CHOWN" "$(value vouch-enrol CapabilityBoundingSet)"
exposure=$(systemd-analyze security --offline=yes --no-pager "$units/vouch-enrol.service" 2>"$work/analyze.log" |
	sed -nE 's/.*Overall exposure level.*: ([0-9.]+) .*/\1/p')
check "vouch-enrol is exposed by $exposure, at most 2.1" awk -v is="$exposure" 'BEGIN { exit !(is != "" && is + 0 <= 2.1) }'
check "and writes nowhere but where the enrolment is" grep -qx 'ReadWritePaths=/var/lib/vouch' "$units/vouch-enrol.service"

# One unit for each plugin: what it may beyond this is granted by drop-ins, so no rule holds it to a profile.
plugin='vouch-plugin@'
exposure=$(systemd-analyze security --offline=yes --no-pager "$units/$plugin.service" 2>"$work/analyze.log" |
	sed -nE 's/.*Overall exposure level.*: ([0-9.]+) .*/\1/p')
check "$plugin is exposed by $exposure, at most 1.4" awk -v is="$exposure" 'BEGIN { exit !(is != "" && is + 0 <= 1.4) }'
for line in CapabilityBoundingSet= AmbientCapabilities= NoNewPrivileges=yes DynamicUser=yes PrivateNetwork=yes IPAddressDeny=any \
	ProtectSystem=strict KillMode=control-group KillSignal=SIGKILL OOMPolicy=continue; do
	check "$plugin has $line" grep -qx -- "$line" "$units/$plugin.service"
done
for limit in MemoryMax TasksMax RuntimeMaxSec LimitCORE LimitCPU LimitAS LimitFSIZE LimitNOFILE; do
	check "$plugin has $limit" grep -q "^$limit=" "$units/$plugin.service"
done
for key in SocketMode=0660 SocketGroup=vouch RemoveOnStop=yes; do
	check "$plugin's socket has $key" grep -qx -- "$key" "$units/$plugin.socket"
done

# Who could read keys by another way than their path does not get there by handle, and nobody by tracing.
for unit in vouch-broker-fs vouch-broker-ptrace; do
	filter=$(grep -E '^SystemCallFilter=~' "$units/$unit.service")
	for call in @debug open_by_handle_at process_vm_readv process_vm_writev; do
		check "$unit is denied $call" grep -qw -- "$call" <<<"$filter"
	done
done
check "vouch-broker-fs is denied name_to_handle_at" grep -qE '^SystemCallFilter=~.*\bname_to_handle_at\b' \
	"$units/vouch-broker-fs.service"
for call in ptrace process_vm_readv process_vm_writev pidfd_getfd; do
	check "vouch-broker-ptrace is denied $call by name" grep -qE "^SystemCallFilter=~.*\b$call\b" \
		"$units/vouch-broker-ptrace.service"
done
for unit in vouchd vouch-sealer vouch-ship vouch-prober vouch-broker-{fs,net,audit,audit-notices,ptrace}; do
	check "$unit is denied @aio: io_uring makes sockets past RestrictAddressFamilies=" \
		grep -qE '^SystemCallFilter=~.*@aio\b' "$units/$unit.service"
done
for unit in vouch-prober vouch-broker-{fs,net,audit,audit-notices,ptrace}; do
	for limit in MemoryMax TasksMax; do
		check "$unit has $limit" grep -q "^$limit=" "$units/$unit.service"
	done
done
for hidden in /var/lib/vouch /run/credentials; do
	check "vouch-broker-fs does not see $hidden" grep -qE "^InaccessiblePaths=(.* )?$hidden( |\$)" \
		"$units/vouch-broker-fs.service"
done
for unit in vouch-broker-fs vouch-broker-net vouch-broker-audit vouch-broker-audit-notices vouch-broker-ptrace \
	vouch-prober vouch-sealer; do
	check "$unit's socket is for its group alone" grep -qx 'SocketMode=0660' "$units/$unit.socket"
	check "$unit's socket is of group vouch" grep -qx 'SocketGroup=vouch' "$units/$unit.socket"
done

# The collector's side: what makes anchors sees the log and none of the collector's keys.
anchor=$story_top/packaging/collector/vouch-anchor.service
for unit in "$story_top"/packaging/collector/*.service; do
	name=$(basename "$unit" .service)
	exposure=$(systemd-analyze security --offline=yes --no-pager "$unit" 2>"$work/analyze.log" |
		sed -nE 's/.*Overall exposure level.*: ([0-9.]+) .*/\1/p')
	check "$name is exposed by $exposure, at most 1.2" awk -v is="$exposure" 'BEGIN { exit !(is != "" && is + 0 <= 1.2) }'
	for line in CapabilityBoundingSet= AmbientCapabilities= NoNewPrivileges=yes User=vouch-collector; do
		check "$name has $line" grep -qx -- "$line" "$unit"
	done
	check "$name waits for what init makes" grep -q '^ConditionPathExists=/var/lib/vouch-collector/' "$unit"
done
check "vouch-anchor sees nothing else of the folder" grep -qx 'TemporaryFileSystem=/var/lib/vouch-collector:ro' "$anchor"
check "vouch-collector is watched" grep -q '^WatchdogSec=' "$story_top/packaging/collector/vouch-collector.service"
# bound KEY: what the unit sees of the collector's folder by that key.
bound() {
	grep -E "^$1=" "$anchor" | grep -oE 'vouch-collector/[a-z.-]+' | cut -d/ -f2 | sort | xargs
}
equal "vouch-anchor reads this of the collector's folder" \
	"collector.yaml log log.policy log.vkey timestamp-ca.pem" "$(bound BindReadOnlyPaths)"
equal "and writes this" "anchors timestamps" "$(bound BindPaths)"

while read -r page; do
	check "there is a page for $page" test -s "$story_top/docs/man/$page"
done < <(sed -nE 's/^Documentation=man:([a-z-]+)\(([0-9])\)$/\1.\2/p' "$units"/* "$story_top"/packaging/collector/* | sort -u)

# verify, with programs that are there whatever was built.
mkdir "$work/units"
cp "$units"/* "$story_top"/packaging/collector/* "$work/units/"
sed -i -E 's|^(ExecStart=-?)/usr/s?bin/[a-z-]+|\1/bin/true|' "$work/units"/*.service
systemd-analyze verify --man=no "$work/units"/vouch* >"$work/verify.out" 2>&1 || true
equal "systemd-analyze verify is silent" "" "$(head -n 3 "$work/verify.out")"
