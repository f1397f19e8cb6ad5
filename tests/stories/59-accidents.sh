#!/bin/bash
# Accidents that look like attacks: a machine that is cloned, a snapshot and a backup that are set back, folders that are lost,
# a clock that jumps, a disk that is full. Each is noticed, nothing that was answered is lost, and what helps is tried.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/hosts.sh"

# again NAME [OPTION...]: enrolled anew, as the operator's manual says.
again() {
	enrol "$1" --root "$work/root-$1" --force "${@:2}"
}
enrolled_with_sealer() {
	new_host "$1" --helpers "$work/run-$1"
	sealer_start "$1"
	said "$1"
}
set_back() { # NAME: the state folder, and what its sealer keeps
	rm -rf "${work:?}/$1" "$work/keep-$1"
	cp -a "$work/snapshot" "$work/$1"
	[[ ! -d $work/snapshot-keep ]] || cp -a "$work/snapshot-keep" "$work/keep-$1"
}
snapshot() {
	rm -rf "$work/snapshot" "$work/snapshot-keep"
	cp -a "$work/$1" "$work/snapshot"
	[[ ! -d $work/keep-$1 ]] || cp -a "$work/keep-$1" "$work/snapshot-keep"
}

# volume NAME SIZE: a disk of its own, at that name in the folder.
volumes=()
volume() {
	mkdir "$work/$1"
	mount -t tmpfs -o "size=$2" none "$work/$1"
	volumes+=("$work/$1")
}
volumes_off() {
	local at
	for at in "${volumes[@]}"; do umount -l "$at"; done
}
story_hooks+=(volumes_off)
fill() {
	cat /dev/zero >"$work/$1/filler" 2>/dev/null || true
}

if ((EUID != 0)); then
	not_ok "this story needs root, to mount small disks"
	exit 1
fi
volume disk 48m
collector=$work/disk/collector
collector_new
collector_start
small_policy

# --- a machine is cloned, and both run
enrolled_with_sealer cloned
cp -a "$work/cloned" "$work/clone"
cp -a "$work/keep-cloned" "$work/keep-clone"
cp -a "$work/root-cloned" "$work/root-clone"
check "the first of them goes on" said cloned
boot clone
sealer_start clone
check "its clone is refused" not said clone
finds "and found" cloned "fork in the chain: another statement is number 5"
check "the clone is told" grep -q "a fork" <(refused_of clone)
check "the first goes on" said cloned
equal "with nothing refused" 0 "$(find "$work/cloned/spool/refused" -type f | wc -l)"
stop sealer-clone || true
tr -d - </proc/sys/kernel/random/uuid >"$work/root-clone/etc/machine-id"
refused "with a machine id of its own it does not go on in another's name" "this host is .* but .* was enrolled" \
	vouchd --state "$work/clone" --config "$work/small-config.yaml" --once --root "$work/root-clone"
check "it is enrolled as the machine that it is" again clone --helpers "$work/run-clone"
sealer_start clone
check "and goes on" said clone
equal "as a host of which nothing is found" "" "$(found clone)"
stop sealer-clone || true
stop sealer-cloned || true

# --- a snapshot is set back, and the machine boots from it
enrolled_with_sealer snap
snapshot snap
said snap
said snap
stop sealer-snap || true
set_back snap
boot snap
sealer_start snap
check "a machine that was set back is refused" not said snap
finds "and found" snap "fork in the chain: another statement is number 5"
check "and told" grep -q "refused for good and moved aside" "$work/ship-snap.log"
check "nothing else of it is taken" not said snap
stop sealer-snap || true
check "it is enrolled anew" again snap --helpers "$work/run-snap"
sealer_start snap
check "and goes on" said snap
finds "which is found" snap "enrolled anew while the line before was still reporting"
stop sealer-snap || true

# --- without a sealer, so without epochs
new_host plain
said plain
snapshot plain
said plain
said plain
set_back plain
echo renamed >"$work/root-plain/etc/hostname" # the same second must not make the same statement again
for _ in 1 2 3; do
	check "a host that signs with one key is refused where it says a number again" not said plain
done
check "behind them it is taken" said plain
equal "and all of that is found" "fork fork fork gap" "$(found plain)"

# --- folders are lost
rm -r "$work/plain/receipts"
check "without its receipts it goes on" said plain
check "and has the checkpoint again" test -s "$work/plain/receipts/checkpoint"
enrolled_with_sealer lost
rm -r "$work/lost/spool"
check "without its spool nothing is signed" not round lost
check "because number 1 was" grep -q "sequence: a fork: another statement was signed as number 1" "$work/vouchd-lost.log"
stop sealer-lost || true
check "until it is enrolled anew" again lost --helpers "$work/run-lost"
sealer_start lost
check "and goes on" said lost
stop sealer-lost || true
rm -r "$work/plain/spool"
check "without a sealer neither is taken" not said plain
finds "and found" plain "enrolment: this line has its enrolment already"

