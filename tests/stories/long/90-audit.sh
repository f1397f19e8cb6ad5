#!/bin/bash
# What needs a kernel of its own: audit, which no container may ask about. The real programs and units on a Debian 12 that
# boots in a virtual machine: what auditctl says, what root sees in process, and what vouch sees through the unit are one
# thing; a rule that is loaded later is noticed; and everything else that the baseline reads is the same both ways too.
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/qemu.sh"

root=$work/root
vm_make "$root"
host_install "$root" >"$work/install.log" 2>&1
grep -q '^audit:' "$root/etc/vouch/paths" || printf 'audit:status\naudit:rules\n' >>"$root/etc/vouch/paths"
install -m 755 "$story_top/build/release/notices" "$root/usr/local/bin/"
# Files that rules read, one of them another's to write, the same name below another root, and a unit.
mkdir -p "$root/etc/vouch/policy.d"
cat >"$root/etc/vouch/policy.d/story.yaml" <<'EOS'
policy: {id: story, version: 1.0.0, framework: "iso27001:2022", title: Two files and a unit, owner: tests, review_by: 2036-01-01}
rules:
  - {id: story.sshd, title: The word is there, controls: [A.8.9], severity: low, kind: design, every: 1d, check: file,
     with: {path: /etc/ssh/sshd_config, pattern: "story"}, expect: {matches: {at_least: 1}}, why: w, fix: f}
  - {id: story.sysctl, title: The word is there, controls: [A.8.9], severity: low, kind: design, every: 1d, check: file,
     with: {path: /etc/sysctl.d/90-story.conf, pattern: "story"}, expect: {matches: {at_least: 1}}, why: w, fix: f}
  - {id: story.unit, title: It runs, controls: [A.8.9], severity: low, kind: design, every: 1d, check: unit,
     with: {name: story.service}, expect: {active: true}, why: w, fix: f}
EOS
printf '[Service]\nExecStart=/usr/bin/sleep infinity\n' >"$root/etc/systemd/system/story.service"
cat >"$root/usr/local/bin/pretend-sudo" <<'EOS'
#!/usr/bin/perl
# Says to the audit log what sudo says when it runs a command: NETLINK_AUDIT, AUDIT_USER_CMD. Prints the kernel's answer.
socket(my $audit, 16, 3, 9) or die "socket: $!";
my $text = 'cwd="/" cmd=' . unpack("H*", "@ARGV") . ' exe="/usr/bin/sudo" terminal=? res=success' . "\0";
send($audit, pack("LSSLL", 16 + length $text, 1123, 5, 1, 0) . $text, 0, pack("SSLL", 16, 0, 0, 0)) or die "send: $!";
recv($audit, my $answer, 8192, 0);
print unpack("x16 l", $answer), "\n";
EOS
chmod 755 "$root/usr/local/bin/pretend-sudo"
chroot "$root" useradd --uid 1000 alice
install -o 1000 -g 0 -m 644 /dev/null "$root/etc/sysctl.d/90-story.conf"
mkdir -p "$root/srv/jail/etc/ssh"
for file in /usr/bin/mv $(chroot "$root" ldd /usr/bin/mv | grep -o '/[^ ]*'); do
	install -D "$root$file" "$root/srv/jail$file"
done
touch "$root/srv/jail/new" "$root/srv/jail/etc/ssh/sshd_config"
chroot "$root" vouch paths >"$work/paths"
install -m 644 "$work/paths" "$root/etc/vouch/paths"
cat >"$root/etc/audit/rules.d/story.rules" <<'EOS'
-w /etc/passwd -p wa -k identity
-a always,exit -F arch=b64 -S adjtimex,settimeofday -F auid>=1000 -F auid!=unset -k time-change
-a always,exit -F arch=b32 -S open -F exit=-EACCES -k access
-a never,user -F uid=33
EOS

check "it boots" vm_boot "$root"
equal "with a kernel of its own" "$(basename "$root"/boot/vmlinuz-*)" "vmlinuz-$(in_vm uname -r)"
equal "exit codes come through" 7 "$(vm_shell 'exit 7' || echo $?)"
in_vm systemctl start vouch-broker-{fs,net,audit,audit-notices,ptrace}.socket

