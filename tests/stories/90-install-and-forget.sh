#!/bin/bash
# Installed and forgotten: both packages on a host that boots, and what befalls it over the years in a minute. What is
# broken on it is signed evidence at the collector, with what it was and since when; programs die, the disk is full, the
# collector is away, the packages are upgraded: nothing is lost, nothing is there twice, and the chain is whole.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
state=$work/volume # a small disk of its own: /var/lib/vouch of the host
mine=$root/var/lib/vouch-collector
files=21
volume_off() {
	umount -l "$state" || true
}
host_make "$root"
mkdir "$state" "$root/var/lib/vouch"
mount -t tmpfs -o size=24m,mode=0755 none "$state"
story_hooks+=(volume_off)
host_options+=("--bind=$state:/var/lib/vouch")

# --- the collector, and what it tells a reader
api() {
	nsenter -t "$host_leader" -n curl -sS --fail --max-time 20 --cacert "$mine/ca.crt" \
		-H "Authorization: Bearer $reader" "https://127.0.0.1:8444$1"
}
result() {
	api "/api/v1/results?rule=$1" | jq -r ".results[0] | $2"
}
has_verdict() {
	[[ $(result "$1" .verdict) == "$2" ]]
}
# predicate DIGEST: of that statement.
predicate() {
	api "/api/v1/statements/$1" | jq -r .payload | base64 -d | jq .predicate
}
statements() { # TYPE: how many
	api "/api/v1/statements?limit=1000" | jq --arg type "$1" '[.statements[] | select(.type == $type)] | length'
}
vouch_as_reader() {
	in_host env VOUCH_COLLECTOR=https://127.0.0.1:8444 VOUCH_CA=/var/lib/vouch-collector/ca.crt \
		VOUCH_TOKEN_FILE=/run/reader vouch "$@"
}

# --- the host
pid() {
	in_host systemctl show -p MainPID --value "$1"
}
is_another() { # UNIT PID
	[[ $(pid "$1") != @(0|"$2") ]]
}
running() {
	in_host systemctl list-units --plain --no-legend --state=active,activating 'vouch*' | awk '{ print $1 }' | xargs
}
kill_it() {
	in_host systemctl kill --kill-whom=main --signal=KILL "$1"
}
has_restarted() { # UNIT: by itself
	(($(in_host systemctl show -p NRestarts --value "$1") > 0))
}
sealed() {
	jq .sequence "$state/spool/chain.json"
}
waiting() {
	find "$state/spool/queue" -name '*.json' | wc -l
}
shipped() {
	(($(waiting) == 0)) && (($(find "$state/receipts" -name '*.tlog-proof' | wc -l) >= $(sealed)))
}
# change: the file that the next of the rules host.fN looks at is another.
n=0
change() {
	n=$((n + 1))
	echo "now $n" >"$root/etc/forget/f$n"
}
# told N...: the collector has results that show it.
told() {
	api "/api/v1/results?limit=1000" | jq -e '
		[.results[] | select(.rule | startswith("host.f")) | select(.observed[0].text | startswith("now ")) | .rule[6:]] as $told |
		$ARGS.positional | all(IN($told[]))' --args "$@"
}

# --- what was installed does nothing yet, after a boot neither
check "it boots" host_boot "$root"
mkdir "$root"/srv/{debs,newer}
cp "$host_debs"/vouch{,-agent,-collector,-policies}_*.deb "$root/srv/debs"
in_host bash -c 'dpkg --force-unsafe-io --install /srv/debs/*.deb' >"$work/install.log" 2>&1
equal "nothing of vouch runs where it was installed" "" "$(running)"
host_off
check "it boots again" host_boot "$root"
equal "nor after a boot" "" "$(running)"

