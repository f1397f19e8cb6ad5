#!/bin/bash
# How a host comes in: tokens of a group with uses, an end and networks; a certificate of an organisation's own CA, by files
# alone; credentials. And who does not: with another's key, another's name, another purpose, another CA. Then the image that
# is sealed without what made the host one host, and what vouch doctor says of each thing that breaks.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"

# root_of NAME: a folder to look at, of a host of its own.
root_of() {
	mkdir -p "$work/root-$1/etc"
	cp /etc/os-release "$work/root-$1/etc/"
	tr -d - </proc/sys/kernel/random/uuid >"$work/root-$1/etc/machine-id"
	echo "$1" >"$work/root-$1/etc/hostname"
}
# with_token NAME TOKEN [OPTION...]
with_token() {
	vouch enrol "$url" --token "$2" --ca-fingerprint "$fingerprint" --state "$work/$1" --root "$work/root-$1" "${@:3}"
}
round() {
	vouchd --state "$work/$1" --config "$work/small-config.yaml" --once --root "$work/root-$1"
}
host_id() {
	jq -r .hostId "$work/$1/enrolment/enrolment.json"
}
# of_host NAME JQ: what the collector's list of hosts says of it.
of_host() {
	api /api/v1/hosts | jq -r --arg id "$(host_id "$1")" ".hosts[] | select(.id == \$id) | $2"
}

collector_new
echo "agent_ca: outside.pem" >>"$collector/collector.yaml"
sed -i '/^agent_ca: ""/d' "$collector/collector.yaml"
small_policy

# --- the organisation's CA: a root, an intermediate that signs, and another CA altogether
pki=$work/pki
mkdir "$pki"
openssl_quietly() {
	openssl "$@" 2>>"$work/openssl.log"
}
# ca NAME SUBJECT [ISSUER]
ca() {
	openssl_quietly req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/$1.key" -subj "/CN=$2" -out "$pki/$1.csr"
	openssl_quietly x509 -req -in "$pki/$1.csr" -days 2 -out "$pki/$1.pem" -extfile <(echo "basicConstraints=critical,CA:TRUE") \
		$([[ ${3-} ]] && echo "-CA $pki/$3.pem -CAkey $pki/$3.key" || echo "-signkey $pki/$1.key")
}
# certify CA CSR OUT [EXTENSIONS] [OPTION...]
certify() {
	openssl_quietly x509 -req -in "$2" -CA "$pki/$1.pem" -CAkey "$pki/$1.key" -out "$3" -days 1 \
		-extfile <(printf '%b\n' "${4-extendedKeyUsage=clientAuth}") "${@:5}"
}
ca root "Example root"
ca issuing "Example issuing CA" root
ca stranger "Another CA"
cp "$pki/issuing.pem" "$collector/outside.pem"
collector_start
vouch-collector log-key "$collector" >"$work/log.vkey"
cat "$pki/root.pem" "$collector/ca.crt" >"$work/trusted.pem"

# --- tokens
for name in web1 web2 web3 db1; do root_of "$name"; done
web=$(vouch-collector token add "$collector" --group web --uses 2 --ttl 10m --cidr 127.0.0.0/8 --cidr ::1/128)
equal "a token's terms are listed, and not the token" \
	"2 uses, group web, from 127.0.0.0/8 ::1/128" \
	"$(vouch-collector token list "$collector" | sed 's/^[0-9a-f]* until [^,]*, //')"
check "the first host of the group enrols" with_token web1 "$web"
check "the second too" with_token web2 "$web"
refused "a third is one too many" "401: the token is unknown, used or expired" with_token web3 "$web"
refused "a guessed token is refused in the same words" "401: the token is unknown, used or expired" with_token web3 "$(head -c 32 /dev/urandom | base64 -w 0 | tr '+/' '-_' | cut -c 1-43)"
for name in web1 web2; do
	check "$name: a round is sealed and shipped" eval "round $name && ship $name"
done
equal "the group is recorded with the host" web "$(of_host web1 .group)"
check "and a label of the metrics" grep -q 'vouch_host_info{.*group="web"' \
	<(curl -sS --cacert "$collector/ca.crt" -H "Authorization: Bearer $reader" "https://127.0.0.1:$((port + 2))/metrics")
elsewhere=$(vouch-collector token add "$collector" --cidr 192.0.2.0/24)
refused "a token is good from its networks alone" "403: the token is not for hosts of this network: it was used from 127.0.0.1" \
	with_token web3 "$elsewhere"
