#!/bin/bash
# What the installed units do over days: the sealer's key changes and outlives a crash, vouch-ship's certificate is renewed,
# the collector's checkpoints are anchored by a process that cannot read its keys. And the memory that they take.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
state=$root/var/lib/vouch
home=/var/lib/vouch-collector
host_make "$root"
host_install "$root" >"$work/install.log" 2>&1
check "it boots" host_boot "$root"

# drop_in UNIT LINE...: in its [Service].
drop_in() {
	mkdir -p "$root/etc/systemd/system/$1.service.d"
	printf '%s\n' '[Service]' "${@:2}" >"$root/etc/systemd/system/$1.service.d/story.conf"
}
# A policy of two rules, so that a round is a moment.
mkdir -p "$root/etc/vouch"
cat >"$root/etc/vouch/small.yaml" <<-'POLICY'
	policy: {id: small, version: 1.0.0, framework: "iso27001:2022", title: One rule, owner: tests, review_by: 2036-01-01}
	rules:
	  - id: small.users
	    title: There are users
	    controls: [A.8.9, A.8.2]
	    key: true
	    severity: low
	    kind: effect
	    every: 1h
	    check: file
	    with: {path: /etc/passwd}
	    expect: {exists: true}
	    why: It is looked at.
	    fix: Make it.
	  - {id: small.unit, title: It runs, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: unit,
	     with: {name: told.service}, expect: {active: true}, why: w, fix: f}
POLICY
echo "policies: [/etc/vouch/small.yaml]" >"$root/etc/vouch/vouchd.yaml"

# --- a collector as its own user, a witness, and the anchor's unit beside them
in_host install -d -m 700 -o vouch-collector -g vouch-collector "$home"
as_collector() {
	in_host setpriv --reuid=vouch-collector --regid=vouch-collector --init-groups "$@"
}
as_collector vouch-collector init "$home" >"$work/init.log" 2>&1
sed -i 's/^certificate_lifetime:.*/certificate_lifetime: 60s/' "$root$home/collector.yaml"
in_host systemd-run --quiet --unit=collector --uid=vouch-collector vouch-collector run "$home"
within 60 in_host bash -c 'exec 3<>/dev/tcp/127.0.0.1/8443'
in_host install -d -m 700 /var/lib/witness /var/lib/witness/state
witness=$(in_host vouch witness keygen --key /var/lib/witness/key --name w.example)
in_host systemd-run --quiet --unit=witness vouch witness --listen 127.0.0.1:8100 --state /var/lib/witness/state \
	--key /var/lib/witness/key --name w.example --log "$(cat "$root$home/log.vkey")"
printf 'log %s\nwitness w %s http://127.0.0.1:8100\nquorum w\n' "$(cat "$root$home/log.vkey")" "$witness" >"$root$home/log.policy"
chmod 644 "$root$home/log.policy"
sed -i -E -e '/^#? ?log_policy:/d' -e '/^#? ?witness_every:/d' "$root$home/collector.yaml"
printf 'log_policy: log.policy\nwitness_every: 1s\n' >>"$root$home/collector.yaml"
in_host systemctl restart collector 2>/dev/null || in_host systemd-run --quiet --unit=collector --uid=vouch-collector vouch-collector run "$home"
within 60 in_host bash -c 'exec 3<>/dev/tcp/127.0.0.1/8443'
printf '%s\n' '[Service]' 'ExecStart=sleep 3600' >"$root/etc/systemd/system/told.service"
in_host systemctl daemon-reload
in_host systemctl start told
check "vouch-anchor starts" in_host systemctl start vouch-anchor

