#!/bin/bash
# An image in which vouch is installed and no host is enrolled: the credentials that the machine is started with enrol it at
# its first boot, as soon as the collector can be reached, and vouchd runs from then on. A token that is refused is refused
# for good. What vouch doctor sees through real units; and the way back to an image.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/host.sh"

root=$work/root
state=$root/var/lib/vouch
host_make "$root"
host_install "$root" >"$work/install.log"
systemctl --root="$root" enable vouch-enrol.service >"$work/enable.log" 2>&1
"$root/usr/sbin/vouch-collector" init "$root/srv/collector" >"$work/fingerprint"
token=$("$root/usr/sbin/vouch-collector" token add "$root/srv/collector" --group web --uses 1)
host_options=(--set-credential="vouch.enrol.url:https://127.0.0.1:8443" --set-credential="vouch.enrol.token:$token"
	--set-credential="vouch.enrol.ca-fingerprint:$(cat "$work/fingerprint")")

journal() {
	in_host journalctl -q -o cat "$@"
}
check "it boots, though the collector cannot be reached" host_boot "$root"
check "the host tries to enrol" unit_is vouch-enrol active
check "again and again, and later each time" within 60 eval "journal -u vouch-enrol | grep -q 'next try in'"
equal "nothing runs before it has" inactive "$(in_host systemctl is-active vouchd || true)"
pid=$(in_host systemctl show -p MainPID --value vouch-enrol)
equal "it has two capabilities" 0000000000000003 "$(in_host sed -n 's/^CapEff:\t//p' "/proc/$pid/status")"
in_host systemd-run --quiet --unit=collector vouch-collector run /srv/collector
check "with the collector there it enrols" within 60 test -s "$state/enrolment/enrolment.json"
check "and vouchd runs" within 60 unit_is vouchd active
check "vouch-ship too" within 60 unit_is vouch-ship active
shipped() {
	(($(find "$state/receipts" -name '*.tlog-proof' | wc -l) >= $1)) && [[ -z $(ls "$state/spool/queue") ]]
}
check "rounds are sealed and shipped" within 180 shipped 3
equal "nothing was refused" "" "$(ls "$state/spool/refused")"
equal "the unit of the first boot has ended well" "success inactive" \
	"$(in_host systemctl show -p Result -p ActiveState --value vouch-enrol | xargs)"
equal "the token is nowhere in the journal" 0 "$(in_host journalctl -q | grep -cF "$token" || true)"
equal "nor in the state folder" "" "$(grep -rlF "$token" "$state" || true)"
equal "keys are root's alone" "600 0 600 0" \
	"$(stat -c '%a %u' "$state/enrolment/evidence.pem" "$state/enrolment/transport.pem" | xargs)"
equal "the locks belong to whom they belonged" "vouch vouch-ship" \
	"$(in_host stat -c %U /var/lib/vouch/spool/lock /var/lib/vouch/receipts/ship.lock | xargs)"
check "the host is in its group" grep -q 'of group web' <(journal -u collector)

# --- vouch doctor, through the units
# says CHECK LEVEL WORDS
says() {
	in_host vouch doctor --json >"$work/doctor.json" 2>&1 || true
	jq -e --arg check "$1" --arg level "$2" --arg words "$3" \
		'.checks[] | select(.check == $check and .level == $level and (.text | test($words)))' "$work/doctor.json" >/dev/null ||
		{ jq -c '.checks[] | [.check, .level, .text]' "$work/doctor.json" 2>&1 || head -c 300 "$work/doctor.json"; return 1; }
}
check "the units are as they have to be" says units ok "units are as they have to be"
equal "of the rest it finds nothing but what a container cannot have" "" \
	"$(jq -r '.checks[] | select(.level != "ok" and .check != "clock" and (.text | test("audit") | not)) | .check + ": " + .text' "$work/doctor.json")"
