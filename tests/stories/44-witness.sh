#!/bin/bash
# Two witnesses, of which the policy demands both: what the log says is cosigned as it grows. Then its operator tries to
# show another history, and an older one: each witness refuses, and the anchor process says so. A witness that is killed at
# any moment keeps its promise.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

for tool in openssl jq xxd; do
	command -v "$tool" >/dev/null || { echo "needs $tool"; exit 1; }
done

witness_port=$(free_ports)

# witness_start N: its folder and key are $work/wN.
witness_start() {
	start "witness$1" vouch witness --listen "127.0.0.1:$((witness_port + $1))" --state "$work/w$1" \
		--key "$work/w$1.key" --log "$(cat "$collector/log.vkey")" --name "w$1.example/vouch"
	within 60 accepts "$((witness_port + $1))"
}

witness_new() {
	mkdir -m 700 "$work/w$1"
	vouch witness keygen --key "$work/w$1.key" --name "w$1.example/vouch" >"$work/w$1.vkey"
	witness_start "$1"
}

anchor() {
	vouch-collector anchor "$collector" --once
}

# More statements in the log.
grow() {
	small_rounds host "$1"
	ship host
}

# The tree size, and the number of lines behind the empty one, of the newest anchor.
newest() {
	local note
	note=$(find "$collector/anchors" -path '*/[0-9]*/checkpoint' | sort | tail -n 1)
	echo "$(sed -n 2p "$note") $(sed '1,/^$/d' "$note" | wc -l)"
}

cosigned_size() {
	curl -sS --fail --max-time 60 "http://127.0.0.1:$((witness_port + $1))/$(origin_hash)/checkpoint" | sed -n 2p
}

origin_hash() {
	printf %s "$(head -n 1 "$collector/log/checkpoint")" | sha256sum | cut -d ' ' -f 1
}

collector_new
witness_new 1
witness_new 2
cat >"$collector/log.policy" <<-EOT
	# Both have to see the same tree.
	log $(cat "$collector/log.vkey")
	witness one $(cat "$work/w1.vkey") http://127.0.0.1:$((witness_port + 1))
	witness two $(cat "$work/w2.vkey") http://127.0.0.1:$((witness_port + 2))/
	group both 2 one two
	quorum both
EOT
sed -i 's/^log_policy:.*/log_policy: log.policy/' "$collector/collector.yaml"
collector_start
enrol host
small_policy
grow 2

check "the log's checkpoint is anchored with the witnesses of its policy" anchor
equal "by the log and both witnesses" "$(log_size) 3" "$(newest)"
before=$(newest)
check "what is cosigned already is shown to the witnesses again at the start" anchor
equal "and changes nothing" "$before" "$(newest)"
grow 3
check "what was added is cosigned by a proof of consistency" anchor
equal "by all three again" "$(log_size) 3" "$(newest)"
equal "the witness shows what it cosigned" "$(log_size) $(log_size)" "$(cosigned_size 1) $(cosigned_size 2)"