# as_vouch COMMAND...: as vouchd runs, without any capability.
as_vouch() {
	in_vm setpriv --reuid=vouch --regid=vouch --init-groups --inh-caps=-all --bounding-set=-all "$@"
}
as_root() {
	in_vm "$@"
}
# What auditctl says, in the words of audit:status and audit:rules.
told_status() {
	in_vm auditctl -s | awk '$1 ~ /^(enabled|failure|pid|rate_limit|backlog_limit|lost|backlog_wait_time)$/ {print $1, $2}' | sort
}
told_rules() {
	in_vm auditctl -l
}
# seen_status AS [--helpers DIR]
seen_status() {
	"$1" vouch sources "${@:2}" --bytes audit:status | jq -r 'del(.backlog) | to_entries[] | "\(.key) \(.value)"' | sort
}
seen_rules() {
	"$1" vouch sources "${@:2}" --bytes audit:rules | jq -r '.[].text'
}
through=(as_vouch --helpers /run/vouch)

# --- what is loaded
check "auditd runs" in_vm systemctl is-active auditd
equal "four rules are loaded" 4 "$(told_rules | wc -l)"
equal "auditctl -s says seven things that do not move" 7 "$(told_status | wc -l)"
equal "root sees the rules that auditctl lists" "$(told_rules)" "$(seen_rules as_root)"
equal "root sees the status that auditctl shows" "$(told_status)" "$(seen_status as_root)"
equal "vouch sees the same rules through the unit" "$(told_rules)" "$(seen_rules "${through[@]}")"
equal "vouch sees the same status through the unit" "$(told_status)" "$(seen_status "${through[@]}")"
refused "without the unit vouch is denied, and sees no empty list" 'audit:rules.*denied' as_vouch vouch sources audit:rules

# --- the unit
# holds UNIT BITS: its capabilities, whose user it is.
holds() {
	local pid set
	pid=$(in_vm systemctl show -p MainPID --value "$1")
	for set in CapPrm CapEff CapBnd; do
		equal "$1: $set" "$2" "$(in_vm sed -n "s/^$set:[[:space:]]*//p" "/proc/$pid/status")"
	done
	equal "$1 runs as a user of its own" "$1" "$(in_vm ps -o user:32= -p "$pid")"
}
holds vouch-broker-audit 0000000040000000 # CAP_AUDIT_CONTROL

# --- what the baseline says of it
# verdict RULE: as vouchd looks, with the reason behind a tab.
verdict() {
	{ as_vouch vouch run --helpers /run/vouch --json --only "$1" || (($? == 1 || $? == 3)); } |
		jq -r '.results[0] | "\(.verdict)\t\(.reason)"'
}
# says RULE VERDICT [PART OF THE REASON]
says() {
	local said
	said=$(verdict "$1")
	if [[ $said == "$2"$'\t'*"${3-}"* ]]; then ok "$1: $2${3:+, $3}"; else not_ok "$1: $said"; fi
}
# lines ORIGIN: of the audit rules of that origin, which are loaded.
lines() {
	{ as_vouch vouch run --helpers /run/vouch --json --only log.audit.rules_loaded || (($? == 1)); } |
		jq -r --arg of "$1" '.results[0].observed[] | select(.origin == $of) | "\(.loaded) \(.text)"'
}
says log.audit.state pass
says log.audit.immutable fail enabled
says log.audit.lost_delta unknown "a first look"
says log.audit.fullaction fail SUSPEND
says log.audit.rules_loaded fail
equal "each line of the file is loaded" "$(sed 's/^/true /' "$root/etc/audit/rules.d/story.rules")" "$(lines disk)"
equal "and nothing else is" "" "$(lines kernel)"
sed -n '/id: log.audit.rules_loaded/,/doc:/s/^ *- \(-[aw] .*\)/\1 -k required/p' "$story_top/policies/linux-baseline/A.8.15.yaml" >"$work/required.rules"
equal "the baseline asks for thirteen" 13 "$(wc -l <"$work/required.rules")"
vm_shell "base64 -d <<<'$(base64 -w 0 "$work/required.rules")' >/etc/audit/rules.d/required.rules"
says log.audit.rules_loaded fail "loaded is false"
in_vm augenrules --load >/dev/null 2>&1
says log.audit.rules_loaded pass
equal "seventeen lines are loaded" 17 "$(lines disk | grep -c ^true)"
in_vm auditctl -A never,exit -F uid=0 >/dev/null
says log.audit.rules_loaded fail narrowed_by
in_vm auditctl -d never,exit -F uid=0 >/dev/null
in_vm auditctl -a never,task >/dev/null
says log.audit.rules_loaded fail suppresses
in_vm auditctl -d never,task >/dev/null
# names on a file system that is left out are not taken note of: no watch meets them (61267 is ext4's number)
recorded() {
	in_vm bash -c 'before=$(grep -c key=.required /var/log/audit/audit.log); touch /etc/passwd; sleep 2
		(($(grep -c key=.required /var/log/audit/audit.log) > before))'
}
unrecorded() { ! recorded; }
check "a touch of /etc/passwd is recorded" recorded
in_vm auditctl -a never,filesystem -F fstype=61267 >/dev/null
check "but not while its file system is left out" unrecorded
says log.audit.rules_loaded fail suppresses
in_vm auditctl -d never,filesystem -F fstype=61267 >/dev/null
in_vm auditctl -W /etc/shadow -p wa -k required >/dev/null
says log.audit.rules_loaded fail /etc/shadow
in_vm augenrules --load >/dev/null 2>&1
says log.audit.rules_loaded pass
in_vm auditctl -e 0 >/dev/null
check "auditd does not mind that auditing is off" in_vm systemctl is-active auditd
says log.audit.state fail enabled
says log.audit.rules_loaded fail enabled
says log.audit.lost_delta unknown "auditing is off"
in_vm auditctl -e 1 >/dev/null
in_vm systemctl kill -s TERM auditd # killed otherwise it would be started again
check "auditd ends" within 30 in_vm bash -c '! systemctl is-active auditd'
says log.audit.state fail
in_vm systemctl start auditd
says log.audit.state pass
check "a unit is made to fail" in_vm bash -c '! systemd-run --quiet --wait --unit=broken false'
says cfg.unit.failed fail broken.service
equal "as systemctl lists them" "$(in_vm systemctl --failed --plain --no-legend | cut -d " " -f 1 | sort)" \
	"$(as_vouch vouch sources --bytes units:failed | jq -r '.[]')"