check "the sealer is where the chain is" says chain ok "and so is the sealer"
in_host vouch doctor >"$work/doctor.txt" 2>&1 || true
in_host systemctl stop vouch-broker-net.socket vouch-broker-net.service
check "a helper that is not there" says helpers problem "broker-net.sock"
in_host systemctl start vouch-broker-net.socket
mkdir -p "$root/etc/systemd/system/vouch-broker-fs.service.d"
printf '[Service]\nNice=5\nPrivateTmp=yes\n' >"$root/etc/systemd/system/vouch-broker-fs.service.d/secure.conf"
in_host systemctl daemon-reload
check "a drop-in that blinds one, at its line" says drop-ins warning "secure.conf:3: PrivateTmp= changes what vouch-broker-fs.service sees"
rm -r "$root/etc/systemd/system/vouch-broker-fs.service.d"
cp "$root/etc/vouch/paths" "$work/paths"
echo "no such line" >>"$root/etc/vouch/paths"
check "a list of paths that cannot be read" says paths problem "paths"
cp "$work/paths" "$root/etc/vouch/paths"
check "what a user cannot see is told" bash -c "nsenter -t $host_leader -a -- setpriv --reuid=65534 --regid=65534 --clear-groups \
	vouch doctor --json | jq -e '[.checks[] | select(.level == \"unseen\")] | length > 0' >/dev/null"

# --- the next boot
host_off
host_options=()
check "it boots again, without credentials" host_boot "$root"
check "and vouchd runs, though only the first boot's unit is enabled" within 60 unit_is vouchd active

# --- back to an image
refused "nothing goes while vouchd runs" "another process seals" in_host vouch reset --image --force
in_host systemctl stop vouchd vouch-ship vouch-sealer.service 'vouch-broker*' vouch-prober.socket
refused "nor without a word on the enrolment" "refused: (this host is enrolled|statements wait)" in_host vouch reset --image
in_host vouch reset --image --force >"$work/reset.log" 2>&1
check "then it goes, and the machine id is told of" grep -q '/etc/machine-id is not empty' "$work/reset.log"
equal "no key is left" "" "$(find "$state" "$root/var/lib/vouch-sealer" -name '*.pem' -o -name position)"
equal "the folders are there for whom they are" "vouch:vouch-ship 2770" "$(in_host stat -c '%U:%G %a' /var/lib/vouch/spool/queue)"
mkdir -p "$root/etc/credstore"
printf 'https://127.0.0.1:8443' >"$root/etc/credstore/vouch.enrol.url"
printf '%s' "$token" >"$root/etc/credstore/vouch.enrol.token"
cp "$work/fingerprint" "$root/etc/credstore/vouch.enrol.ca-fingerprint"
in_host systemd-run --quiet --unit=collector vouch-collector run /srv/collector
within 60 in_host bash -c 'exec 3<>/dev/tcp/127.0.0.1/8443'
printf '[Service]\nLoadCredential=vouch.enrol.url:/etc/credstore/vouch.enrol.url\nLoadCredential=vouch.enrol.token:/etc/credstore/vouch.enrol.token\nLoadCredential=vouch.enrol.ca-fingerprint:/etc/credstore/vouch.enrol.ca-fingerprint\n' |
	in_host bash -c 'mkdir -p /run/systemd/system/vouch-enrol.service.d && cat >/run/systemd/system/vouch-enrol.service.d/own.conf && systemctl daemon-reload'
in_host systemctl start vouch-enrol
check "a token that was used is refused for good" within 60 unit_is vouch-enrol failed
check "and it says so" grep -q '401: the token is unknown, used or expired' <(journal -u vouch-enrol)
equal "nothing was left by that" "" "$(ls "$state/enrolment" 2>/dev/null || true)"
"$root/usr/sbin/vouch-collector" token add "$root/srv/collector" >"$root/etc/credstore/vouch.enrol.token"
in_host systemctl start vouch-enrol
check "with another one it is enrolled, and runs" within 60 unit_is vouchd active
host_off