check "and keeps its use" grep -q '1 use, from 192.0.2.0/24' <(vouch-collector token list "$collector")
brief=$(vouch-collector token add "$collector" --ttl 1s)
back=$(vouch-collector token add "$collector" --uses 50)
name=$(vouch-collector token list "$collector" | awk '/50 uses/ { print $1 }')
check "a token is taken back" vouch-collector token remove "$collector" "$name"
refused "and good for nothing then" "401:" with_token web3 "$back"
sleep 1
refused "one behind its end is good for nothing" "401:" with_token web3 "$brief"
check "what was refused has left nothing" test ! -e "$work/web3/enrolment"
# Somebody has one host's key and a good token, and would be another host with it.
openssl req -new -key "$work/web1/enrolment/transport.pem" -subj "/CN=$(cat /proc/sys/kernel/random/uuid)" -outform DER | base64 -w 0 >"$work/request"
equal "a key seen on two machine ids is refused" "400 {\"error\":\"the key is another host's, or was revoked\"}" \
	"$(curl -sS --cacert "$collector/ca.crt" -u "enrol:$(vouch-collector token add "$collector")" -H 'Content-Type: application/pkcs10' \
		--data-binary "@$work/request" -o "$work/answer" -w '%{http_code} ' "$url/.well-known/est/simpleenroll"; cat "$work/answer")"

# --- files: the request goes out, the certificate comes back
db() {
	vouch enrol "$url" --state "$work/db1" --root "$work/root-db1" "$@"
}
# with_certificate FILE [CA]
with_certificate() {
	db --certificate "$1" --ca "${2-$work/trusted.pem}" --log-key "$work/log.vkey"
}
refused "without a request there is nothing to complete" "no request waits" with_certificate "$pki/root.pem"
check "a request is made" db --request "$work/db1.csr"
id=$(openssl req -in "$work/db1.csr" -noout -subject | sed 's/.*CN = //')
check "it is for the host's id, and says what for" grep -q 'TLS Web Client Authentication' <(openssl req -in "$work/db1.csr" -noout -text)
check "it is signed by its key" openssl req -in "$work/db1.csr" -noout -verify
refused "another would lose the first" "a request waits for its certificate" db --request "$work/again.csr"
equal "the keys are root's alone" "700 600 600" \
	"$(stat -c %a "$work/db1/requested" "$work/db1/requested/enrolment/transport.pem" "$work/db1/requested/enrolment/evidence.pem" | xargs)"

certify issuing "$work/db1.csr" "$pki/leaf.pem"
cat "$pki/leaf.pem" "$pki/issuing.pem" >"$pki/good.pem"
openssl_quietly req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$pki/thief.key" -subj "/CN=$id" -out "$pki/thief.csr"
certify issuing "$pki/thief.csr" "$pki/thief.pem"
refused "a certificate for another key" "it is for another key" with_certificate "$pki/thief.pem"
openssl_quietly req -new -key "$work/db1/requested/enrolment/transport.pem" -subj "/CN=$(host_id web1)" -out "$pki/other.csr"
certify issuing "$pki/other.csr" "$pki/other.pem"
refused "a certificate for another host's id" "it is for another name: the subject's CN has to be $id" with_certificate "$pki/other.pem"
openssl_quietly req -new -key "$work/db1/requested/enrolment/transport.pem" -subj "/CN=$id/CN=$(host_id web1)" -out "$pki/two.csr"
certify issuing "$pki/two.csr" "$pki/two.pem"
refused "a certificate for two" "it is for another name" with_certificate "$pki/two.pem"
certify issuing "$work/db1.csr" "$pki/server.pem" "extendedKeyUsage=serverAuth"
refused "a certificate for servers" "it is not for clients" with_certificate "$pki/server.pem"
certify issuing "$work/db1.csr" "$pki/any.pem" "basicConstraints=CA:FALSE"
refused "a certificate for nothing in particular" "it is not for clients" with_certificate "$pki/any.pem"
certify stranger "$work/db1.csr" "$pki/strange.pem"
refused "a certificate of another CA" "the CA does not vouch for it: unable to get local issuer" with_certificate "$pki/strange.pem"
refused "a certificate whose CA in between is missing" "unable to get local issuer" with_certificate "$pki/leaf.pem"
certify issuing "$work/db1.csr" "$pki/later.pem" "extendedKeyUsage=clientAuth" -days -1
cat "$pki/issuing.pem" >>"$pki/later.pem"
refused "a certificate that has ended" "certificate has expired" with_certificate "$pki/later.pem"
refused "a CA that is none" "number 1 is not a CA's" with_certificate "$pki/good.pem" "$pki/leaf.pem"
refused "a log key that is none" "." db --certificate "$pki/good.pem" --ca "$work/trusted.pem" --log-key "log+00000000+AAAA"
cp -r "$work/db1" "$work/clone"
root_of clone
refused "the request on another machine" "the request was made for host $id" vouch enrol "$url" --state "$work/clone" --root "$work/root-clone" \
	--certificate "$pki/good.pem" --ca "$work/trusted.pem" --log-key "$work/log.vkey"