in_vm systemctl reset-failed

# --- what is lost, from round to round and over a restart of vouchd
host_enrol >"$work/enrol.log" 2>&1
in_vm systemctl mask --quiet --runtime --now vouch-ship # starting vouchd would start it again, and it takes statements away
# remembers WORD: what vouchd keeps of the last look has it.
remembers() {
	in_vm cat /var/lib/vouch/spool/memory.json 2>/dev/null | jq -c '."log.audit.lost_delta".observed' | grep -q "$1"
}
# sealed: the last statement's verdict about what was lost.
sealed() {
	local last
	last=$(in_vm bash -c 'ls /var/lib/vouch/spool/queue/*.json | tail -n 1')
	in_vm cat "$last" | jq -r .body | base64 -d |
		jq -r '.results[] | select(.rule == "log.audit.lost_delta") | "\(.verdict) \(.observed[] | select(.view == "since") | .rise)"'
}
# looks COMMAND...: vouchd is started, has looked, and the command succeeds. Where everything is slow a first look may
# have been told nothing in time: then it is started once more.
looks() {
	local tries
	for tries in 1 2 3; do
		in_vm systemctl start vouchd
		within 300 in_vm test -s /var/lib/vouch/spool/status.json
		"$@" && return 0
		rest
		echo "look $tries did not see it"
	done
	return 1
}
rest() {
	in_vm systemctl stop vouchd
	in_vm rm -f /var/lib/vouch/spool/status.json # each round writes it anew
}
check "a look is remembered" looks remembers '"lost":'
rest
equal "the first one could not say" "" "$(sealed)"
check "after a restart there is one to compare with" looks remembers '"rise":0'
rest
equal "nothing was lost" "pass 0" "$(sealed)"
# Nobody takes the records, and nobody waits.
lose() {
	in_vm auditctl -b 1 --backlog_wait_time 0 >/dev/null
	in_vm systemctl kill -s STOP auditd
	in_vm bash -c 'for i in {1..300}; do touch /etc/passwd; done'
	in_vm systemctl kill -s CONT auditd
	in_vm auditctl -b 8192 --backlog_wait_time 60000 >/dev/null
}
lose
lost=$(told_status | awk '$1 == "lost" {print $2}')
if ((lost > 0)); then ok "the kernel lost $lost records"; else not_ok "the kernel lost none"; fi
check "vouchd notices" looks remembers '"last_rise":'
rest
check "and says so" grep -q '^fail [1-9]' <(sealed)

