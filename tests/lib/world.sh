# Sourced by the stories after story.sh: a collector and hosts that are enrolled at it.
# shellcheck shell=bash

collector=$work/collector

# A collector of its own folder and ports, and a reader.
collector_new() {
	port=$(free_ports)
	vouch-collector init "$collector" >"$work/init.log" 2>&1
	sed -i -E -e "s/^agents:.*/agents: 127.0.0.1:$port/" -e "s/^readers:.*/readers: 127.0.0.1:$((port + 1))/" \
		-e "s/^metrics:.*/metrics: 127.0.0.1:$((port + 2))/" "$collector/collector.yaml"
	url=https://127.0.0.1:$port
	reader_url=https://127.0.0.1:$((port + 1))
	fingerprint=$(vouch-collector fingerprint "$collector")
	reader=$(vouch-collector reader add "$collector" story)
	(umask 077 && echo "$reader" >"$work/reader.token")
	export VOUCH_COLLECTOR=$reader_url VOUCH_CA=$collector/ca.crt VOUCH_TOKEN_FILE=$work/reader.token
}

collector_start() {
	start collector vouch-collector run "$collector"
	within 60 api / || {
		echo "the collector did not answer"
		return 1
	}
}

# api PATH: what a reader gets.
api() {
	curl -sS --fail --max-time 60 --cacert "$collector/ca.crt" -H "Authorization: Bearer $reader" "$reader_url$1"
}

# enrol NAME [OPTION...]: a host with its state in $work/NAME.
enrol() {
	vouch enrol "$url" --token "$(vouch-collector token add "$collector")" --ca-fingerprint "$fingerprint" \
		--state "$work/$1" "${@:2}" >>"$work/enrol.log" 2>&1
}

# small_policy: one rule that looks at one file, for stories that need many rounds.
small_policy() {
	cat >"$work/small.yaml" <<-'EOF'
		policy: {id: small, version: 1.0.0, framework: "iso27001:2022", title: One rule, owner: tests, review_by: 2036-01-01}
		rules:
		  - id: small.os
		    title: The operating system names itself
		    controls: [A.8.9]
		    key: true
		    severity: low
		    kind: effect
		    every: 1h
		    check: file
		    with: {path: /etc/os-release}
		    expect: {exists: true}
		    why: A host whose system nobody knows cannot be kept up to date.
		    fix: Install base-files again.
	EOF
	echo "policies: [$work/small.yaml]" >"$work/small-config.yaml"
}

# small_rounds NAME N: N rounds under the small policy, sealed into the spool.
small_rounds() {
	local i
	for ((i = 0; i < $2; i++)); do
		vouchd --state "$work/$1" --config "$work/small-config.yaml" --once >>"$work/vouchd.log" 2>&1
	done
}

spooled() {
	find "$work/$1/spool/queue" -name '*.json' | wc -l
}

# ship NAME [SECONDS]: ships what is in the spool, once.
ship() {
	timeout "${2-60}" vouch-ship --state "$work/$1" --once >>"$work/ship-$1.log" 2>&1
}

# Every statement that the collector has stored, one JSON object a line.
all_statements() {
	local after='' page
	while :; do
		page=$(api "/api/v1/statements?limit=100${after:+&after=$after}")
		jq -c '.statements[]' <<<"$page"
		after=$(jq -r '.next // empty' <<<"$page")
		[[ -n $after ]] || break
	done
}

# a_second: the clock of whole seconds has turned.
a_second() {
	local second
	second=$(date +%s)
	until (($(date +%s) > second)); do sleep 0.05; done
}

log_size() {
	api /log/checkpoint | sed -n 2p
}

# flip AT: base64 in, base64 out, with one bit of the byte at AT changed (from the end when negative).
flip() {
	local hex at
	hex=$(base64 -d | xxd -p | tr -d '\n')
	at=$(($1 < 0 ? ${#hex} + 2 * $1 : 2 * $1))
	printf '%s%02x%s' "${hex:0:at}" $((0x${hex:at:2} ^ 1)) "${hex:at+2}" | xxd -r -p | base64 -w 0
}

# changed FILE JQ-PATH AT: the JSON of FILE with one bit changed in the base64 string at that path.
changed() {
	local value
	value=$(jq -r "$2" "$1" | flip "$3")
	jq -c --arg value "$value" "$2 = \$value" "$1"
}

# post FILE HOST: sends wire lines as that enrolled host would; the answer's lines.
post() {
	local keys=$work/$2/enrolment
	curl -sS --max-time 60 --cacert "$keys/ca.pem" --cert "$keys/transport-cert.pem" --key "$keys/transport.pem" \
		-H 'Content-Type: application/x-ndjson' --data-binary "@$1" "$url/v1/statements"
}

# seal PAYLOAD BODY KEY: the wire line of a payload that this key signs, with the body (base64).
seal() {
	local type=application/vnd.in-toto+json
	printf 'DSSEv1 %d %s %d ' ${#type} $type "$(stat -c %s "$1")" | cat - "$1" >"$work/pae"
	openssl pkeyutl -sign -rawin -inkey "$3" -in "$work/pae" -out "$work/signature"
	jq -nc --arg type $type --arg payload "$(base64 -w 0 <"$1")" --arg signature "$(base64 -w 0 <"$work/signature")" --arg body "$2" \
		'{payload: $payload, payloadType: $type, signatures: [{keyid: "", sig: $signature}], body: $body}'
}
