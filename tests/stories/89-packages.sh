#!/bin/bash
# The packages, in a system that runs: what they start (nothing) and say, an upgrade in between that loses nothing, a
# downgrade that is refused, and that nothing is left in the end.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
state=$root/var/lib/vouch
mine=$root/var/lib/vouch-collector
host_make "$root"
check "it boots" host_boot "$root"
inside=/proc/$host_leader/root/run/debs # /run of the host's own
mkdir -p "$inside/older" "$inside/newer"
cp "$host_debs"/vouch{,-agent,-collector,-policies}_*.deb "$inside/older"

# newer DEB: the same, of the next version, whose services are other files and whose list allows one more file.
newer() {
	local folder=$work/newer
	rm -rf "$folder"
	dpkg-deb -R "$1" "$folder"
	sed -i -E "/^(Version|Depends|Suggests):/s/\b${version//./\\.}\b/$version+1/g" "$folder/DEBIAN/control"
	[[ ! -e $folder/usr/share/vouch/paths ]] || echo 'file:/etc/of-the-next-version' >>"$folder/usr/share/vouch/paths"
	find "$folder" -name '*.service' -exec sed -i 's/^Description=.*/& (newer)/' {} +
	dpkg-deb -Znone --root-owner-group -b "$folder" "$inside/newer" >/dev/null
}
version=$(dpkg-deb -f "$inside/older"/vouch_*.deb Version)
for deb in "$inside/older"/*.deb; do
	newer "$deb"
done

# files: all that the system has, but what any package leaves there: the records of dpkg and of its helpers, logs, and what runs.
files() {
	(cd "$root" && find . -xdev \( -path ./var/lib/dpkg -o -path ./var/log -o -path ./var/cache/debconf -o \
		-path ./var/lib/systemd/catalog -o -path ./tmp -o -path ./var/tmp -o -path ./srv -o \
		-path ./root -o -path ./run -o -path ./etc/.pwd.lock -o -name '*-' \) -prune -o -printf '%P %y %m %U %G\n') | sort
	cat "$root"/etc/{passwd,group,shadow,gshadow} | sort
}
# install older|newer: what dpkg says, and its exit status.
install() {
	in_host bash -c "dpkg --force-unsafe-io --install /run/debs/$1/*.deb"
}
pid() {
	in_host systemctl show -p MainPID --value "$1"
}
active() {
	in_host systemctl list-units --plain --no-legend --state=active,activating 'vouch*' | awk '{ print $1 }' | xargs
}
sealed() {
	jq .sequence "$state/spool/chain.json" 2>/dev/null || echo 99999
}
sealed_more_than() {
	(($(sealed) > $1))
}
# shipped: everything that was sealed has its receipt.
shipped() {
	[[ -z $(ls "$state/spool/queue") ]] && (($(find "$state/receipts" -name '*.tlog-proof' | wc -l) >= $(sealed)))
}
waits() {
	[[ -n $(ls "$state/spool/queue") ]]
}
pid_is_not() {
	[[ $(pid "$1") != @(0|"$2") ]]
}

# --- the way in
files >"$work/before"
install older >"$work/install.log" 2>&1
check "the kill that a reload calls comes with the agent" \
	grep -qw procps <(dpkg-deb -f "$inside"/older/vouch-agent_*.deb Depends)
check "the agent says the next command" grep -q '^next: vouch enrol ' "$work/install.log"
check "and where what it takes comes from" grep -q '^on the collector: vouch-collector token add ' "$work/install.log"
check "the collector says the next command" grep -q '^next: vouch-collector init /var/lib/vouch-collector ' "$work/install.log"
equal "nothing of vouch runs" "" "$(active)"
equal "nor will after a boot" $'disabled\ndisabled\ndisabled' \
	"$(in_host systemctl is-enabled vouchd vouch-collector vouch-anchor || true)"
in_host systemctl start vouch-collector vouchd
equal "nor when asked to, before init and enrolment" $'inactive\ninactive' \
	"$(in_host systemctl is-active vouch-collector vouchd || true)"
in_host systemctl stop 'vouch*'
check "the list of what may be looked at is there" cmp "$root/etc/vouch/paths" "$root/usr/share/vouch/paths"

# --- the collector, as its unit has it
in_host vouch-collector init /var/lib/vouch-collector --origin log.example.org/vouch >"$work/init.log"
in_host systemctl enable --quiet --now vouch-collector
check "the collector runs" unit_is vouch-collector active
in_host bash -c 'umask 077 && vouch-collector token add /var/lib/vouch-collector >/run/token'
equal "what root has it do is done as its user" "" "$(find "$mine" ! -user "$(stat -c %u "$mine")" | xargs)"
in_host vouch approve --keygen /root/jane.key >"$work/keygen.log"
check "but a file that only root may read is read" \
	in_host vouch-collector approver add /var/lib/vouch-collector jane /root/jane.key.pub.pem
check "and that is not root" test "$(stat -c %u "$mine")" != 0
in_host vouch enrol https://127.0.0.1:8443 --token-file /run/token \
	--ca-fingerprint "$(in_host vouch-collector fingerprint /var/lib/vouch-collector)" >"$work/enrol.log"
in_host systemctl enable --quiet --now vouchd
check "a round is shipped" within 180 shipped

# --- killed
for unit in vouchd vouch-ship vouch-sealer vouch-collector; do
	before=$(pid $unit)
	in_host kill -KILL "$before"
	check "$unit comes back when it was killed" within 60 pid_is_not $unit "$before"
done

# --- upgraded, while the collector is away and evidence waits
in_host systemctl stop vouch-collector
before=$(sealed)
in_host systemctl restart vouchd
check "a round is sealed without a collector" within 180 sealed_more_than "$before"
check "and waits" waits
before=$(sealed)
old_pid=$(pid vouchd)
install newer >"$work/upgrade.log" 2>&1
equal "it is the next version" "$version+1" "$(in_host dpkg-query -W -f '${Version}' vouch-agent)"
check "vouchd was started again" pid_is_not vouchd "$old_pid"
equal "from the new files" "(newer)" "$(in_host systemctl show -p Description --value vouchd | grep -o '(newer)')"
equal "what did not run does not" "inactive" "$(in_host systemctl is-active vouch-collector || true)"
check "a list that nobody changed is the new one" grep -qx file:/etc/of-the-next-version "$root/etc/vouch/paths"
check "the chain goes on" within 180 sealed_more_than "$before"
in_host systemctl start vouch-collector
check "everything is shipped in the end" within 180 shipped
equal "in the epoch of before: the sealer kept its key" 1 "$(find "$state/spool/epochs" -name '*.pem' | wc -l)"
equal "the collector refused nothing" "" "$(ls "$state/spool/refused")"
check "it has every statement once, in its order" test "$(sealed)" == "$(sqlite3 "$mine/index.db" \
	"SELECT CASE WHEN COUNT(*) = COUNT(DISTINCT sequence) AND MIN(sequence) = 1 THEN MAX(sequence) END FROM statements")"
equal "and found no reset, gap or fork" "" "$(sqlite3 "$mine/index.db" "SELECT kind, text FROM findings")"

echo "# ours" >>"$root/etc/vouch/paths"
in_host bash -c 'dpkg --force-unsafe-io --install /run/debs/newer/vouch-agent_*.deb' >"$work/again.log" 2>&1
equal "a list that was changed is kept" "# ours" "$(tail -n 1 "$root/etc/vouch/paths")"
check "and said, in a line" grep -q 'kept /etc/vouch/paths, which was changed here' "$work/again.log"

# --- an older version
old_pid=$(pid vouchd)
refused "an older version is refused" "$version is older than $version\+1" install older
equal "the newer one stays" "$version+1 installed" \
	"$(in_host dpkg-query -W -f '${Version} ${db:Status-Status}' vouch-agent)"
check "and runs" unit_is vouchd active
check "somebody who means it can" in_host env VOUCH_ALLOW_DOWNGRADE=1 \
	bash -c 'dpkg --force-unsafe-io --install /run/debs/older/*.deb'
equal "and has it" "$version" "$(in_host dpkg-query -W -f '${Version}' vouch-agent)"

# --- the way out
check "all is shipped" within 180 shipped
in_host systemctl stop vouch-collector
before=$(sealed)
in_host systemctl restart vouchd
check "one more round waits" within 180 sealed_more_than "$before"
in_host dpkg --remove vouch-agent >"$work/remove.log" 2>&1
equal "what was removed does not run" "" "$(active)"
equal "nor will after a boot" "" "$(find "$root/etc/systemd" -name 'vouchd*')"
check "state and configuration stay" test -s "$state/enrolment/enrolment.json" -a -s "$root/etc/vouch/paths"
waiting=$(ls "$state/spool/queue" | wc -l)
in_host dpkg --purge vouch-agent vouch-collector vouch vouch-policies >"$work/purge.log" 2>&1
check "the purge says what nobody acknowledged ($waiting)" grep -q \
	"deleted with /var/lib/vouch: statements that no collector acknowledged: $waiting;" "$work/purge.log"
check "and which log it deletes" grep -q 'deleted with /var/lib/vouch-collector: the log log.example.org/vouch' "$work/purge.log"
files >"$work/after"
equal "nothing is left" "" "$(diff "$work/before" "$work/after" | grep '^[<>]' | head -n 20 | tr '\n' ';' || true)"

# --- and out again, where root had put the state elsewhere: by a link, and on a disk of its own
install older >"$work/elsewhere.log" 2>&1
in_host bash -c 'mkdir /srv/disk && mv /var/lib/vouch /srv/disk/state && ln -s /srv/disk/state /var/lib/vouch &&
	mkdir -p /srv/disk/state/{enrolment,spool/queue,old-x/enrolment} && echo ours >/srv/disk/state/ours &&
	touch /srv/disk/state/{enrolment,old-x/enrolment}/evidence.pem /srv/disk/state/spool/queue/1.json &&
	mkdir -p /var/lib/private/vouch-plugin/x /var/cache/private/vouch-plugin/x &&
	mount -t tmpfs none /var/lib/vouch-collector && touch /var/lib/vouch-collector/index.db'
in_host dpkg --purge vouch-agent vouch-collector vouch vouch-policies >"$work/purge-elsewhere.log" 2>&1
check "what waited where the state was is said" grep -q 'no collector acknowledged: 1;' "$work/purge-elsewhere.log"
equal "no key is left there, and what is not vouch's is" "ours" "$(ls -A "$root/srv/disk/state")"
equal "a disk's own folder is left, empty" "" "$(in_host ls -A /var/lib/vouch-collector)"
in_host bash -c 'umount /var/lib/vouch-collector && rmdir /var/lib/vouch-collector && rm -r /srv/disk'
files >"$work/after"
equal "and nothing else" "" "$(diff "$work/before" "$work/after" | grep '^[<>]' | head -n 20 | tr '\n' ';' || true)"
host_off
