#!/bin/bash
# Somebody changes evidence on its way or in an export: one bit of payload, signature, body, proof or checkpoint, or the
# order of statements. Each is refused, and the reason names the step that failed; the untouched evidence still passes.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

collector_new
collector_start
enrol host
enrol other
small_policy
small_rounds host 6
small_rounds other 2
mapfile -t lines < <(cat "$work"/host/spool/queue/*.json)
if ((${#lines[@]} >= 8)); then ok "${#lines[@]} statements wait in the spool"; else not_ok "only ${#lines[@]} in the spool"; fi

# answer FILE HOST: "outcome reason" of the first answer line.
answer() {
	post "$1" "$2" | head -n 1 | jq -r '"\(.outcome) \(.reason)"'
}

# ingest_refuses WHAT REASON FILE [HOST]
ingest_refuses() {
	local got
	got=$(answer "$3" "${4-host}")
	if [[ $got == refused\ * ]] && grep -qiE -- "$2" <<<"$got"; then
		ok "the collector refuses $1 ($got)"
	else
		not_ok "the collector refuses $1: wanted refused and /$2/, got $got"
	fi
}

# On the way to the collector. The first statement first, or nothing else would be looked at.
printf '%s\n' "${lines[1]}" >"$work/line"
ingest_refuses "a host whose enrolment statement it has not seen" "enrolment" "$work/line"
head -n 1 "$(find "$work/other/spool/queue" -name '*1-*.json' | sort | head -n 1)" >"$work/line"
ingest_refuses "another host's enrolment under this certificate" "host|transport|certificate|key" "$work/line"
printf '%s\n' "${lines[0]}" >"$work/line"
equal "the enrolment statement is logged" "logged" "$(post "$work/line" host | jq -r .outcome)"
equal "and known when it comes again" "known" "$(post "$work/line" host | jq -r .outcome)"

printf '%s\n' "${lines[1]}" >"$work/next"
changed "$work/next" .payload 200 >"$work/line"
ingest_refuses "a changed payload" "signature" "$work/line"
changed "$work/next" '.signatures[0].sig' 10 >"$work/line"
ingest_refuses "a changed signature" "signature" "$work/line"
changed "$work/next" .body 20 >"$work/line"
ingest_refuses "a changed body" "body|subject" "$work/line"
jq -c '.payloadType = "application/json"' "$work/next" >"$work/line"
ingest_refuses "another payload type" "signature|type" "$work/line"
printf '{"payload":"e30=","payload":"e30="}\n' >"$work/line"
ingest_refuses "a line with a name twice" "duplicate|JSON|envelope" "$work/line"
equal "nothing of it reached the log" 1 "$(log_size)"
ship host
equal "what was never changed is accepted afterwards" "${#lines[@]}" "$(log_size)"

# In what was exported.
bundle=$work/bundle.json trust=$work/trust.json
digest=$(all_statements | jq -r 'select(.sequence == 4) | .digest')
later=$(all_statements | jq -r 'select(.sequence == 5) | .digest')
api "/api/v1/statements/$digest/bundle" >"$bundle"
api "/api/v1/statements/$later/bundle" >"$work/later.json"
api /api/v1/trust >"$trust"
check "the exported statement verifies" vouch verify "$bundle" --trust "$trust"

entry='.verificationMaterial.tlogEntries[0]'
verify_refuses() {
	refused "verify refuses $1" "$2" vouch verify "$work/changed.json" --trust "$trust"
}
changed "$bundle" .dsseEnvelope.payload 200 >"$work/changed.json"
verify_refuses "a changed payload" "[Ss]ignature"
changed "$bundle" '.dsseEnvelope.signatures[0].sig' 5 >"$work/changed.json"
verify_refuses "a changed signature" "[Ss]ignature"
changed "$bundle" "$entry.canonicalizedBody" -20 >"$work/changed.json"
verify_refuses "a changed leaf" "entry|leaf|[Ii]nclusion|proof"
changed "$bundle" "$entry.inclusionProof.hashes[0]" 3 >"$work/changed.json"
verify_refuses "a changed proof" "[Ii]nclusion|proof|root"
jq -c "$entry.inclusionProof.checkpoint.envelope |= sub(\"\n[0-9]+\n\"; \"\n7\n\")" "$bundle" >"$work/changed.json"
verify_refuses "a changed size in the checkpoint" "[Cc]heckpoint|note|size"
signature=$(jq -r "$entry.inclusionProof.checkpoint.envelope" "$bundle" | sed -n 's/^— [^ ]* //p' | head -n 1)
jq -c --arg old "$signature" --arg new "$(flip 30 <<<"$signature")" \
	"$entry.inclusionProof.checkpoint.envelope |= (split(\$old) | join(\$new))" "$bundle" >"$work/changed.json"
verify_refuses "a changed checkpoint signature" "[Cc]heckpoint|note|signature"
jq -c --slurpfile later "$work/later.json" "$entry = \$later[0]$entry" "$bundle" >"$work/changed.json"
verify_refuses "another statement's place in the log" "entry|leaf|[Ii]nclusion|proof"
jq -c --slurpfile later "$work/later.json" '.dsseEnvelope.payload = $later[0].dsseEnvelope.payload' "$bundle" >"$work/changed.json"
verify_refuses "another statement's payload" "[Ss]ignature"

# Statements in another order: what comes early is signed and taken, what comes late is not, and both are found.
mapfile -t others < <(cat "$work"/other/spool/queue/*.json)
count=${#others[@]}
printf '%s\n' "${others[@]:0:count-2}" "${others[count-1]}" >"$work/line"
equal "a statement that comes too early is taken" "logged" "$(post "$work/line" other | tail -n 1 | jq -r .outcome)"
printf '%s\n' "${others[count-2]}" >"$work/line"
ingest_refuses "the one that comes too late" "sequence: .*too late" "$work/line" other
equal "the gap and the refusal are found" "gap refused" \
	"$(api "/api/v1/findings?limit=1000" | jq -r '[.findings[] | select(.text | test("missing")) | .kind] | join(" ")')"