# --- who changed it
in_vm auditctl -w /etc/ssh/sshd_config -p wa -k ssh >/dev/null
in_vm auditctl -w /etc/sysctl.d -p wa -k sysctl >/dev/null
in_vm auditctl -a always,exit -F arch=b64 -S rename,renameat,renameat2 -k moves >/dev/null
in_vm systemctl start story
# sees: what the story's rules read was read.
sees() {
	in_vm cat /var/lib/vouch/spool/status.json | jq -e '[.rules[] | select(.rule | startswith("story.")) | .verdict] == ["fail", "fail", "pass"]'
}
check "vouchd has looked" looks sees
# told RULE FILTER: the last line of its history, with what was told late; waits until the filter holds.
told() {
	in_vm vouch history "$1" --json | jq -es "length > 0 and (last | $2)"
}
# change RULE SCRIPT FILTER: as somebody who logged in as alice; waits for the line that the filter takes, and says how
# long it took. A slow machine does not name in the statement who it was, but afterwards: then it says there why.
change() {
	local sequence statement told
	vm_shell "echo 1000 >/proc/self/loginuid; date +%s%N >/run/changed; $2" >/dev/null
	check "$1: it is told ($3)" within 240 told "$1" "$3"
	sequence=$(in_vm vouch history "$1" --json | tail -n 1 | jq -r .sequence)
	statement=$(vm_shell "echo /var/lib/vouch/spool/queue/$(printf %020d "$sequence")-*.json")
	told=$(in_vm vouch history "$1" --json | tail -n 1)
	ok "$1: in a statement after $(age "$statement") ms, told after $(age /var/lib/vouch/spool/history.jsonl) ms"
	said=$(in_vm cat "$statement" | jq -r .body | base64 -d |
		jq -c --arg rule "$1" '.results[] | select(.rule == $rule).changed | .by // .unattributed')
	if [[ $(jq .late <<<"$told") == true ]]; then
		check "$1: why the statement does not say it" grep -E 'not read in time|or not yet|no record' <<<"$said"
	else
		equal "$1: the statement says the same" "$(jq -c '.by // .unattributed' <<<"$told")" "$said"
	fi
}
# age FILE: how long after the change it was written, in milliseconds.
age() {
	vm_shell "echo \$((\$(date -r $1 +%s%N) / 1000000 - \$(cat /run/changed) / 1000000))"
}
# by RULE FILTER: of each who is named.
by() {
	in_vm vouch history "$1" --json | tail -n 1 | jq -r "(.by // [])[] | $2"
}
change story.sshd 'chroot /srv/jail mv /new /etc/ssh/sshd_config; echo "AcceptEnv story" | tee -a /etc/ssh/sshd_config' \
	'.is.verdict == "pass" and .by'
check "a file of that name below another root was moved" in_vm grep -q 'name="/etc/ssh/sshd_config".*nametype=CREATE' /var/log/audit/audit.log
equal "the process and who had logged in are named, and nobody else" "/usr/bin/tee alice 0 1000 audit" \
	"$(by story.sshd '"\(.process) \(.user) \(.uid) \(.auid) \(.source)"')"
check "the history says it in words" grep 'by /usr/bin/tee\[[0-9]*\] of alice at .*, says the audit log' <(in_vm vouch history story.sshd)
change story.sysctl 'echo "kernel.story = 1" | runuser -u alice -- tee /etc/sysctl.d/90-story.conf' \
	'.is.verdict == "pass" and .by'
equal "a user who writes herself is named" "/usr/bin/tee alice 1000 1000 audit" \
	"$(by story.sysctl '"\(.process) \(.user) \(.uid) \(.auid) \(.source)"')"
in_vm auditctl -W /etc/ssh/sshd_config -p wa -k ssh >/dev/null
change story.sshd 'echo "AcceptEnv another_story" | tee -a /etc/ssh/sshd_config' \
	'.was.verdict == "pass" and .unattributed == "no audit rule covers /etc/ssh/sshd_config"'
equal "what no rule records nobody is named for" "" "$(by story.sshd .process)"
# Root of a container that may write to the audit log, as Docker's may: it gives itself a login and says that it is sudo.
container='unshare --fork --pid --net --mount --ipc --uts setpriv --reuid=1000 --clear-groups --inh-caps=-all,+audit_write'
container+=' --bounding-set=-all,+audit_write --ambient-caps=+audit_write'
equal "without the capability the kernel takes no such word" -1 \
	"$(in_vm setpriv --reuid=1000 --clear-groups --inh-caps=-all --bounding-set=-all pretend-sudo systemctl stop story)"
equal "with it, it takes it of a container" 0 "$(vm_shell "$container pretend-sudo systemctl stop story")"
change story.unit 'systemctl stop story' '.is.verdict == "fail" and .by'
equal "and it is told as what a program says of itself" "/usr/bin/sudo 1000 unset program" \
	"$(by story.unit '"\(.process) \(.uid) \(.auid) \(.source)"')"
