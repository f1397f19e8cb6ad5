#!/bin/bash
# The collector is killed with no warning, again and again, between receiving a batch and acknowledging it: at each system
# call with which it writes or syncs, and at random moments. In the end each statement is in the log and in the store
# exactly once, and has its receipt.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

collector_new
collector_start
enrol host
small_policy
small_rounds host 90
cat "$work"/host/spool/queue/*.json | jq -r .payload | while read -r payload; do
	base64 -d <<<"$payload" | sha256sum | cut -d ' ' -f 1
done | sort >"$work/sealed"
sealed=$(wc -l <"$work/sealed")
stop collector || true

# Two statements for each life of the collector; what is not due yet waits elsewhere.
mkdir "$work/waiting"
mv "$work"/host/spool/queue/*.json "$work/waiting/"
mapfile -t waiting < <(find "$work/waiting" -name '*.json' | sort)
released=0
release_two() {
	local i
	for ((i = 0; i < 2 && released < ${#waiting[@]}; i++, released++)); do
		mv "${waiting[released]}" "$work/host/spool/queue/"
	done
}

is_up_or_dead() {
	(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || ! is_running collector
}

kills=0
for point in fsync:{1..6} fdatasync:{1..5} rename:{1..2} pwrite64:{1..41..8} write:{1..24}; do
	release_two
	start collector strace -D -f -o /dev/null -e trace="${point%:*}" \
		-e inject="${point%:*}:signal=KILL:when=${point#*:}" vouch-collector run "$collector"
	within 10 is_up_or_dead
	is_running collector && ! ship host 10 && ! is_running collector && kills=$((kills + 1))
	stop collector KILL || true
done
if ((kills >= 10)); then ok "the collector died at $kills different system calls"; else not_ok "it died only $kills times"; fi

for _ in {1..15}; do
	release_two
	start collector vouch-collector run "$collector"
	within 10 is_up_or_dead
	start ship vouch-ship --state "$work/host"
	sleep "0.$(printf %03d $((RANDOM % 60)))"
	stop collector KILL || true
	stop ship || true
done
ok "and 15 times at random moments"

if ((released < ${#waiting[@]})); then mv "${waiting[@]:released}" "$work/host/spool/queue/"; fi
collector_start
ship host
ok "everything was shipped in the end"
all_statements >"$work/stored"
equal "nothing is lost and nothing is there twice in the store" "$(cat "$work/sealed")" "$(jq -r .digest "$work/stored" | sort)"
equal "the log has one entry for each" "$sealed" "$(log_size)"
equal "each has a place of its own in the log" "$(seq 0 $((sealed - 1)))" "$(jq -r .index "$work/stored" | sort -n)"
equal "each has its receipt" "$(cat "$work/sealed")" \
	"$(find "$work/host/receipts" -name '*.tlog-proof' -printf '%f\n' | sed 's/\.tlog-proof$//' | sort)"
known=$(grep -cE '[1-9][0-9]* known' "$work/collector.log" || true)
if ((known > 0)); then
	ok "$known times it had stored what it had not acknowledged, and knew it again"
else
	not_ok "no kill fell between storing and acknowledging"
fi
equal "none was refused" 0 "$(find "$work/host/spool/refused" -type f | wc -l)"
api /api/v1/trust >"$work/trust.json"
bad=0
for digest in $(shuf -n 10 "$work/sealed"); do
	api "/api/v1/statements/$digest/bundle" >"$work/bundle.json"
	vouch verify "$work/bundle.json" --trust "$work/trust.json" >"$work/verify.log" 2>&1 || bad=$((bad + 1))
done
equal "ten of them, picked at random, verify offline" 0 "$bad"
