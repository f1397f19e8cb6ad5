#!/bin/bash
# What goes wrong with a host's chain is found and shown, never repaired in silence: a statement that is lost, a host that was
# cloned, a round that does not give the root that it commits to. What is derived from the evidence is derived again the same.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

kinds() {
	api /api/v1/findings | jq -r '[.findings[].kind] | join(" ")'
}

collector_new
collector_start
enrol host
small_policy
small_rounds host 2
ship host
equal "nothing is found about a host that is as it should be" "" "$(kinds)"

# A round that says what its results are not.
cp -a "$work/host" "$work/forger"
small_rounds forger 1
line=$(find "$work/forger/spool/queue" -name '*.json')
jq -r .payload "$line" | base64 -d | jq -cSj '.predicate.state.root |= (if startswith("0") then "1" else "0" end) + .[1:]' >"$work/payload"
seal "$work/payload" "$(jq -r .body "$line")" "$work/host/enrolment/evidence.pem" >"$work/line"
answer=$(post "$work/line" host | jq -r '"\(.outcome) \(.reason)"')
if [[ $answer == "refused state: "* ]]; then ok "$answer"; else not_ok "a wrong root: $answer"; fi
equal "and it is found" "refused" "$(kinds)"

# A clone of the host's disk goes on beside it.
cp -a "$work/host" "$work/clone"
small_rounds host 1
ship host
# In another environment, or the same second would make the same statement of both.
sed 's/^policies/environment: clone\npolicies/' "$work/small-config.yaml" >"$work/clone-config.yaml"
vouchd --state "$work/clone" --config "$work/clone-config.yaml" --once >>"$work/vouchd.log" 2>&1
ship clone || true
equal "a clone is found by the number that both used" "refused fork" "$(kinds)"
fork=$(api /api/v1/findings | jq -r '.findings[1].statement')
check "the refused envelope is kept" grep -q payloadType <(api "/api/v1/refused/$fork")
check "the page says so" grep -q "chain broken" <(api /)

# A statement is lost on the host.
small_rounds host 2
rm "$(find "$work/host/spool/queue" -name '*.json' | sort | head -n 1)"
ship host
equal "a lost statement is a gap, and what follows it is taken" "refused fork gap 0" "$(kinds) $(spooled host)"
check "the metrics count it" grep -q 'vouch_host_findings{.*kind="gap"} 1' \
	<(curl -sS --cacert "$collector/ca.crt" -H "Authorization: Bearer $reader" "https://127.0.0.1:$((port + 2))/metrics")

# The index, derived anew.
api "/api/v1/results" | jq -S . >"$work/results"
api "/api/v1/findings" | jq -S . >"$work/findings"
api "/api/v1/hosts" | jq -S . >"$work/hosts"
refused "it is not derived beside a running collector" "another collector runs" vouch-collector rebuild "$collector"
stop collector || true
rm "$collector"/index.db*
check "the index is derived anew" vouch-collector rebuild "$collector"
collector_start
for name in results findings hosts; do
	equal "with the same $name" "$(sha256sum <"$work/$name")" "$(api "/api/v1/$name" | jq -S . | sha256sum)"
done
