#!/bin/bash
# What the host's journal tells of its logging, through the units and over a journal that a real journald writes: a canary
# is sent and found, or is not; what is suppressed, stopped and crashed shows; a login without a record fails.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

# --- gaps, over a journal of days that systemd-journal-remote writes: two boots, the first of them crashed
remote=/lib/systemd/systemd-journal-remote
journal=$work/journal/$(tr -d '\n' </etc/machine-id)
mkdir -p "$journal"
# entries FROM TO BOOT: one each five minutes, seconds before now; entry AT BOOT FIELD...: one more.
entry() {
	local at=$1 boot=$2 up
	shift 2
	up=$((1000000000 + (${boot_began[$boot]} - at) * 1000000))
	printf '%s\n' "__REALTIME_TIMESTAMP=$(((now - at) * 1000000 - ${clock_off:-0}))" "__MONOTONIC_TIMESTAMP=$up" "_BOOT_ID=$boot" \
		"_MACHINE_ID=${journal##*/}" _HOSTNAME=h _TRANSPORT=journal _UID=0 _COMM=x PRIORITY=6 "$@" ""
}
entries() {
	local at
	for ((at = $1; at > $2; at -= 300)); do
		entry "$at" "$3" "MESSAGE=tick $at"
	done
}
declare -A boot_began
now=$(date +%s)
first=$(printf 'a%.0s' {1..32}) second=$(printf 'b%.0s' {1..32})
boot_began=([$first]=700000 [$second]=200000)
{
	entries 700000 300000 "$first"
	entry 200000 "$second" MESSAGE=started MESSAGE_ID=f77379a8490b408bbe5f6940505a777b
	entries 199990 150000 "$second"
	entry 149990 "$second" MESSAGE=stopped MESSAGE_ID=d93fb3c9c24d451a97cea615ce59c00b
	entry 140000 "$second" MESSAGE=started MESSAGE_ID=f77379a8490b408bbe5f6940505a777b
	entries 139990 100000 "$second"
	entries 90000 50000 "$second"
	clock_off=300000000 entries 49700 0 "$second"
} >"$work/entries.export"
"$remote" --output="$journal/system.journal" --split-mode=none "$work/entries.export" >"$work/remote.log" 2>&1
# in_days COMMAND...: where that is the host's journal.
in_days() {
	unshare --mount bash -c 'mount --make-rprivate / && mount -t tmpfs none /var/log &&
		mkdir /var/log/journal && mount --bind "$0" /var/log/journal && exec "$@"' "$work/journal" "$@"
}
in_days vouch sources --bytes journal:events?since=604800 >"$work/days.json"
gap() {
	jq -r --argjson now "$now" "[.gaps[] | (.to - .from) / 1000000 | round] | .[$1]" "$work/days.json"
}
equal "three gaps are found: after a crash, a stop, and silence" 3 "$(jq '.gaps | length' "$work/days.json")"
check "each as long as it is" test "$(gap 0) $(gap 1) $(gap 2)" == "100100 9990 10090"
check "the first is between two boots" jq -e '.gaps[0] | .from_boot != .to_boot' "$work/days.json"
equal "the clock was set back by five minutes" "[-300000000]" "$(jq -c '[.steps[].by]' "$work/days.json")"
mkdir -p "$work/days/.vouch"
cp "$work/days.json" "$work/days/.vouch/journal%3Aevents%3Fsince%3D604800"
mkdir -p "$work/days/var/log"
touch "$work/days/var/log/syslog"
echo '{"LoadState":"loaded","ActiveState":"active"}' >"$work/days/.vouch/unit%3Asystemd-journald.service"
echo "{\"time\":$now}" >"$work/days/.vouch/now%3A"
vouch run --root "$work/days" --only log.continuity --json >"$work/days.result" || true
for cause in crashed stopped quiet clock; do
	check "it is said: $cause" jq -e --arg cause "$cause" \
		'[.results[0].observed | .. | objects | select(.cause? == $cause) | .count] == [1]' "$work/days.result"
done
check "and fails" jq -e '.results[0].verdict == "fail"' "$work/days.result"

root=$work/root
host_make "$root"
host_install "$root" >"$work/install.log"
mkdir -p "$root/var/log/journal"
check "it boots" host_boot "$root"
in_host systemctl start vouch-{broker-fs,broker-net,broker-audit,broker-ptrace,sealer}.socket

bytes() {
	as_unit vouchd vouch sources --helpers /run/vouch --bytes "$1"
}
# through RULE: its verdict and its reason, of a look through vouchd's unit and the helpers.
through() {
	as_unit vouchd vouch run --helpers /run/vouch --json --only "$1" >"$work/result.out" || true
	grep -vE '^[a-z-]+: action ' "$work/result.out" >"$work/result.json" # what is on record stands among it: it is one unit's output
	jq -r '.results[0] | .verdict + " " + .reason' "$work/result.json"
}
events='journal:events?since=604800'