# By others' means: OpenSSL's Ed25519 over the text that the standard says.
foreign_check() {
	local note=$1 vkey=$2 name line time
	name=${vkey%%+*}
	{ printf '302a300506032b6570032100'; cut -d + -f 3- <<<"$vkey" | base64 -d | tail -c 32 | xxd -p -c 99; } |
		xxd -r -p | openssl pkey -pubin -inform DER -out "$work/foreign.pem"
	line=$(grep -F -- "— $name " "$note" | cut -d ' ' -f 3 | base64 -d | xxd -p -c 999)
	time=$((16#${line:8:16}))
	xxd -r -p <<<"${line:24}" >"$work/foreign.sig"
	{ printf 'cosignature/v1\ntime %s\n' "$time"; sed '/^$/,$d' "$note"; } >"$work/foreign.msg"
	openssl pkeyutl -verify -rawin -pubin -inkey "$work/foreign.pem" -sigfile "$work/foreign.sig" \
		-in "$work/foreign.msg"
}
api "/api/v1/anchors" >"$work/anchors.json"
equal "the API has both anchors, by size" "2 true" \
	"$(jq -r '"\(.anchors | length) \(.anchors[0].size < .anchors[1].size)"' "$work/anchors.json")"
equal "and pages" "$(jq -c '.anchors[1]' "$work/anchors.json") $(jq '.anchors[0].size' "$work/anchors.json")" \
	"$(api "/api/v1/anchors?after=$(jq '.anchors[0].size' "$work/anchors.json")" | jq -c '.anchors[0]') $(
		api "/api/v1/anchors?limit=1" | jq -r .next)"
jq -j '.anchors[1].checkpoint' "$work/anchors.json" >"$work/note"
for n in 1 2; do
	check "OpenSSL verifies the cosignature of witness $n" foreign_check "$work/note" "$(cat "$work/w$n.vkey")"
done
sed -i '2s/.*/99/' "$work/note"
refused "and refuses it over another size" "Signature Verification Failure" \
	foreign_check "$work/note" "$(cat "$work/w1.vkey")"

# One witness is away, and comes back; what the collector knew of it is lost.
stop witness2 KILL || true
grow 1
refused "with one witness away the quorum is not met" "the quorum is not met|witness two" anchor
equal "the anchor has the other's cosignature" "$(log_size) 2" "$(newest)"
witness_start 2
rm "$collector"/anchors/witnesses/*
check "when it is back it cosigns the same anchor, and says itself what it cosigned last" anchor
equal "and the anchor is complete" "$(log_size) 3" "$(newest)"

# The operator's other history: what was there before, and other statements behind it, signed with the same key.
stop collector || true
cp -a "$collector" "$work/kept"
cp -a "$work/host" "$work/host-kept"
collector_start
grow 3
check "the log goes on" anchor
true_size=$(cosigned_size 1)
true_note=$(cat "$work/w1/$(origin_hash)")
stop collector || true
mv "$collector" "$work/true"
mv "$work/host" "$work/host-true"
cp -a "$work/kept" "$collector"
cp -a "$work/host-kept" "$work/host"

refused "a log that was set back is refused" "the log was set back: it has [0-9]+ entries, and witness one cosigned $true_size" anchor
equal "what the witness knew better is kept for the collector" "set-back" \
	"$(cat "$collector"/anchors/findings/set-back-*.json | jq -r .kind | sort -u)"

collector_start
# In another environment, or the same second would make the same statements of both.
sed -i '1i environment: other' "$work/small-config.yaml"
grow 3
equal "another history of the same size" "$true_size" "$(log_size)"
refused "is refused" "the log has forked: witness one" anchor
grow 2
refused "and so is a longer one" "the log has forked: witness two" anchor
equal "the findings say so" "log set-back" \
	"$(cat "$collector"/anchors/findings/*.json | jq -r .kind | sort -u | xargs)"
equal "and neither witness has moved" "$true_size $true_size" "$(cosigned_size 1) $(cosigned_size 2)"
equal "nor signed anything since" "$true_note" "$(cat "$work/w1/$(origin_hash)")"
stop collector || true
rm -rf "$collector" "$work/host"
mv "$work/true" "$collector"
mv "$work/host-true" "$work/host"
collector_start
grow 1
check "the true log goes on" anchor

# Killed at any moment: of all cosignatures that anybody ever got there are never two for one size with different roots,
# and what was answered is never forgotten.
forgotten=0 rounds=0
for ((i = 0; i < 12; i++)); do
	grow 1
	anchor >"$work/anchor-run.log" 2>&1 &
	pid=$!
	sleep "0.0$((RANDOM % 9))"
	kill -KILL "${story_processes[witness1]}"
	wait "${story_processes[witness1]}" 2>/dev/null || true
	wait "$pid" || true
	unset "story_processes[witness1]"
	witness_start 1
	answered=$(grep -lF -- "— w1.example/vouch " "$collector"/anchors/*/checkpoint | sort | tail -n 1)
	(($(cosigned_size 1) >= $(sed -n 2p "$answered"))) || forgotten=$((forgotten + 1))
	rounds=$((rounds + 1))
	anchor >>"$work/anchor-run.log" 2>&1 || not_ok "after kill $i the anchor is not complete"
done
equal "killed $rounds times, the witness never forgot what it had answered" 0 "$forgotten"
equal "there is one root for each size that it ever cosigned" "" \
	"$(for note in "$collector"/anchors/*/checkpoint; do sed -n 2,3p "$note" | xargs; done | sort -u | cut -d ' ' -f 1 | uniq -d)"
equal "and no temporary file" "" "$(find "$work/w1" -name '.tmp-*')"
