#!/bin/bash
# A quiet host stays quiet: under a clock that is turned on a quarter of an hour at a time, the real agent judges the
# whole baseline. Its first round carries every result; after that a round carries what changed, nothing if nothing
# did, and then it is less than 900 bytes on the wire. The collector rebuilds everything from that.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"
release=$story_top/build/release
clock=$work/clock root=$work/root state=$work/host
budget=900

fast() {
	FAST_CLOCK=$clock LD_PRELOAD=$release/fast_clock.so exec "$@"
}

# rounds N: N rounds, a quarter of an hour apart, that stay in the spool. (What is given for the queue is empty: nothing
# ships.) Each is waited for, however slow the machine: one under way would be taken for the next.
mkdir -p "$work/steps/queue"
ln -s "$state/spool/chain.json" "$work/steps/chain.json"
has_spooled() {
	(($(spooled host) >= $1))
}
rounds() {
	local i before
	before=$(spooled host)
	for ((i = 1; i <= $1; i++)); do
		"$release/advance" "$clock" "$work/steps" 900 1 >>"$work/steps.log"
		within 60 has_spooled $((before + i)) || return 1
	done
}

# newest FIELD: of the last statement in the spool: 1 type, 2 number, 3 full or changes, 4 results carried, 5 bytes in
# the spool, 6 bytes of the request.
newest() {
	"$release/wire" "$(find "$state/spool/queue" -name '*.json' | sort | tail -n 1)" | cut -d ' ' -f "$1"
}
# Of all in the spool behind this number: the clock that jumps has rounds of its own.
carried_since() {
	find "$state/spool/queue" -name '*.json' | sort | while read -r path; do
		((10#$(basename "$path" | cut -d - -f 1) > $1)) || continue
		jq -r .body "$path" | base64 -d | jq -r '.results[].rule' | tr '\n' ' '
	done
}
carries() {
	[[ $(carried_since "$1") == "$2" ]]
}
policy() {
	cat >"$work/own.yaml" <<-POLICY
		policy: {id: own, version: 1.0.$1, framework: "iso27001:2022", title: Ours, owner: tests, review_by: 2036-01-01}
		rules:
		  - {id: own.issue, title: The issue is there, controls: [A.8.9], severity: low, kind: effect, every: 15m, check: file,
		     with: {path: /etc/issue}, expect: {exists: true}, why: It is what changes here., fix: Write it.}
		  - {id: own.motd, title: The motd is there, controls: [A.8.9], severity: low, kind: effect, every: 15m, check: file,
		     with: {path: /etc/motd}, expect: {exists: true}, why: It is what changes here too., fix: Write it.}
	POLICY
}
begin() {
	start vouchd fast vouchd --state "$state" --config "$work/quiet.yaml" --root "$root"
}

mkdir -p "$root"
cp -a "$story_top/tests/hosts/good/." "$root/"
mkdir -p "$root/proc/sys/kernel/random"
tr -d '\n' </proc/sys/kernel/random/uuid >"$root/proc/sys/kernel/random/boot_id"
rm -f "$root/etc/motd" "$root/etc/issue"
head -c 8 /dev/zero >"$clock"
printf 'environment: quiet\npolicies: [%s/linux-baseline, %s/own.yaml]\n' "$policies" "$work" >"$work/quiet.yaml"
policy 0
collector_new
start collector fast vouch-collector run "$collector"
within 60 api / || not_ok "the collector answers"
vouch enrol "$url" --token "$(vouch-collector token add "$collector")" --ca-fingerprint "$fingerprint" --state "$state" \
	--root "$root" >"$work/enrol.log" 2>&1
ship_fast() {
	(fast vouch-ship --state "$state" --once) >>"$work/ship.log" 2>&1
}
is_sealed() {
	[[ $(newest 1) == round ]]
}

begin
check "the first round comes at once" within 60 is_sealed
rules=$(jq -r .payload "$(find "$state/spool/queue" -name '*.json' | sort | tail -n 1)" | base64 -d | jq .predicate.state.size)
equal "it is full" "full $rules" "$(newest 3) $(newest 4)"
check "and it ships" ship_fast

# The rules of an hour and of six have their turns in this.
rounds 26
# (The clock that jumps has rounds of its own: one may come while these are counted.)
count=0 loud= most=0
while read -r type number kind results _ bytes; do
	count=$((count + 1))
	[[ $type == round && $kind == changes && $results == 0 ]] || loud+=" $number"
	((bytes > most)) && most=$bytes
done < <("$release/wire" "$state"/spool/queue/*.json)
check "there are 26 rounds and more" test "$count" -ge 26
equal "on a host on which nothing changes they carry nothing" "" "$loud"
if ((most < budget)); then
	ok "the largest of them is $most bytes on the wire, with $rules rules"
else
	not_ok "a quiet round is $most bytes on the wire, over $budget"
fi
check "they ship" ship_fast

# What changes travels, and nothing else.
since=$(jq .sequence "$state/spool/chain.json")
echo "hello" >"$root/etc/motd"
rounds 1
check "a file that appeared: exactly its rule is carried" within 60 carries "$since" "own.motd "
rounds 1
equal "and then nothing again" "changes 0" "$(newest 3) $(newest 4)"

# Another policy.
stop vouchd || true
policy 1
full_rounds() {
	"$release/wire" "$state"/spool/queue/*.json | grep -c ' full '
}
begin
check "another policy has a round at once" within 60 full_rounds
rounds 1
full=$("$release/wire" "$state"/spool/queue/*.json | awk '$3 == "full" {n++; results = $4} END {print n + 0, results}')
equal "behind another policy all results travel, once" "1 $rules" "$full"

# The collector follows all of it.
stop vouchd || true # nothing more comes
check "all of it ships" ship_fast
equal "the spool is empty" 0 "$(spooled host)"
results=$(api "/api/v1/results?rule=own.motd" | jq -r '.results[0].verdict')
equal "the collector has the result that changed" pass "$results"
equal "and nothing was refused" 0 "$(find "$state/spool/refused" -type f | wc -l)"
check "nor asked for again" test ! -e "$state/receipts/incomplete"