# --- the host is enrolled; its key changes every few seconds
drop_in vouch-sealer 'ExecStart=' 'ExecStart=/usr/sbin/vouch-sealer --epoch 3s'
in_host systemctl daemon-reload
token() {
	as_collector vouch-collector token add "$home" >"$root/etc/vouch/token"
}
token
fingerprint=$(as_collector vouch-collector fingerprint "$home")
in_host vouch enrol https://127.0.0.1:8443 --token-file /etc/vouch/token --ca-fingerprint "$fingerprint" >"$work/enrol.log"
in_host systemctl enable --now vouchd 2>/dev/null
shipped() {
	(($(find "$state/receipts" -name '*.tlog-proof' | wc -l) >= $1)) && [[ -z $(ls "$state/spool/queue") ]]
}
check "a first round is shipped" within 120 shipped 4
# --- what they take, at rest
for unit in vouchd vouch-sealer vouch-ship vouch-broker-fs vouch-broker-net vouch-broker-audit vouch-broker-ptrace vouch-anchor; do
	pid=$(in_host systemctl show -p MainPID --value "$unit")
	((pid)) && echo "# $unit: $(in_host awk '/^(Rss|Pss|Private_Dirty)/ { printf "%s %d KiB ", $1, $2 }' "/proc/$pid/smaps_rollup")"
done
# --- another policy, put into force while all runs
sed -i 's/expect: {exists: true}/expect: {mode: {at_most: "0600"}}/' "$root/etc/vouch/small.yaml"
check "vouch apply puts a changed policy into force" in_host vouch apply
failed() { [[ $(in_host journalctl -q -u vouchd VOUCH_RULE=small.users VOUCH_CONTROL=A.8.9 -o json | jq -r '.VOUCH_WAS + " " + .VOUCH_VERDICT + " " + .MESSAGE_ID') == "pass fail "* ]]; }
check "what fails by it is in the journal with its fields" within 60 failed
check "and the catalog says more" bash -c '[[ $1 == *"A rule fails: small.users"*"A.8.9, A.8.2"* ]]' catalog \
	"$(in_host journalctl -q -u vouchd -x VOUCH_RULE=small.users --no-pager)"
echo "    extra: [" >>"$root/etc/vouch/small.yaml"
in_host systemctl reload vouchd
status() { in_host systemctl show -p StatusText --value vouchd; }
check "a mistake is in vouchd's status" within 60 bash -c '[[ $1 == *small.yaml:* ]]' status "$(status)"
check "and at its priority in the journal" bash -c '[[ $1 == *"not read anew"*small.yaml:* ]]' err \
	"$(in_host journalctl -q -u vouchd -p err --no-pager)"
sed -i -e '/extra:/d' -e 's/^    expect: .*/    expect: {exists: true}/' "$root/etc/vouch/small.yaml"
printf 'textfile: /run/vouchd/vouch.prom\n' >>"$root/etc/vouch/vouchd.yaml"
check "which is mended" in_host vouch apply
check "vouchd's unit may write its text file, for everybody to read" within 60 in_host setpriv --reuid=nobody --clear-groups \
	grep -q '^vouch_agent_info' /run/vouchd/vouch.prom
check "all of that is shipped" within 120 shipped 7

# --- who changed what: the records, and what the journal says, come through the helpers
whose() {
	in_host vouch history "$1" --json | tail -n 1 | jq -r "$2"
}
# Patterns are meant as such.
# shellcheck disable=SC2053
is_whose() { [[ $(whose "$1" "$2") == $3 ]]; }
mkdir -m 750 "$root/var/log/audit"
now=$(date +%s.%3N)
cat >"$root/var/log/audit/audit.log" <<EOF
type=SYSCALL msg=audit($now:2): arch=c000003e syscall=90 success=yes exit=0 pid=77 auid=0 uid=0 euid=0 exe="/usr/bin/chmod"
type=PATH msg=audit($now:2): item=0 name="/etc/passwd" $(stat -c inode=%i "$root/etc/passwd") dev=$(printf %02x:%02x \
	$(stat -c '%Hd %Ld' "$root/etc/passwd")) nametype=NORMAL
EOF
chmod 600 "$root/var/log/audit/audit.log"
chmod 664 "$root/etc/passwd"
check "who changed a file is told by records that root alone may read" within 60 is_whose small.users '.by[0].process' /usr/bin/chmod
# What anybody can write into the journal, but for the fields that journald writes itself.
printf '%s\n' MESSAGE_ID=7b05ebc668384222baa8881179cfda54 UNIT=told.service PID=1 'MESSAGE=Reloaded told.service.' |
	in_host setpriv --reuid=nobody --clear-groups logger --journald
