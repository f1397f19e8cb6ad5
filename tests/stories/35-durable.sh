#!/bin/bash
# What is acknowledged is on disk: at each byte that the collector sends, everything that it wrote has been synced, folders
# that something was renamed into as well, but for the index, which is derived again; and the agent lets go of a statement only when receipt and checkpoint are.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

# unsynced TRACE FOLDER EVENT: the system calls that match EVENT while something written below FOLDER was not synced, and
# how many there were in all.
unsynced() {
	awk -v folder="$2/" -v event="$3" '
		/ = -1 / || /resumed>/ {next}
		{path = match($0, /<[^>]*>/) ? substr($0, RSTART + 1, RLENGTH - 2) : ""}
		$0 ~ event {
			events++
			for (name in dirty) {print "not synced: " name " at: " $0; bad++}
			next
		}
		/write(64)?\(/ && index(path "/", folder) == 1 && path !~ /-shm$|\/index\.db/ {dirty[path] = 1}
		/f(data)?sync\(/ {delete dirty[path]; syncs++}
		/rename\(/ {
			split($0, part, "\"")
			if (part[2] in dirty) {print "renamed before it was synced: " part[2]; bad++}
			sub(/\/[^\/]*$/, "", part[4])
			dirty[part[4]] = 1
		}
		END {print bad + 0 " bad of " (events ? "some" : "none") (syncs ? "" : ", and nothing was synced")}' "$1" | tail -n 3
}
calls=write,pwrite64,fsync,fdatasync,rename,unlink,sendto,sendmsg

collector_new
collector_start
enrol host
small_policy
stop collector || true
small_rounds host 3
start collector strace -D -f -y -o "$work/collector.trace" -e trace="$calls" vouch-collector run "$collector"
within 60 api / || not_ok "the collector did not answer under strace"
strace -f -y -o "$work/ship.trace" -e trace="$calls" vouch-ship --state "$work/host" --once >"$work/ship.log" 2>&1
equal "everything was shipped" 0 "$(spooled host)"
stop collector || true
equal "nothing is sent before everything is synced" "0 bad of some" \
	"$(unsynced "$work/collector.trace" "$collector" '(write|sendto|sendmsg)\([0-9]+<(socket|TCP)')"
equal "nothing leaves the queue before receipt and checkpoint are synced" "0 bad of some" \
	"$(unsynced "$work/ship.trace" "$work/host" 'unlink\(".*/spool/queue/')"
equal "there is a receipt for each that left" "$(grep -c 'unlink(".*/spool/queue/' "$work/ship.trace")" \
	"$(grep -c 'rename(.*\.tlog-proof") *= 0' "$work/ship.trace")"
