#!/bin/bash
# What needs a kernel of its own: audit, which no container may ask about. The real programs on a Debian 12 that boots in
# a virtual machine.
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/qemu.sh"

if ((EUID != 0)); then
	not_ok "this story needs root, to make a disk that is root's"
	exit 1
fi

root=$work/root
vm_make "$root"
mkdir "$root/opt/vouch"
cp -r "$installed/bin" "$installed/sbin" "$installed/share" "$root/opt/vouch/"
cat >"$root/etc/audit/rules.d/story.rules" <<'EOS'
-w /etc/passwd -p wa -k identity
-a always,exit -F arch=b64 -S adjtimex,settimeofday -F auid>=1000 -F auid!=unset -k time-change
-a always,exit -F arch=b32 -S open -F exit=-EACCES -k access
-a never,user -F uid=33
EOS

check "it boots" vm_boot "$root"
equal "with a kernel of its own" "$(basename "$root"/boot/vmlinuz-*)" "vmlinuz-$(in_vm uname -r)"

# vouch ARGUMENT...: inside, as root, in process.
look() {
	in_vm /opt/vouch/bin/vouch "$@"
}

# What auditctl says, in the words of audit:status and audit:rules.
told_status() {
	in_vm auditctl -s | awk '$1 ~ /^(enabled|failure|pid|rate_limit|backlog_limit|lost|backlog_wait_time)$/ {print $1, $2}' | sort
}
seen_status() {
	look sources --bytes audit:status | jq -r 'del(.backlog) | to_entries[] | "\(.key) \(.value)"' | sort
}
told_rules() {
	in_vm auditctl -l
}
seen_rules() {
	look sources --bytes audit:rules | jq -r '.[].text'
}

check "auditd runs" in_vm systemctl is-active auditd
equal "four rules are loaded" 4 "$(told_rules | wc -l)"
equal "audit:rules says what auditctl -l says" "$(told_rules)" "$(seen_rules)"
equal "auditctl -s says seven things that do not move" 7 "$(told_status | wc -l)"
equal "audit:status says what auditctl -s says" "$(told_status)" "$(seen_status)"
in_vm auditctl -w /etc/shadow -p r -k later >/dev/null
equal "a rule that is loaded later is seen" 5 "$(seen_rules | wc -l)"
equal "as auditctl shows it" "$(told_rules)" "$(seen_rules)"
in_vm auditctl -D >/dev/null
equal "no rules are an empty list, which was read" "[]" "$(look sources --bytes audit:rules)"
in_vm auditctl -e 2 >/dev/null
equal "locked rules are seen" "$(told_status)" "$(seen_status)"
refused "who has no capability is denied, and sees no empty list" 'audit:rules.*denied' \
	in_vm setpriv --reuid=65534 --regid=65534 --clear-groups /opt/vouch/bin/vouch sources audit:rules
vm_off
