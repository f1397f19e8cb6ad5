#!/bin/bash
# Plugins through their units, on a booted host: what root has enabled is run, with what its drop-ins grant; hostile ones
# cost their own rule an answer and nothing else; nothing is left running, and no unit has failed.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/plugins.sh"

root=$work/root
folder=$root/etc/vouch/plugins.d
nagios=/usr/lib/nagios/plugins
host_make "$root"
host_install "$root" >"$work/install.log"
systemd-tmpfiles --root="$root" --create vouch.conf >>"$work/install.log" 2>&1 # else it waits for a boot
check "the folder for plugins is there, and root's" test "$(stat -c '%a %u' "$folder")" == "755 0"
plugin_folder "$folder" /tmp/anybodys
mkdir -p "$root$nagios" "$root/etc/systemd/system"
cp $nagios/check_disk $nagios/check_procs "$root$nagios/"
ln -s $nagios/check_disk $nagios/check_procs "$folder/"
printf '#!/bin/sh\necho OK $(sed -n "3,\\$s/:.*//p" /proc/net/dev | xargs)\n' >"$folder/network"
cp "$folder/network" "$folder/granted"
cat >"$folder/given" <<-'E'
	#!/bin/sh
	date >"$STATE_DIRECTORY/kept" && cat "$STATE_DIRECTORY/kept" >/dev/null || exit 2
	head -c 1 /var/lib/vouch/spool/format >/dev/null 2>&1 && echo reads spool
	head -c 1 /etc/shadow >/dev/null 2>&1 && echo reads shadow
	for bus in /run/dbus /run/user; do ls $bus >/dev/null 2>&1 && echo sees $bus; done
	touch /etc/x /usr/x /var/lib/x /run/x 2>/dev/null && echo writes
	echo OK $(cat "$CREDENTIALS_DIRECTORY/word") $(id -u | sed "s/^6.*/dynamic/") $(sed -n 's/^Cap\(Bnd\|Amb\).//p' /proc/self/status)
E
printf '#!/bin/sh\nx=$(head -c 2000000000 /dev/zero | tr "\\0" x)\n' >"$folder/eats"
chmod 755 "$folder"/{network,granted,given,eats}
# Those that never end are waited for as long as it takes: two seconds. The others have the time that a busy machine needs.
for name in hangs floods_error forks; do
	mkdir "$root/etc/systemd/system/vouch-plugin@$name.service.d"
	printf '[Service]\nEnvironment=VOUCH_PLUGIN_TIMEOUT=2\n' >"$root/etc/systemd/system/vouch-plugin@$name.service.d/timeout.conf"
done
for name in granted given eats; do mkdir "$root/etc/systemd/system/vouch-plugin@$name.service.d"; done
printf '[Service]\nPrivateNetwork=no\nIPAddressDeny=\n' >"$root/etc/systemd/system/vouch-plugin@granted.service.d/grant.conf"
echo sesame >"$root/etc/word" && chmod 600 "$root/etc/word"
printf '[Service]\nLoadCredential=word:/etc/word\n' >"$root/etc/systemd/system/vouch-plugin@given.service.d/grant.conf"
printf '[Service]\nLimitAS=infinity\nMemoryMax=64M\nMemorySwapMax=0\nEnvironment=VOUCH_PLUGIN_TIMEOUT=60\n' \
	>"$root/etc/systemd/system/vouch-plugin@eats.service.d/grant.conf"
more=(kills network granted given eats disabled)
plugin_policy >"$root/etc/vouch/plugins.yaml" < <(
	for name in "${more[@]}"; do
		echo "  - {id: plug.$name, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: plugin, with: {name: $name}, expect: {state: ok}, why: W, fix: F}"
	done
	echo '  - {id: plug.disk, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: plugin, with: {name: check_disk, arguments: [-w, "1%", -c, "1%", -p, /]}, expect: {state: ok}, why: W, fix: F}'
	echo '  - {id: plug.procs, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: plugin, with: {name: check_procs, arguments: [-c, "1:5000"]}, expect: {state: ok}, why: W, fix: F}'
)
check "it boots" host_boot "$root"
# Where version 1 of the control groups is mounted read-only inside, limits do not hold.
in_host bash -c 'for c in memory pids; do [[ ! -d /sys/fs/cgroup/$c ]] || mount -o remount,rw,bind /sys/fs/cgroup/$c; done; systemctl daemon-reexec'
in_host touch /tmp/anybodys
look() {
	as_unit vouchd vouch run --helpers /run/vouch --policy /etc/vouch/plugins.yaml --json "$@" >"$work/results.json" || true
}