# --- the collector, a rule for each of some files, the host
in_host vouch-collector init /var/lib/vouch-collector --origin log.example.org/vouch >"$work/init.log"
witness=$(in_host vouch witness keygen --key /run/witness.key --name w.example)
in_host mkdir -m 700 /run/witness
sed -i -E '/^#? ?(log_policy|witness_every):/d' "$mine/collector.yaml"
printf 'log_policy: log.policy\nwitness_every: 1s\n' >>"$mine/collector.yaml"
in_host systemctl enable --quiet --now vouch-collector
printf 'log %s\nwitness w %s http://127.0.0.1:8100\nquorum w\n' "$(cat "$mine/log.vkey")" "$witness" >"$mine/log.policy"
chmod 644 "$mine/log.policy"
in_host systemctl enable --quiet --now vouch-anchor
in_host systemd-run --quiet --unit=witness vouch witness --listen 127.0.0.1:8100 --state /run/witness \
	--key /run/witness.key --name w.example --log "$(cat "$mine/log.vkey")"
in_host bash -c 'umask 077; vouch-collector token add /var/lib/vouch-collector >/run/token
	vouch-collector reader add /var/lib/vouch-collector story >/run/reader'
reader=$(in_host cat /run/reader)
mkdir -p "$root/etc/forget" "$root/etc/vouch/policy.d"
{
	echo 'policy: {id: host, version: 1.0.0, framework: "iso27001:2022", title: Ours, owner: tests, review_by: 2036-01-01}'
	echo 'set: {cfg.unit.effective: {required: [systemd-journald.service, dbus.service, ssh.service]}}'
	echo 'rules:'
	for ((i = 1; i <= files; i++)); do
		echo "was $i" >"$root/etc/forget/f$i"
		echo "  - {id: host.f$i, title: A file, controls: [A.8.9], severity: low, kind: effect, every: 12h, check: file," \
			"with: {path: /etc/forget/f$i, pattern: '[a-z]+ [0-9]+'}, show: true, expect: {exists: true}, why: w, fix: f}"
	done
} >"$root/etc/vouch/policy.d/10-host.yaml"
in_host sysctl -q net.ipv4.conf.{all,default}.accept_redirects=0 net.ipv4.conf.all.rp_filter=1
in_host bash -c 'for key in /proc/sys/net/ipv6/conf/*/accept_redirects; do [[ ! -e $key ]] || echo 0 >"$key"; done'
in_host systemctl enable --quiet --now ssh
in_host vouch enrol https://127.0.0.1:8443 --token-file /run/token \
	--ca-fingerprint "$(in_host vouch-collector fingerprint /var/lib/vouch-collector)" >"$work/enrol.log"
in_host vouch apply >"$work/apply.log" 2>&1
in_host systemctl enable --quiet --now vouchd
has_rounds() {
	[[ -s $state/spool/status.json ]] && shipped
}
check "a first round is sealed and shipped" within 180 has_rounds

# --- what is broken
declare -A broken=()
# breaks WHAT COMMAND...: and remembers when.
breaks() {
	broken[$1]=$EPOCHREALTIME
	"${@:2}"
}
# is_evidence WHAT RULE WAS SECONDS: at the collector, signed, as a change; and the host itself says the same.
is_evidence() {
	local what=$1 rule=$2 was=$3 seen statement sequence since
	check "$what is evidence" within "$4" has_verdict "$rule" fail
	seen=$EPOCHREALTIME
	statement=$(result "$rule" .statement)
	predicate "$statement" >"$work/predicate.json"
	sequence=$(jq .sequence "$work/predicate.json")
	since=$(result "$rule" .changed.since)
	echo "# $what: changed at $(date -u -d "@${broken[$what]}" +%T.%3N), received at $(result "$rule" '.receivedAt[11:19]')," \
		"at the collector $(jq -n "$seen - ${broken[$what]} | . * 1000 | round / 1000") s after the change at most"
	equal "$what: noticed as a change" "change" "$(jq -r .trigger "$work/predicate.json")"
	equal "$what: with what it was" "$was" "$(result "$rule" .changed.verdict)"
	check "$what: since when ($since)" test "$(date -d "$since" +%s)" -le "${broken[$what]%.*}"
	equal "$what: vouch history says the same" "$was fail change $since $sequence" "$(in_host vouch history "$rule" --json |
		tail -n 1 | jq -r '"\(.was.verdict) \(.is.verdict) \(.trigger) \(.since) \(.sequence)"')"
	check "$what: vouch status too" grep -qE "^fail +[a-z]+ +${rule//./\\.} " <(in_host vouch status || true)
}
root_login() {
	echo "PermitRootLogin yes" >"$root/etc/ssh/sshd_config.d/00-root.conf"
}
# As for good: by its file it is noticed at once (by its value alone when it is read again, each minute).
no_filter() {
	in_host sysctl -q net.ipv4.conf.all.rp_filter=0
	echo "net.ipv4.conf.all.rp_filter = 0" >"$root/etc/sysctl.d/90-router.conf"
}
volatile_journal() {
	mkdir -p "$root/etc/systemd/journald.conf.d"
	printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf.d/volatile.conf"
	in_host systemctl restart systemd-journald
}
for rule in priv.root.direct_login net.sysctl cfg.unit.effective log.journal.persistent; do
	equal "$rule passes" "pass" "$(result "$rule" .verdict)"