check "in words too" grep 'by /usr/bin/sudo\[.*, says that program itself in the audit log' <(in_vm vouch history story.unit)
in_vm auditctl -W /etc/sysctl.d -p wa -k sysctl >/dev/null
in_vm auditctl -d always,exit -F arch=b64 -S rename,renameat,renameat2 -k moves >/dev/null
in_vm systemctl stop vouchd
in_vm systemctl disable vouchd
in_vm systemctl unmask --quiet --runtime vouch-ship
in_vm systemctl stop collector
in_vm rm /etc/audit/rules.d/required.rules
in_vm augenrules --load >/dev/null 2>&1

# --- what is loaded later
# watch_as NAME HELPERS COMMAND: what is told to a watch that the command starts goes to /run/notices-NAME.
vouch='setpriv --reuid=vouch --regid=vouch --init-groups --inh-caps=-all --bounding-set=-all'
watch_as() {
	vm_shell "sleep 3600 | $3 notices '$2' audit:rules audit:status >/run/notices-$1 2>&1 &"
	check "$1: the rules are watched" within 60 in_vm grep -qx watched "/run/notices-$1"
}
on_schedule='changes of audit:.* are not all noticed at once but on schedule: .*network namespace'
watch_as root "" ""
watch_as vouch /run/vouch "$vouch"
holds vouch-broker-audit-notices 0000002000000000 # CAP_AUDIT_READ
# The same unit where the kernel does not tell it: it has to say so.
in_vm systemctl stop vouch-broker-audit-notices.service
in_vm mkdir -p /run/systemd/system/vouch-broker-audit-notices.service.d
vm_shell 'printf "[Service]\nPrivateNetwork=yes\n" >/run/systemd/system/vouch-broker-audit-notices.service.d/deaf.conf'
in_vm systemctl daemon-reload
watch_as deaf /run/vouch "$vouch"
check "who cannot hear says so" in_vm grep -q "$on_schedule" /run/notices-deaf
for name in root vouch; do
	check "$name: can hear" in_vm bash -c "! grep schedule /run/notices-$name"
	check "$name: nothing has changed" in_vm bash -c "! grep changed /run/notices-$name"
done
in_vm auditctl -w /etc/shadow -p r -k later >/dev/null
for name in root vouch; do
	check "$name: a rule that is loaded later is noticed" within 60 in_vm grep -qx 'changed audit:rules' \
		"/run/notices-$name"
done
check "who cannot hear is not told" in_vm bash -c '! grep changed /run/notices-deaf'
equal "it is seen" 5 "$(seen_rules "${through[@]}" | wc -l)"
equal "as auditctl shows it" "$(told_rules)" "$(seen_rules "${through[@]}")"
in_vm auditctl -D >/dev/null
equal "no rules are an empty list, which was read" "[]" \
	"$(as_vouch vouch sources --helpers /run/vouch --bytes audit:rules)"
in_vm auditctl -e 2 >/dev/null
equal "locked rules are seen" "$(told_status)" "$(seen_status "${through[@]}")"
equal "as locked" "enabled 2" "$(told_status | grep enabled)"
says log.audit.immutable pass

# --- everything that the baseline reads, both ways. What moves by itself is left out, and what this slow machine had no
# time for.
as_root vouch sources >"$work/root.txt" || (($? == 1))
as_vouch vouch sources --helpers /run/vouch >"$work/vouch.txt" || (($? == 1))
cut -f 1,2 "$work/root.txt" "$work/vouch.txt" | sed -n 's/\ttimeout$//p' >"$work/late.txt"
# still FILE: the lines of the others. The sockets that start a service are known from the service alone; what a process
# has used moves, and units that start meanwhile bring processes and folders below /var/tmp.
still() {
	awk -F '\t' 'FILENAME == ARGV[1] {late[$1]; if (/^unit:.*\.service$/) services = 1; next}
		!($1 in late) && !/volatile$/ && !/^file:\/proc\/[0-9]/ && $1 != "tree:/var?perm=0002" &&
		!(services && $1 ~ /^unit:.*\.socket$/)' "$work/late.txt" "$1"
}
count=$(still "$work/root.txt" | wc -l)
if ((count > 100)); then ok "root reads $count sources that do not move"; else not_ok "root reads only $count sources"; fi
difference=$(diff <(still "$work/root.txt") <(still "$work/vouch.txt") || true)
equal "vouch reads the same through the units" "" "$difference"
vm_off
