#!/bin/bash
# What the host's journal tells of its logging, through the units and over a journal that a real journald writes: a canary
# is sent and found, or is not; what is suppressed, stopped and crashed shows; a login without a record fails.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

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
	as_unit vouchd vouch run --helpers /run/vouch --json --only "$1" >"$work/result.json" || true
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
python3 - "$root/var/log/wtmp" <<-'EOF'
	import struct, sys, time
	open(sys.argv[1], "ab").write(struct.pack("<hxxi32s4s32s256shhiii4i20x", 7, 1, b"pts/0", b"ts/0", b"ada", b"192.0.2.7",
	    0, 0, 0, int(time.time()) + 61, 0, 0, 0, 0, 0))
EOF
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