done
breaks "a login of root's" root_login
is_evidence "a login of root's" priv.root.direct_login pass 30
breaks "a sysctl" no_filter
is_evidence "a sysctl" net.sysctl pass 30
breaks "a stopped unit" in_host systemctl --quiet disable --now ssh
is_evidence "a stopped unit" cfg.unit.effective pass 30
breaks "a volatile journal" volatile_journal
is_evidence "a volatile journal" log.journal.persistent pass 30

# --- what dies
helpers=(vouch-broker-{fs,net,audit,audit-notices,ptrace} vouch-prober)
for unit in "${helpers[@]}"; do
	in_host systemctl start "$unit"
	change
	kill_it "$unit"
done
check "what changes while each helper is killed is told" within 120 told 1 2 3 4 5 6
for unit in "${helpers[@]}"; do
	check "$unit came back" within 60 has_restarted "$unit"
done
for unit in vouch-sealer vouch-ship vouch-collector vouch-anchor; do
	change
	before=$(pid $unit)
	kill_it $unit
	check "$unit comes back" within 60 is_another $unit "$before"
	check "and what changed meanwhile is told" within 120 told $n
done

# --- what is away, and what is full, both at once
in_host systemctl stop vouch-collector
change
# is_sealed N: the host's own history has what the rule host.fN saw, which is written when its statement is sealed.
is_sealed() {
	in_host vouch history "host.f$1" --json | jq -se --arg text "now $1" 'any(.[].new[]?; .text == $text)'
}
check "without a collector a change is sealed" within 60 is_sealed $n
before=$(waiting)
check "and waits" test "$before" -ge 1
change
check "so is the next" within 60 is_sealed $n
check "and waits too" test "$(waiting)" -gt "$before"
cat /dev/zero >"$state/filler" 2>/dev/null || true
change
not_kept() {
	(($(in_host journalctl -q -u vouchd -o cat | grep -c 'the spool is full: this round is not kept' || true) >= $1))
}
said_full() {
	[[ $(statements spool-full) == 1 ]]
}
check "on a full disk no round is kept" within 60 not_kept 1
change
check "nor the next" within 60 not_kept 2
in_host systemctl start vouch-collector
check "a collector that is back takes what was sealed before" within 120 told $((n - 3)) $((n - 2))
check "and knows of the disk, which still is full" within 120 said_full
rm "$state/filler"
change
check "with room again it is told what changed meanwhile" within 120 told $((n - 2)) $((n - 1)) $n

# --- vouchd itself, and another version of all of it
change
before=$(pid vouchd)
kill_it vouchd
change
check "vouchd comes back" within 60 is_another vouchd "$before"
check "and tells what changed meanwhile" within 180 told $((n - 1)) $n
cat >"$work/new-rule.yaml" <<'RULE'
- {id: new.rule, title: A new one, controls: [A.8.9], severity: low, kind: effect, every: 12h, check: file,
   with: {path: /srv/new}, expect: {exists: true}, why: w, fix: f}