# --- a host without a machine id
mkdir -p "$work/root-nameless/etc"
cp /etc/os-release "$work/root-nameless/etc/"
boot nameless
enrol nameless --root "$work/root-nameless"
check "a host without a machine id has one that is drawn" said nameless
check "and keeps it" said nameless
tr -d - </proc/sys/kernel/random/uuid >"$work/root-nameless/etc/machine-id"
check "with a machine id it is another" not round nameless
check "and says so" grep -q "this host is .* but .* was enrolled: the machine id changed" "$work/vouchd-nameless.log"
id=$(id_of nameless)
check "it is enrolled anew, under that" again nameless
refused "which is another" differ cmp <(echo "$id") <(id_of nameless)
check "and goes on" said nameless

# --- a clock a year ahead, and back
new_host ahead
said ahead
printf '0000%s' "$(printf '%012x' $((365 * 86400 * 1000000000)))" | tail -c 16 | fold -w 2 | tac | tr -d '\n' | xxd -r -p >"$work/clock"
fast=(env "FAST_CLOCK=$work/clock" "LD_PRELOAD=$story_top/build/release/fast_clock.so")
round ahead
"${fast[@]}" vouchd --state "$work/ahead" --config "$work/small-config.yaml" --once --root "$work/root-ahead" >>"$work/vouchd-ahead.log" 2>&1
start ship-ahead "${fast[@]}" vouch-ship --state "$work/ahead"
shipped_all() { (($(spooled "$1") == 0)); }
check "what it says is taken" within 60 shipped_all ahead
finds "its clock is found" ahead "its clock is 31[0-9]* seconds ahead of ours"
equal "and what it saw by that clock says nothing" unknown "$(state_of ahead)"
check "its certificate, which has ended by that clock, is asked for again" within 60 grep -q "has ended by this host's clock" "$work/ship-ahead.log"
another_certificate() { grep -c "another certificate for host $(id_of ahead)" "$work/collector.log"; }
check "and given" within 60 another_certificate
sleep 2
equal "once, and later again" 1 "$(another_certificate)"
stop ship-ahead || true
check "back again it goes on" said ahead
equal "and counts" pass "$(state_of ahead)"

# --- a full disk, on the host
volume full 1m
new_host full
said full
round full
equal "room on the disk is kept back, for saying that there is none" 262144 "$(stat -c '%s' "$work/full/spool/reserve")"
fill full
check "no round is kept on a full disk" not round full
check "and it says so" grep -q "the spool is full: this round is not kept" "$work/vouchd-full.log"
check "nor the next" not round full
check "what was sealed before is delivered" ship full
equal "and that the disk is full, once" "1" "$(all_statements | grep "$(id_of full)" | grep -c spool-full)"
rm "$work/full/filler"
check "with room again it goes on" said full
equal "with nothing refused, and nothing found" "0 0 " "$(spooled full) $(find "$work/full/spool/refused" -type f | wc -l) $(found full)"
equal "each number is in the log once" "1 2 3 4 5 6" "$(line_of full | cut -d ' ' -f 1 | sort -n | paste -sd ' ')"
check "and the room is kept back again" test -s "$work/full/spool/reserve"

# --- and at the collector
new_host patient
said patient
for i in 1 2 3; do round patient; done
fill disk
check "a full collector takes nothing" not ship patient
check "and says why" grep -q "asks to send it later: not kept: .*No space left on device" "$work/ship-patient.log"
equal "the host keeps it" 3 "$(spooled patient)"
check "again" not ship patient
rm "$work/disk/filler"
check "with room again" ship patient
equal "all are in the log, once" "1 2 3 4 5 6" "$(line_of patient | cut -d ' ' -f 1 | sort -n | paste -sd ' ')"
equal "and nothing is found" "" "$(found patient)"
stop collector || true
check "its log is whole" vouch-collector fsck "$collector"

# --- the collector is set back to a backup
cp -a "$collector" "$work/backup"
collector_start
said patient
said patient
vouch-collector revoke "$collector" --host "$(id_of plain)" --reason "sold" >/dev/null
stop collector || true
rm -rf "$collector"
cp -a "$work/backup" "$collector"
collector_start
check "a host does not believe a log that forgot" not said patient
check "and says so" grep -q "the log shrank from [0-9]* to [0-9]* entries" "$work/ship-patient.log"
equal "it keeps what it has" "1 0" "$(spooled patient) $(find "$work/patient/spool/refused" -type f | wc -l)"
finds "the collector knows" patient "this collector was set back: its log has [0-9]* entries, and the statement knows of"
equal "nothing is logged until it is decided" 6 "$(line_of patient | wc -l)"
check "enrolled anew" again patient
check "the host goes on" said patient
finds "as a new line" patient "enrolled anew while the line before was still reporting|enrolled anew after"
equal "what could not be delivered is kept beside" 1 "$(find "$work/patient"/old-*/spool/queue -name '*.json' | wc -l)"
check "what was revoked since is revoked again" vouch-collector revoke "$collector" --host "$(id_of plain)" --reason sold
stop collector || true
check "its log is whole" vouch-collector fsck "$collector"
