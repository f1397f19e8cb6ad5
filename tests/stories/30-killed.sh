#!/bin/bash
# The collector is killed with no warning, again and again, at random moments between receiving a batch and acknowledging
# it, while a host ships. In the end each statement is in the log and in the store exactly once, and has its receipt.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

rounds=40 kills=25
collector_new
collector_start
enrol host
small_policy
small_rounds host "$rounds"
cat "$work"/host/spool/queue/*.json | jq -r .payload | while read -r payload; do
	base64 -d <<<"$payload" | sha256sum | cut -d ' ' -f 1
done | sort >"$work/sealed"
sealed=$(wc -l <"$work/sealed")
stop collector || true

# A few statements per life, so that the kills spread over the whole batch: what is not shipped yet waits elsewhere.
mkdir "$work/waiting"
mv "$work"/host/spool/queue/*.json "$work/waiting/"
mapfile -t waiting < <(find "$work/waiting" -name '*.json' | sort)
released=0
for ((kill = 0; kill < kills; kill++)); do
	for ((i = 0; i < 2 && released < ${#waiting[@]}; i++, released++)); do
		mv "${waiting[released]}" "$work/host/spool/queue/"
	done
	start collector vouch-collector run "$collector"
	start ship vouch-ship --state "$work/host"
	sleep "0.$(printf %03d $((RANDOM % 450 + 20)))"
	stop collector KILL || true
	stop ship || true
done
ok "the collector was killed $kills times"

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
equal "none was refused" 0 "$(find "$work/host/spool/refused" -type f | wc -l)"
api /api/v1/trust >"$work/trust.json"
bad=0
for digest in $(shuf -n 10 "$work/sealed"); do
	api "/api/v1/statements/$digest/bundle" >"$work/bundle.json"
	vouch verify "$work/bundle.json" --trust "$work/trust.json" >"$work/verify.log" 2>&1 || bad=$((bad + 1))
done
equal "ten of them, picked at random, verify offline" 0 "$bad"