RULE
echo new >"$root/srv/new"
version=$(dpkg-deb -f "$root"/srv/debs/vouch_*.deb Version)
for deb in "$root"/srv/debs/*.deb; do
	rm -rf "$work/newer"
	dpkg-deb -R "$deb" "$work/newer"
	sed -i -E "/^(Version|Depends|Suggests):/s/\b${version//./\\.}\b/$version+1/g" "$work/newer/DEBIAN/control"
	baseline=$work/newer/usr/share/vouch/policies/linux-baseline
	[[ ! -d $baseline ]] || cp "$work/new-rule.yaml" "$baseline/A.8.99.yaml"
	dpkg-deb -Znone --root-owner-group -b "$work/newer" "$root/srv/newer" >/dev/null
done
change
before="$(pid vouchd) $(pid vouch-collector)"
start upgrade in_host bash -c 'dpkg --force-unsafe-io --install /srv/newer/*.deb'
change
wait "${story_processes[upgrade]}" && upgraded=0 || upgraded=$?
unset "story_processes[upgrade]"
change
equal "all packages are of the next version" "0 $version+1" \
	"$upgraded $(in_host dpkg-query -W -f '${Version}\n' 'vouch*' | sort -u | xargs)"
check "vouchd is the new one" within 60 is_another vouchd "${before% *}"
check "so is the collector" within 60 is_another vouch-collector "${before#* }"
check "what changed before, during and behind the upgrade is told" within 180 told $((n - 2)) $((n - 1)) $n
change
check "and what changes next" within 120 told $n
check "a rule that the new version brought may look" within 60 has_verdict new.rule pass
check "everything is shipped in the end" within 120 shipped

# --- nothing lost, nothing twice, the chain whole
id=$(jq -r .hostId "$state/enrolment/enrolment.json")
in_host systemctl stop vouchd
check "with vouchd stopped nothing waits" within 120 shipped
api "/api/v1/evidence?host=$id&limit=1000" >"$work/evidence.jsonl"
chain() { # number, digest, number and digest that it continues, of each statement in the log's order
	local payload
	while read -r payload; do
		echo "$(base64 -d <<<"$payload" | jq -r '.predicate | "\(.sequence) \(.previous)"')" \
			"$(base64 -d <<<"$payload" | sha256sum | cut -d ' ' -f 1)"
	done < <(jq -r .envelope.payload "$work/evidence.jsonl")
}
chain >"$work/chain.txt"
equal "each number is in the log once, in order" "$(seq -s ' ' "$(sealed)")" "$(cut -d ' ' -f 1 "$work/chain.txt" | xargs)"
equal "and each statement continues the one before" "" \
	"$(awk 'NR > 1 && $(NF - 1) != last { print $1 } { last = $NF }' "$work/chain.txt")"
equal "nothing else is in the log" "$(sealed)" "$(api /log/checkpoint | sed -n 2p)"
equal "nothing was refused" "" "$(ls "$state/spool/refused")"
equal "nothing was found" "" "$(api /api/v1/findings | jq -r '.findings[] | "\(.kind): \(.text)"')"
equal "that the disk was full is said once" 1 "$(statements spool-full)"
equal "one key sealed it all" 1 "$(statements epoch)"
jq -r 'select(.body) | .body | @base64d | fromjson? | .results[]? | select(.changed) |
	"\(.rule) \(.changed.observed[0].text)"' "$work/evidence.jsonl" >"$work/changes.txt"
equal "each change is told with what it was" "" "$(for ((i = 1; i <= files; i++)); do
	grep -qx "host\.f$i was $i" "$work/changes.txt" || echo "f$i"
done)"
fsck() {
	in_host vouch-collector fsck /var/lib/vouch-collector >"$work/fsck.log" 2>&1 && grep -q " 0 gaps, " "$work/fsck.log"
}
check "fsck finds nothing wrong, and no gap" fsck
vouch_as_reader export --trust -o /run/trust.json
vouch_as_reader export --package /run/package --from "$(date -u -d yesterday +%F)" --by "an auditor" >"$work/export.log" 2>&1
verified() {
	in_host vouch verify /run/package --trust /run/trust.json --json >"$work/verify.json"
}
check "what is exported is verified" verified
equal "as one line without gap and reset" "$(sealed) 0 0 1" "$(jq -r '[.hosts[].lines[] |
	"\(.statements) \(.gapCount) \(.resets) \(.spoolFull)"] | join(", ")' "$work/verify.json")"
check "and its last state has been witnessed" jq -e --argjson size "$(sealed)" 'any(.anchors[]; .size == $size and .quorum)' "$work/verify.json"
host_off