# --- before root has enabled anything
look
equal "what root has not enabled is not run" "notchecked" \
	"$(jq -r '[.results[].verdict] | unique | join(" ")' "$work/results.json")"
check "and the reason says how" jq -e '.results[] | select(.rule == "plug.good").reason |
	contains("systemctl enable --now vouch-plugin@good.socket")' "$work/results.json"

# --- enabled, all but one
mapfile -t names < <(plugin_table | cut -d ' ' -f 1; printf '%s\n' check_disk check_procs "${more[@]:0:5}")
# shellcheck disable=SC2046
in_host systemctl enable --now $(printf 'vouch-plugin@%s.socket ' "${names[@]}") 2>"$work/enable.log"
before=$(sha256sum <"$folder/replaces")
look
plugin_results "$work/results.json"
# says RULE: verdict and text, or the reason.
says() {
	jq -r ".results[] | select(.rule == \"plug.$1\") | .verdict + \" \" + (.observed[0].text // .reason)" "$work/results.json"
}
equal "what replaces itself did not" "$before" "$(sha256sum <"$folder/replaces")"
check "one that ends its own helper is unknown: $(says kills)" \
	bash -c "[[ '$(says kills)' == unknown*'closed without an answer'* ]]"
check "one that takes all memory is ended: $(says eats)" bash -c "[[ '$(says eats)' == error* ]]"
equal "one is not enabled still" notchecked "$(says disabled | cut -d ' ' -f 1)"
equal "a plugin has no network" "pass OK lo" "$(says network)"
equal "unless it is granted" "pass OK $(in_host sed -n '3,$s/:.*//p' /proc/net/dev | xargs)" "$(says granted)"
equal "it has its credential, its state, a user of its own, no capability; no bus, nothing else to read or write" \
	"pass OK sesame dynamic 0000000000000000 0000000000000000" "$(says given)"
check "check_disk sees the host's root: $(says disk)" bash -c "[[ '$(says disk)' == 'pass DISK OK'* ]]"
processes=$(in_host bash -c 'ls -d /proc/[0-9]* | wc -l')
check "check_procs sees the host's processes ($processes): $(says procs)" \
	jq -e --argjson all "$processes" '.results[] | select(.rule == "plug.procs").observed[1].number > $all / 2' "$work/results.json"

# --- what is left
all_ended() {
	[[ -z $(in_host systemctl list-units --plain --no-legend --state=active,activating,deactivating 'vouch-plugin@*.service') ]]
}
check "the units end with their runs" within 60 all_ended
equal "nothing is left running" "" "$(plugin_left "$plugin_sleep")" # in the container, whose processes are seen from here
equal "no control group is left" "" "$(in_host find /sys/fs/cgroup -path '*vouch?plugin@*.service*' -name cgroup.procs -size +0)"
equal "no unit has failed" "" "$(in_host systemctl list-units --plain --no-legend --state=failed 'vouch*')"
check "the bomb met the limit of its unit" bash -c "(($(in_host systemctl show -p TasksMax --value vouch-plugin@forks) == 64))"

# --- on record
in_host journalctl --sync
lines() {
	in_host journalctl -q -o json -t vouch-plugin | jq -s "map(select(.VOUCH_ACTION_ID)) | $1"
}
# Not the one that ended its own helper: systemd says that of it.
equal "each run has a number of its own" "$((${#names[@]} - 1))" "$(lines 'map(.VOUCH_ACTION_ID) | unique | length')"
equal "and says what, by whom, and what came of it" \
	'["plugin:good","let run by root, by vouch-plugin@good.socket","done"]' \
	"$(lines '[.[] | select(.VOUCH_ACTION == "plugin:good") | [.VOUCH_ACTION,.VOUCH_ACTION_BY,.VOUCH_ACTION_RESULT]][0]' | jq -c .)"
equal "a hang is on record too" '"timeout"' "$(lines '[.[] | select(.VOUCH_ACTION == "plugin:hangs").VOUCH_ACTION_RESULT][0]')"
check "a flood of its standard error is not" \
	bash -c "(($(in_host journalctl -q -u vouch-plugin@floods_error -o cat | wc -l) < 60))"

# --- the grant taken back
in_host systemctl disable --now vouch-plugin@good.socket 2>/dev/null
look --only plug.good
equal "what root takes back is not run" "notchecked" "$(says good | cut -d ' ' -f 1)"
host_off
