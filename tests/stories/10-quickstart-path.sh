#!/bin/bash
# The path of packaging/quickstart with real processes: a collector is made, this host enrols, one round looks at its
# real files, is sealed, spooled and shipped; the collector receives, logs and stores it; posture, export and an offline
# verification follow. Looks at each place where evidence lies on its way.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

collector_new
collector_start
ok "a collector starts on ports of its own"

refused "a wrong fingerprint of the CA ends enrolment" "fingerprint" \
	vouch enrol "$url" --token "$(vouch-collector token add "$collector")" --ca-fingerprint "${fingerprint//[0-7]/8}" \
	--state "$work/nobody"
token=$(vouch-collector token add "$collector")
check "this host enrols" vouch enrol "$url" --token "$token" --ca-fingerprint "$fingerprint" --state "$work/host"
refused "the token is good for one host" "token" \
	vouch enrol "$url" --token "$token" --ca-fingerprint "$fingerprint" --state "$work/second"
equal "evidence key and transport key are for their owner alone" "600 600" \
	"$(stat -c %a "$work/host/enrolment/evidence.pem" "$work/host/enrolment/transport.pem" | xargs)"

# The round: enrolment, policy and round are three statements at least.
vouchd --state "$work/host" --once >>"$work/vouchd.log" 2>&1
sealed=$(spooled host)
if ((sealed >= 3)); then ok "a round on this host's files is sealed and spooled"; else not_ok "only $sealed in the spool"; fi
cat "$work"/host/spool/queue/*.json >"$work/lines"
ship host
equal "a receipt lies there for each statement" "$sealed" "$(find "$work/host/receipts" -name '*.tlog-proof' | wc -l)"

# What the collector has.
equal "the log holds each statement once" "$sealed" "$(log_size)"
equal "so does the store" "$sealed" "$(all_statements | jq -r .digest | sort -u | wc -l)"
equal "types in the order of the chain" "enrolment policy round" \
	"$(all_statements | jq -r '[.sequence, .type] | @tsv' | sort -n | cut -f 2 | uniq | xargs)"
host=$(api /api/v1/hosts | jq -r '.hosts[0].id')
equal "the hosts list names one host by what it is called" "$(hostname)" "$(api /api/v1/hosts | jq -r '.hosts[].name')"
round=$(all_statements | jq -r 'select(.type == "round") | .digest')
equal "a statement's digest is that of its payload" "$round" \
	"$(api "/api/v1/statements/$round" | jq -r .payload | base64 -d | sha256sum | cut -d ' ' -f 1)"
equal "its subject is the digest of the body" \
	"$(api "/api/v1/statements/$round" | jq -r .payload | base64 -d | jq -r '.subject[0].digest.sha256')" \
	"$(api "/api/v1/statements/$round/body" | sha256sum | cut -d ' ' -f 1)"
looked=$(api "/api/v1/statements/$round/body" | jq '.results | length')
if ((looked >= 30)); then ok "it looked at $looked rules"; else not_ok "only $looked rules were looked at"; fi

# Who may read.
equal "without a credential nothing is readable" 401 \
	"$(curl -s -o "$work/page" -w '%{http_code}' --cacert "$collector/ca.crt" "$reader_url/")"
api / >"$work/overview.html"
equal "the overview has the 34 technological controls" 34 "$(grep -oE '/controls/A\.8\.[0-9]+' "$work/overview.html" | sort -u | wc -l)"
api /controls/A.8.9 >"$work/control.html"
result=$(api "/api/v1/results?control=A.8.9&limit=100" | jq -c '[.results[] | select(.sources | length > 0)][0]')
rule=$(jq -r .rule <<<"$result")
check "a control's page names its rules" grep -qF "$rule" "$work/control.html"
api "/hosts/$host" >"$work/host.html"
check "a host's page names them too" grep -qF "$rule" "$work/host.html"
check "and a page goes down to the sources" grep -qhF "$(jq -r '.sources[0].name' <<<"$result")" "$work/control.html" "$work/host.html"
equal "no page runs a script" 0 "$(cat "$work"/*.html | grep -ciE '<script|javascript:| on[a-z]+=' || true)"
curl -sS --cacert "$collector/ca.crt" -H "Authorization: Bearer $reader" "https://127.0.0.1:$((port + 2))/metrics" >"$work/metrics"
equal "the metrics count the log" "$sealed" "$(sed -nE 's/^vouch_log_entries ([0-9]+)$/\1/p' "$work/metrics")"

# Posture, export, verification.
vouch posture >"$work/posture"
equal "posture has a line for each of the 34 controls" 34 "$(grep -cE '^A\.8\.[0-9]+ ' "$work/posture")"
equal "and counts as many results as the round had" "$looked results" "$(grep -oE '[0-9]+ results:' "$work/posture" | tr -d :)"
vouch export --trust --output "$work/trust.json"
vouch export --sigstore "$round" --output "$work/bundle.json"
vouch export --body "$round" --output "$work/body.json"
check "an exported statement verifies offline, with its body" \
	vouch verify "$work/bundle.json" --trust "$work/trust.json" --body "$work/body.json"
sed 's/"verdict":"fail"/"verdict":"pass"/' "$work/body.json" >"$work/better.json"
refused "not with a body where a fail became a pass" "body" \
	vouch verify "$work/bundle.json" --trust "$work/trust.json" --body "$work/better.json"
jq '.logs = []' "$work/trust.json" >"$work/trust2.json"
refused "not by a trust file without its log" "log" vouch verify "$work/bundle.json" --trust "$work/trust2.json"

# A clean end.
check "the collector stops when it is told to" stop collector