check "none of that takes the request away" test -s "$work/db1/requested/enrolment/transport.pem"
check "the right one completes it" with_certificate "$pki/good.pem"
check "nothing of the request is left" test ! -e "$work/db1/requested"
refused "twice is once too often" "enrolled already" with_certificate "$pki/good.pem"
check "a round is sealed" round db1
check "and shipped under the outside CA's certificate" ship db1
equal "all of it" 0 "$(spooled db1)"
equal "it is a host like the others" 1 "$(of_host db1 '.results.pass')"
check "the collector says whose certificate it was" grep -q "the certificate of an outside CA for host $id" "$work/collector.log"
equal "its first statement is its enrolment" enrolment \
	"$(all_statements | jq -r --arg id "$id" 'select(.host == $id and .sequence == 1) | .type')"

# --- at the collector: what the outside CA's certificates are not good for
# ask CERTIFICATE KEY [PATH]: status and answer of a request with it.
ask() {
	curl -sS --max-time 20 --cacert "$collector/ca.crt" --cert "$1" --key "$2" -o "$work/answer" -w '%{http_code} ' "$url${3-/v1/log}" "${@:4}" 2>&1 || true
	head -c 300 "$work/answer"
}
# other_key FILE SUBJECT EXTENSIONS: a key, and a certificate for it with its chain.
other_key() {
	openssl_quietly req -new -newkey "${4-ec}" $([[ ${4-} ]] || echo "-pkeyopt ec_paramgen_curve:P-256") -nodes -keyout "$pki/$1.key" -subj "$2" -out "$pki/$1.csr"
	certify issuing "$pki/$1.csr" "$pki/$1.pem" "$3"
	cat "$pki/issuing.pem" >>"$pki/$1.pem"
}
: >"$work/answer"
other_key server2 "/CN=$(cat /proc/sys/kernel/random/uuid)" "basicConstraints=CA:FALSE"
equal "one that says no purpose" '403 {"error":"the certificate is not for clients (clientAuth)"}' "$(ask "$pki/server2.pem" "$pki/server2.key")"
other_key rsa "/CN=$(cat /proc/sys/kernel/random/uuid)" "extendedKeyUsage=clientAuth" rsa:2048
equal "an RSA key" '403 {"error":"the key is neither Ed25519 nor P-256"}' "$(ask "$pki/rsa.pem" "$pki/rsa.key")"
other_key person "/CN=Jane Doe" "extendedKeyUsage=clientAuth"
equal "a person's" '403 {"error":"the certificate is not of an enrolled host"}' "$(ask "$pki/person.pem" "$pki/person.key")"
openssl_quietly req -new -key "$work/web1/enrolment/transport.pem" -subj "/CN=$(cat /proc/sys/kernel/random/uuid)" -out "$pki/stolen.csr"
certify issuing "$pki/stolen.csr" "$pki/stolen.pem"
equal "one for a key that is another host's" '403 {"error":"the key is another host'"'"'s, or was revoked"}' \
	"$(ask "$pki/stolen.pem" "$work/web1/enrolment/transport.pem")"
certify stranger "$pki/thief.csr" "$pki/strange2.pem"
: >"$work/answer"
check "one by a CA that nobody named does not pass TLS" grep -qE '(alert|^000)' <(ask "$pki/strange2.pem" "$pki/thief.key")
equal "the collector does not renew it" '403 {"error":"the certificate is of an outside CA, which renews it"}' \
	"$(ask "$pki/good.pem" "$work/db1/enrolment/transport.pem" /.well-known/est/simplereenroll --data-binary "@$work/request")"
