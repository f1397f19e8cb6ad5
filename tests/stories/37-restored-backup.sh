#!/bin/bash
# A collector is set back to a backup: the host whose evidence it forgot notices, says so, and keeps everything, until the
# newer log is back. When that is lost for good, the host enrols anew; beside a running vouch-ship it may not.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

# stopped_copy FROM TO: the collector's folder, in the place of what is there.
stopped_copy() {
	rm -rf "$2"
	cp -a "$1" "$2"
}

# Without taking the lock: who takes it is in the way of the one that starts.
is_shipping() {
	grep -q ":$(stat -c %i "$work/host/receipts/ship.lock") " /proc/locks
}

collector_new
collector_start
enrol host
small_policy
small_rounds host 2
ship host
stop collector || true
stopped_copy "$collector" "$work/backup"
collector_start
small_rounds host 2
ship host
stop collector || true
stopped_copy "$collector" "$work/newer"
newer=$(sed -n 2p "$work/newer/log/checkpoint")

stopped_copy "$work/backup" "$collector"
collector_start
small_rounds host 1
refused "the agent disbelieves a log that forgot" "the log shrank from $newer to [0-9]+ entries" \
	vouch-ship --state "$work/host" --once
equal "and keeps the statement in the queue" "1 0" \
	"$(spooled host) $(find "$work/host/spool/refused" -type f | wc -l)"
equal "and the collector knows that it was set back" "set-back" \
	"$(api /api/v1/findings | jq -r '.findings[].kind')"

stop collector || true
stopped_copy "$work/newer" "$collector"
collector_start
ship host
equal "with the newer log back nothing is missing" "0 $((newer + 1))" "$(spooled host) $(log_size)"

stop collector || true
stopped_copy "$work/backup" "$collector"
cp "$work/newer/store.db" "$collector/store.db"
refused "a log that is shorter than its store does not start" "part is missing" vouch-collector run "$collector"
stopped_copy "$work/backup" "$collector"
rm "$collector/store.db"
refused "nor does a log without its store" "the store is missing" vouch-collector run "$collector"

stopped_copy "$work/backup" "$collector"
collector_start
start ship vouch-ship --state "$work/host"
again=(vouch enrol "$url" --force --token "$(vouch-collector token add "$collector")" --ca-fingerprint "$fingerprint"
	--state "$work/host")
within 60 is_shipping || not_ok "vouch-ship did not start"
refused "enrolling anew beside vouch-ship is refused" "another process ships" "${again[@]}"
refused "and so is a second vouch-ship" "another process ships" vouch-ship --state "$work/host" --once
stop ship || true
check "without it, it begins a new line" "${again[@]}"
small_rounds host 1
ship host
equal "which the collector takes" 0 "$(spooled host)"