in_host systemctl stop told
check "of a unit the journal says when, but not by whom" within 60 is_whose small.unit .unattributed \
	'*the journal says that told.service stopped at 20*, but not by whose wish'
equal "by the service manager's own entries alone" "stopped started" \
	"$(in_host vouch sources --bytes journal:unit:told.service | jq -r '[.changes[].what] | join(" ")')"
check "and the other is in the journal" in_host journalctl -q --no-pager MESSAGE_ID=7b05ebc668384222baa8881179cfda54 UNIT=told.service

# --- a loop that stands still is what the watchdog is for; one that waits for a look does not stand still
drop_in vouchd WatchdogSec=2s RestartSec=1s
in_host systemctl daemon-reload
in_host systemctl restart vouchd
vouchd() { in_host systemctl show -p MainPID --value vouchd; }
hung=$(vouchd)
in_host kill -STOP "$hung"
started_anew() { [[ $(vouchd) != @(0|"$hung") ]] && unit_is vouchd active; }
check "a vouchd that stands still is started anew" within 60 started_anew
check "by the watchdog" bash -c '[[ $1 == *[Ww]atchdog* ]]' watchdog "$(in_host journalctl -q -u vouchd --no-pager -n 30)"
rm "$root/etc/systemd/system/vouchd.service.d/story.conf"
in_host systemctl daemon-reload
in_host systemctl restart vouchd
check "and nothing is lost by it" within 120 shipped 8

epochs() {
	find "$state/spool/epochs" -name '*.pem' | wc -l
}
# change: what vouchd reads is another, so that it looks. round: and the collector takes what came of it.
mode=644
change() {
	if ((mode == 644)); then mode=664; else mode=644; fi
	in_host chmod "$mode" /etc/passwd
}
round() {
	local before
	before=$(find "$state/receipts" -name '*.tlog-proof' | wc -l)
	change
	within 120 shipped $((before + 1))
}
sleep 3.1
check "vouchd notices" round
check "and the key was changed within the boot" test "$(epochs)" -ge 2
sealer() { in_host systemctl show -p MainPID --value vouch-sealer; }
changed=$(epochs)
drop_in vouch-sealer 'ExecStart=' 'ExecStart=/usr/sbin/vouch-sealer --epoch 1h'
in_host systemctl daemon-reload
in_host kill -KILL "$(sealer)"
check "the sealer that was killed goes on" round
equal "with the key that was changed last" "$changed" "$(epochs)"
equal "nothing was refused" "" "$(ls "$state/spool/refused")"

# --- vouch-ship's certificate
check "vouch-ship has renewed its certificate" within 60 test -s "$state/receipts/transport-cert.pem"
check "as its own" test "$(stat -c %U "$state/receipts/transport-cert.pem")" = "$(stat -c %U "$state/receipts")"
in_host systemctl restart vouch-ship
check "and with it goes on" round

# --- the anchor
anchored() { [[ -n $(find "$root$home/anchors" -path "*$(sed -n 2p "$root$home/log/checkpoint")*" -name checkpoint) ]]; }
check "the newest checkpoint is anchored" within 60 anchored
newest=$(find "$root$home/anchors" -name checkpoint | sort -V | tail -n 1)
check "with the witness's cosignature" within 60 grep -q "^— w.example " "$newest"
equal "the anchor's process can read no key of the collector's" "" \
	"$(in_host bash -c 'for key in '"$home"'/*.key '"$home"'/store.db; do nsenter -t $(systemctl show -p MainPID --value vouch-anchor) -m -S $(id -u vouch-collector) -- head -c 1 "$key" >/dev/null 2>&1 && echo "$key"; done; true')"
equal "the collector's log is whole" 0 "$(in_host systemctl stop collector; as_collector vouch-collector fsck "$home" >"$work/fsck.log" 2>&1; echo $?)"

host_off
