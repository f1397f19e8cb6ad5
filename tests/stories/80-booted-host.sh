#!/bin/bash
# What only a running systemd can show: units asked over the bus, a journal that did or did not outlive a restart, an sshd
# that has not read its files yet, a packet filter as it is loaded. The real programs on a Debian 12 that boots.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
host_make "$root"
host_install "$root" >"$work/install.log"

# verdict RULE: as the host sees it now; reason RULE: in its words.
look() {
	in_host vouch run --json \
		--only "$1" >"$work/look.json" 2>"$work/look.log" || (($? != 2))
}
verdict() {
	look "$1"
	jq -r '.results[0].verdict' "$work/look.json"
}
reason() {
	jq -r '.results[0].reason' "$work/look.json"
}
# saw RULE VERDICT WHAT
saw() {
	equal "$3" "$2" "$(verdict "$1")"
	[[ $(jq -r '.results[0].verdict' "$work/look.json") == "$2" ]] || echo "# $(reason)"
}

# is_past FILE: whether its time is over, so that what happens now is later.
is_past() {
	(($(date +%s) > $(stat -c %Y "$1")))
}

check "it boots" host_boot "$root"

# The first boot cannot tell whether the journal outlives a restart.
in_host mkdir -p /var/log/journal
in_host systemctl restart systemd-journald
in_host journalctl --flush
saw log.journal.persistent unknown "a journal of one boot alone: unknown whether it outlives a restart"

# sshd and its files.
in_host systemctl start ssh
saw cfg.sshd.running_vs_file pass "sshd runs with the files as they are"
saw auth.ssh.effective fail "Debian's sshd lets passwords in"
printf 'PasswordAuthentication no\nKbdInteractiveAuthentication no\n' >"$root/etc/ssh/sshd_config.d/10-keys.conf"
touch -d '+2 seconds' "$root/etc/ssh/sshd_config.d/10-keys.conf"
saw cfg.sshd.running_vs_file fail "a drop-in that the running sshd has not read"
within 60 is_past "$root/etc/ssh/sshd_config.d/10-keys.conf"
in_host systemctl reload ssh
saw cfg.sshd.running_vs_file pass "it has read it after a reload"

# Units: what runs, and what systemd has not read.
saw cfg.unit.needreload pass "systemd has read its unit files"
mkdir -p "$root/etc/systemd/system/ssh.service.d"
printf '[Service]\nNice=1\n' >"$root/etc/systemd/system/ssh.service.d/nice.conf"
saw cfg.unit.needreload fail "a drop-in that systemd has not read"
in_host systemctl daemon-reload
saw cfg.unit.needreload pass "it has after daemon-reload"

# The packet filter as it is loaded, not as a file has it.
saw net.fw.hook_effective fail "no packet filter is loaded"
in_host nft add table inet filter
in_host nft add chain inet filter input '{ type filter hook input priority 0; policy drop; }'
saw net.fw.hook_effective pass "a chain that drops by default, for both families"
in_host nft add rule inet filter input accept
saw net.fw.hook_effective fail "a last rule that accepts everything undoes it"

# After a restart the journal's past is there; with Storage=volatile its future is not.
host_off
check "it boots again" host_boot "$root"
saw log.journal.persistent pass "the boot before this one is in the journal"
mkdir -p "$root/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/volatile.conf"
in_host systemctl restart systemd-journald
saw log.journal.persistent fail "Storage=volatile ends that"

# Nobody in particular sees less, and is told so.
in_host setpriv --reuid=65534 --regid=65534 --clear-groups vouch run --json \
	>"$work/nobody.json" 2>"$work/nobody.log" || (($? != 2))
equal "an ordinary user does not pass on a journal that it cannot read" "unknown" \
	"$(jq -r '.results[] | select(.rule == "log.journal.retention_actual") | .verdict' "$work/nobody.json")"
host_off