# The host's statements, sent by who has a certificate for another host's id.
other_key other2 "/CN=$(cat /proc/sys/kernel/random/uuid)" "extendedKeyUsage=clientAuth"
round web1
cat "$work"/web1/spool/queue/*.json | sed -n 1p >"$work/line"
check "a statement of one host is not taken with the certificate of another" grep -q 'refused' \
	<(ask "$pki/other2.pem" "$pki/other2.key" /v1/statements -H 'Content-Type: application/x-ndjson' --data-binary "@$work/line")

# --- its next certificate, for the same key
certify issuing "$work/db1.csr" "$pki/next.pem" "extendedKeyUsage=clientAuth" -days 2
cat "$pki/issuing.pem" >>"$pki/next.pem"
refused "not by another CA" "unable to get local issuer" vouch enrol --renew --state "$work/db1" --certificate "$pki/strange.pem"
refused "nor where the collector renews" "vouch-ship renews that by itself" vouch enrol --renew --state "$work/web1" --certificate "$pki/next.pem"
check "the CA's next certificate is put in place" vouch enrol --renew --state "$work/db1" --certificate "$pki/next.pem"
round db1
check "and shipped with" ship db1
equal "all" 0 "$(spooled db1)"
equal "it is the one that is used" 2 "$(grep -c "the certificate of an outside CA for host $id" "$work/collector.log")"

# --- a key that is there already, from an organisation's own EST or ACME
root_of app1
mv "$work/root-app1/etc/machine-id" "$work/machine-id"
openssl_quietly genpkey -algorithm ed25519 -out "$pki/app.key"
cp "$work/machine-id" "$work/root-app1/etc/machine-id"
check "the host's id is what a request says" vouch enrol "$url" --state "$work/app0" --root "$work/root-app1" --request "$work/app.csr"
openssl_quietly req -new -key "$pki/app.key" -subj "$(openssl req -in "$work/app.csr" -noout -subject -nameopt compat | sed 's/subject=//')" -out "$pki/app.csr"
certify issuing "$pki/app.csr" "$pki/app.pem"
app() {
	vouch enrol "$url" --state "$work/app1" --root "$work/root-app1" --certificate "$pki/app.pem" --ca <(cat "$pki/issuing.pem" "$collector/ca.crt") \
		--log-key "$(cat "$work/log.vkey")" --transport-key "$1"
}
refused "a key that others can read is refused" "." app "$pki/thief.pem"
chmod 644 "$pki/app.key"
refused "and one that others can read" "others may read|group or others" app "$pki/app.key"
chmod 600 "$pki/app.key"
refused "and another's" "it is for another key" app "$pki/thief.key"
check "what was refused has left nothing" test ! -e "$work/app1/enrolment" -a ! -e "$work/app1/.tmp-enrolment"
check "its own does" app "$pki/app.key"
check "a round of it is sealed and shipped" eval "round app1 && ship app1"

# --- vouch doctor: a host that is well, and each thing broken once
doctor() {
	vouch doctor --json --state "$work/here" --config "$work/small-config.yaml" "$@" >"$work/doctor.json" 2>&1
}
# says CHECK LEVEL WORDS: among what the doctor said of that.
says() {
	jq -e --arg check "$1" --arg level "$2" --arg words "$3" \
		'.checks[] | select(.check == $check and .level == $level and (.text | test($words)))' "$work/doctor.json" >/dev/null ||
		{ jq -c '.checks[] | [.check, .level, .text]' "$work/doctor.json" 2>&1 || head -c 300 "$work/doctor.json"; return 1; }
}
# finds WHAT CHECK LEVEL WORDS
finds() {
	doctor || true
	check "doctor: $1" says "${@:2}"
}
# levels: the checks with the worst that was said of each, but for the machine's clock.
levels() {
	jq -r '[.checks[] | select(.check != "clock")] | group_by(.check) | map(.[0].check + ":" + (map(.level) | max_by({"ok":0,"unseen":1,"warning":2,"problem":3}[.]))) | join(" ")' "$work/doctor.json"
}
traces() {
	find "$work/here" -printf '%p %s %m %T@ %C@\n' | sort
}
enrol here
small_rounds here 1
ship here
start vouchd-here vouchd --state "$work/here" --config "$work/small-config.yaml"
start ship-here vouch-ship --state "$work/here"
queue_is_sent() {
	[[ $(spooled here) == 0 && $(find "$work/here/receipts" -name '*.tlog-proof' | wc -l) -ge 4 ]]
}
within 60 queue_is_sent
# What is written behind the last receipt is written as well.
stays() {
	before=$(traces)
	sleep 0.5
	[[ $before == "$(traces)" ]]
}
within 60 stays
doctor || true
equal "a host that is well has only good findings" \
	"certificate:ok chain:ok collector:ok enrolment:ok identity:ok log:ok policy:ok processes:ok spool:ok" "$(levels)"
equal "a look by the doctor changes nothing" "$before" "$(traces)"
check "nor says what nobody should know" bash -c "! grep -qE 'PRIVATE|blind' '$work/doctor.json'"
stop vouchd-here
stop ship-here
finds "nobody works here" processes warning "no vouchd works in"
echo "polices: []" >"$work/wrong.yaml"
doctor --config "$work/wrong.yaml" && exit_code=0 || exit_code=$?
equal "a problem is exit code 2" 2 "$exit_code"
check "doctor: a configuration that is wrong, at its line" says policy problem 'wrong.yaml:1:1: .*polices'
sed 's/kind: effect/kind: efect/' "$work/small.yaml" >"$work/bad.yaml"
echo "policies: [$work/bad.yaml]" >"$work/bad-config.yaml"
doctor --config "$work/bad-config.yaml" || true
check "doctor: a policy that does not load, at its line" says policy problem 'bad.yaml:[0-9]+:[0-9]+: '
cat "$work/small.yaml" - >"$work/waived.yaml" <<-EOF
	waivers:
	  - id: W-1
	    rule: small.os
	    value: {exists: false}
	    reason: an image without a name
	    risk: nobody knows what to patch
	    measure: it is rebuilt each night
	    requester: Ann Example
	    approver: Bob Example
	    from: $(date -u -d '-9 days' +%F)
	    expires: $(date -u -d '+3 days' +%F)
EOF
echo "policies: [$work/waived.yaml]" >"$work/waived-config.yaml"
doctor --offline --config "$work/waived-config.yaml" || true
check "doctor: a waiver that ends soon" says waivers warning 'waived.yaml:[0-9]+: waiver W-1 of small.os expires at'
chmod 644 "$work/here/enrolment/transport.pem"
finds "a key that others can read" identity problem "transport.pem can be read by others"
chmod 600 "$work/here/enrolment/transport.pem"
small_rounds here 1
touch -d '2 hours ago' "$work"/here/spool/queue/*.json
finds "what waits for long" spool warning "has waited for the collector for 2 hours"
mv "$work"/here/spool/queue/*.json "$work/here/spool/refused/"
finds "what was refused" spool problem "refused 1: the chain has a gap"
rm "$work"/here/spool/refused/*
sed 's/^{/{"enrolled":"'"$(printf '0%.0s' {1..64})"'","digest":"'"$(printf '0%.0s' {1..64})"'",/' <<<'{"sequence":2}' >"$work/position"
mkdir "$work/keep"
cp "$work/position" "$work/keep/position"
doctor --keep "$work/keep" || true
check "doctor: a sealer with another key" says chain problem "the key of another enrolment"
key=$(openssl pkey -pubin -in "$work/here/enrolment/evidence.pub.pem" -outform DER | sha256sum | cut -d ' ' -f 1)
sed -i "s/\"enrolled\":\"0*\"/\"enrolled\":\"$key\"/" "$work/keep/position"
doctor --keep "$work/keep" || true
check "doctor: a sealer and a chain that are apart" says chain problem "and the sealer at 2: one of the two was set back"
mv "$work/here/spool/chain.json" "$work/chain.json"
echo '{"sequence":1,"sequence":2}' >"$work/here/spool/chain.json"
finds "a chain that cannot be read" chain problem "chain.json"
mv "$work/chain.json" "$work/here/spool/chain.json"
cp "$pki/later.pem" "$work/db1/enrolment/transport-cert.pem"
vouch doctor --json --offline --state "$work/db1" --config "$work/small-config.yaml" >"$work/doctor.json" || true
check "doctor: a certificate that has ended" says certificate problem "ended at"
check "and one of another machine" says identity problem "the machine id changed, or the state folder was copied|no machine id any more"
if ((EUID == 0)); then
	chmod 711 "$work"
	setpriv --reuid=65534 --regid=65534 --clear-groups "$(command -v vouch)" doctor --json --state "$work/here" >"$work/doctor.json" || true
	check "doctor: what a user cannot see is told" says enrolment unseen "EACCES|denied"
fi
stop collector
finds "a collector that does not answer" collector problem "[Cc]onnect"

# The doctor asks somebody who has the collector's certificate, and means no good.
cat >"$work/evil.py" <<'PY'
import socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server = socket.create_server(("127.0.0.1", int(sys.argv[3])), reuse_port=True)
while True:
    try:
        connection = context.wrap_socket(server.accept()[0], server_side=True)
        while b"\r\n\r\n" not in connection.recv(65536):
            pass
        if sys.argv[4] == "hang":
            held = connection
        elif sys.argv[4] == "drip":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            held = connection
        elif sys.argv[4] == "flood":
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                connection.sendall(b"\033[31mA" * 100000)
        elif sys.argv[4] == "headers":
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while True:
                connection.sendall(b"X: " + b"A" * 60000 + b"\r\n")
        else:
            body = b'{"origin":"x","vkey":"x+00000000+AAAA"}'
            connection.sendall(b"HTTP/1.1 200 OK\r\nDate: Tue, 01 Jan 2030 00:00:00 GMT\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
    except OSError:
        pass
PY
# meets MANNER LEVEL CHECK WORDS
meets() {
	local began
	start "evil-$1" python3 "$work/evil.py" "$collector/server.crt" "$collector/server.key" "$port" "$1"
	within 60 grep -q ":$(printf '%04X' "$port") 00000000:0000 0A" /proc/net/tcp
	began=$SECONDS
	finds "a server that means no good: $1" "${@:2}"
	check "doctor: and it has ended in time" test $((SECONDS - began)) -lt 60
	stop "evil-$1" KILL || true
}
meets hang collector problem "timed out|Timeout"
meets flood collector problem "larger than 65536 bytes"
meets headers collector problem "."
meets other collector problem "another log than the one that was pinned"
check "doctor: and a clock that is far away" says collector problem "this host's clock is .* the collector's"
check "doctor: and a log that is none" says log problem "."

# --- an image is sealed
outside=$work/outside
mkdir -p "$outside/folder"
echo precious | tee "$outside/file" >"$outside/folder/file"
small_rounds here 1
reset() {
	vouch reset --state "$work/here" --keep "$work/keep" "$@"
}
before=$(traces)
reset >"$work/reset.out" 2>&1
check "a dry run says what would go" grep -q "^would go: $work/here/enrolment" "$work/reset.out"
check "and what was never acknowledged" grep -q '^1 statement was never acknowledged' "$work/reset.out"
equal "and changes nothing" "$before" "$(traces)"
refused "what was not acknowledged is not lost by mistake" "statements wait that no collector has acknowledged; --force" reset --image
equal "nothing was changed" "$before" "$(traces)"
start vouchd-reset vouchd --state "$work/here" --config "$work/small-config.yaml"
within 60 bash -c "vouch doctor --json --offline --state '$work/here' | grep -q seals"
refused "not under a vouchd that runs" "another process seals" reset --image --force
stop vouchd-reset
check "the enrolment is still there" test -s "$work/here/enrolment/enrolment.json"
# Whoever took over vouchd can put links where it may write; root removes the links.
rm -rf "$work/here/spool/epochs" "$work/here/spool/refused"
ln -s "$outside" "$work/here/spool/epochs"
ln -s "$outside/file" "$work/here/spool/refused"
ln -s "$outside" "$work/here/spool/queue/00000000000000000009-0000000000000000.json"
mkdir -p "$work/here/spool/queue/deep/deeper" "$work/here/old-2026-01-01T00:00:00Z/enrolment" "$work/here/requested/enrolment"
ln -s "$outside" "$work/here/spool/queue/deep/deeper/link"
echo mine >"$work/here/notes-of-an-administrator"
check "with --force it goes" reset --image --force
equal "what is no file of vouch's stays, and the folders" "lock notes-of-an-administrator ship.lock" \
	"$(find "$work/here" -type f -printf '%f\n' | sort | xargs)"
equal "no link was followed" "precious precious" "$(cat "$outside/file" "$outside/folder/file" | xargs)"
equal "the sealer's place went with it" "" "$(ls "$work/keep")"
check "again: there is nothing to do" reset --image
collector_start
check "and the host enrols like a new one" enrol here