# --- the look itself
bytes "$events" >"$work/through.json"
in_host vouch sources --bytes "$events" >"$work/direct.json"
check "the units see the classes that root sees" \
	test "$(jq -c '.classes | map_values(.count > 0)' "$work/direct.json")" == "$(jq -c '.classes | map_values(.count > 0)' "$work/through.json")"
check "of what systemd and journald say there are entries" \
	jq -e '.classes.journal_start.count > 0 and .classes.unit_start.count > 0 and .machine' "$work/through.json"
check "a sample was drawn, and entries carry host and boot" \
	jq -e '.sample | .entries > 0 and .host == .entries and .boot == .entries' "$work/through.json"
check "no message and no name is in it" bash -c "! grep -qiE 'root|Started|sshd' '$work/through.json'"

# --- the canary
equal "nobody approved: it is not sent" notchecked "$(through log.forward.canary | cut -d ' ' -f 1)"
check "and nothing was written" bash -c "[[ -z \$(nsenter -t $host_leader -a journalctl -t vouch-canary -q) ]]"
cat >"$root/etc/vouch/approvals" <<-'EOF'
	- probe: "canary:log"
	  by: Ada
	  until: 2099-12-31
	  why: the log is ours
EOF
equal "approved, it is found on both ways" pass "$(through log.forward.canary | cut -d ' ' -f 1)"
equal "journalctl has two of them" 2 "$(in_host journalctl -t vouch-canary -q -o cat | wc -l)"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nMaxLevelStore=warning\n' >"$root/etc/systemd/journald.conf.d/90-quiet.conf"
in_host systemctl restart systemd-journald
check "a journal that keeps warnings alone loses it: $(through log.forward.canary)" \
	jq -e '.results[0].verdict == "fail"' "$work/result.json"
rm "$root/etc/systemd/journald.conf.d/90-quiet.conf"
in_host systemctl restart systemd-journald

# --- drops
equal "nothing was lost so far" pass "$(through log.journal.drops | cut -d ' ' -f 1)"
printf '[Journal]\nRateLimitIntervalSec=5s\nRateLimitBurst=20\n' >"$root/etc/systemd/journald.conf.d/90-rate.conf"
in_host systemctl restart systemd-journald
in_host systemd-run --quiet --wait --unit=loud bash -c 'for ((i = 0; i < 4000; i++)); do echo "line $i"; done; sleep 6; echo end'
rm "$root/etc/systemd/journald.conf.d/90-rate.conf"
in_host systemctl restart systemd-journald
bytes "$events" >"$work/loud.json"
check "what the rate limit suppressed is counted" jq -e '.classes.suppressed | .count > 0 and .sum > 100' "$work/loud.json"
equal "and fails" fail "$(through log.journal.drops | cut -d ' ' -f 1)"

# --- classes: a login that only wtmp has
check "who has not logged in leaves it unknown: $(through log.classes.seen)" \
	jq -e '.results[0].verdict == "unknown"' "$work/result.json"
# A struct utmp of x86-64: type 7, process, terminal, id, name, host, and behind 12 bytes more the time.
at=$(($(date +%s) + 61))
{
	printf '\x07\0\0\0\x01\0\0\0' && printf 'pts/0' && head -c 31 /dev/zero && printf 'ada' && head -c 293 /dev/zero
	for shift in 0 8 16 24; do
		printf '%b' "\\x$(printf %02x $((at >> shift & 255)))"
	done
	head -c 40 /dev/zero
} >>"$root/var/log/wtmp"
check "a login in wtmp alone fails: $(through log.classes.seen)" jq -e '.results[0].verdict == "fail"' "$work/result.json"
in_host logger -t sshd -p auth.info "Accepted publickey for ada from 192.0.2.7 port 22"
equal "with its record in the journal it passes" pass "$(through log.classes.seen | cut -d ' ' -f 1)"

# --- continuity: journald's own files say how far they reach; a fresh host is too young to say
check "a journal of minutes does not show a week: $(through log.continuity)" \
	jq -e '.results[0].verdict == "unknown"' "$work/result.json"
equal "restarts of journald are there, and are no gaps" "0 true" \
	"$(jq -r '"\(.gaps | length) \([.marks[] | select(.what == "journal_start")] | length > 2)"' "$work/loud.json")"
check "a few entries say nothing of shares: $(through log.record.fields)" \
	jq -e '.results[0].verdict == "unknown"' "$work/result.json"
check "though each of them has user, host and boot" \
	jq -e '.sample | .entries > 0 and .who == .entries and .host == .entries and .boot == .entries' "$work/loud.json"
host_off
