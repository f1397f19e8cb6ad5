#!/bin/bash
# Where logs are sent, asked of real rsyslogds in a network of their own: what vouch reads in a configuration is what
# rsyslogd then does with messages, over TLS, plainly, in part or not at all; and whether the collector's certificate
# holds by the CAs that the sender is configured with.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

if ((EUID != 0)); then
	not_ok "this story needs root, for namespaces"
	exit 1
fi
type rsyslogd logger openssl jq >/dev/null
tls=6514 plain=6515 udp=6516 name=collector.example

# --- certificates: a CA, another one, and the collector's
certificate() { # NAME CA SUBJECT
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$1.key" -subj "/CN=$3" \
		-out "$work/$1.csr"
	openssl x509 -req -in "$work/$1.csr" -CA "$work/$2.pem" -CAkey "$work/$2.key" -days 30 \
		-extfile <(printf 'subjectAltName=DNS:%s\nextendedKeyUsage=serverAuth\n' "$3") -out "$work/$1.pem"
}
for ca in ca other; do
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/$ca.key" -subj "/CN=Log $ca" \
		-days 30 -addext keyUsage=critical,keyCertSign -out "$work/$ca.pem"
done >"$work/openssl.log" 2>&1
certificate server ca "$name" >>"$work/openssl.log" 2>&1

# --- senders: sender NAME, with its configuration behind what all have; parts of it in rsyslog.d are given by files
roots=$work/roots
sender() {
	local etc=$roots/$1/etc
	mkdir -p "$etc/rsyslog.d" "$roots/$1/.vouch"
	{
		printf 'module(load="imuxsock" SysSock.Use="off")\ninput(type="imuxsock" Socket="%s/%s.sock")\n' "$work" "$1"
		printf '%sWorkDirectory %s/spool-%s\n*.* action(type="omfile" file="%s/%s.seen")\n' '$' "$work" "$1" "$work" "$1"
		cat
	} >"$etc/rsyslog.conf"
	mkdir "$work/spool-$1"
	cp "$work"/{ca,other}.pem "$etc/rsyslog.d"
}
gtls() { # CA, and what follows StreamDriverMode
	printf 'global(DefaultNetstreamDriverCAFile="/etc/rsyslog.d/%s.pem")\n' "$1"
	printf 'action(type="omfwd" target="%s" port="%s" protocol="tcp" StreamDriver="gtls" StreamDriverMode="1" %s)\n' \
		"${3-$name}" "$tls" "$2"
}
by_name='StreamDriverAuthMode="x509/name"'
sender one-at <<<"*.* @$name:$udp"
sender two-ats <<<"*.* @@$name:$plain;RSYSLOG_SyslogProtocol23Format # plain, whatever the @@ looks like"
gtls ca "$by_name StreamDriverPermittedPeers=\"$name\"" | sender tls
gtls ca '' | sender tls-default
gtls other "$by_name" | sender tls-other-ca
gtls ca "$by_name StreamDriverPermittedPeers=\"mail.example\"" | sender tls-other-name
gtls ca '' alias.example | sender tls-default-other-name
gtls ca 'StreamDriverAuthMode="anon"' alias.example | sender tls-anon
gtls ca 'StreamDriverAuthMode="x509/certvalid"' alias.example | sender tls-chain-alone
sender driver-alone <<<"action(type=\"omfwd\" target=\"$name\" port=\"$plain\" protocol=\"tcp\" StreamDriver=\"gtls\")"
sender tls-directives <<EOT
\$DefaultNetstreamDriver gtls
\$DefaultNetstreamDriverCAFile /etc/rsyslog.d/ca.pem
\$ActionSendStreamDriverMode 1
\$ActionSendStreamDriverAuthMode x509/name
mail.none /dev/null
*.* @@$name:$tls
\$ActionSendStreamDriverMode 0
EOT
sender part <<<"auth.* @@$name:$plain"
sender condition <<EOT
if \$syslogfacility-text == "auth" and \$msg != "} then" then {
	action(type="omfwd" target="$name" port="$plain" protocol="tcp")
} else {
	set \$.x = "; @@$name:$plain";
}
EOT
sender ruleset <<<"ruleset(name=\"out\") { action(type=\"omfwd\" target=\"$name\" port=\"$plain\" protocol=\"tcp\") }"
sender called <<EOT
ruleset(name="out") { action(type="omfwd" target="$name" port="$plain" protocol="tcp") }
*.* call out
EOT
sender ruleset-directive <<EOT
\$RuleSet out
*.* @@$name:$plain
\$RuleSet RSYSLOG_DefaultRuleset
EOT
sender stopped <<EOT
*.* stop
*.* @@$name:$plain
EOT
sender part-stopped <<EOT
auth.* /dev/null
& ~
*.* @@$name:$plain
EOT
sender switched-off <<<"action(type=\"omfwd\" target=\"$name\" port=\"$plain\" protocol=\"tcp\" config.enabled=\"off\")"
sender comments <<EOT
/* *.* @@$name:$plain
# */
*.* \\
   @@$name:$plain # once
EOT
sender comments-alone <<EOT
/* *.* @@$name:$plain */
# *.* \\
   @@$name:$plain
EOT
sender included <<'EOT'
$IncludeConfig /etc/rsyslog.d/*.conf
EOT
printf 'mail.* {\n\tinclude(file="/etc/rsyslog.d/to.inc" mode="optional")\n}\n' >"$roots/included/etc/rsyslog.d/10.conf"
printf '*.* @@%s:%s\n' "$name" "$plain" | tee "$roots/included/etc/rsyslog.d/to.inc" >"$roots/included/etc/rsyslog.d/.hidden.conf"

# --- a network and an /etc/rsyslog.d of their own
cat >"$work/collector.conf" <<EOT
global(DefaultNetstreamDriverCAFile="$work/ca.pem" DefaultNetstreamDriverCertFile="$work/server.pem"
	DefaultNetstreamDriverKeyFile="$work/server.key")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
module(load="imptcp")
module(load="imudp")
input(type="imtcp" port="$tls" name="tls")
input(type="imptcp" port="$plain" name="plain")
input(type="imudp" port="$udp" name="udp")
template(name="got" type="string" string="%inputname%%msg%\\n")
action(type="omfile" file="$work/got" template="got")
EOT
cat >"$work/inside" <<'EOT'
set -Eeuo pipefail
work=$1 roots=$1/roots tls=$2 name=$3 etc=$4
senders=()
ip link set lo up
printf '127.0.0.1 localhost %s alias.example\n' "$name" >"$work/hosts"
mount --bind "$work/hosts" /etc/hosts
mount --bind "$work/approved" "$etc"
until_true() {
	for _ in {1..600}; do
		"$@" && return
		sleep 0.1
	done
}
listens() { [[ $(ss -Hltn | grep -cE ':651[45] ') -ge 2 ]]; }
rsyslogd -n -i NONE -f "$work/collector.conf" >"$work/collector.log" 2>&1 &
collector=$!
until_true listens
for root in "$roots"/*; do
	unshare --mount bash -c "mount --bind '$root/etc/rsyslog.d' /etc/rsyslog.d
		rsyslogd -N1 -f '$root/etc/rsyslog.conf' || echo refused
		exec rsyslogd -n -i NONE -f '$root/etc/rsyslog.conf'" >"$work/${root##*/}.said" 2>&1 &
	senders+=($!)
done
for root in "$roots"/*; do
	sender=${root##*/}
	until_true test -S "$work/$sender.sock"
	for facility in auth mail; do
		logger -u "$work/$sender.sock" -p "$facility.debug" -t story -- "$sender $facility"
	done
done
all_seen() {
	[[ $(cat "$work"/*.seen 2>/dev/null | grep -cE ' (auth|mail)$') -ge 2*${#senders[@]} &&
		$(wc -l <"$work/got") -ge $(<"$work/due") ]]
}
until_true all_seen
kill "${senders[@]}" # they end when they have done what they had
wait "${senders[@]}" || true
vouch sources --bytes "tls:$name:$tls" >"$work/unapproved" 2>&1 || true
echo "- {probe: \"tls:$name:$tls\", by: Story, until: 2099-12-31, why: it is ours}" >"$work/approved/approvals"
vouch sources --bytes "tls:$name:$tls" >"$work/served.json" 2>"$work/served.err" || true
kill "$collector"
wait || true
EOT

# --- what each is to be read as, and to do
expected=(
	# sender                 | what vouch reads   | what arrives
	"one-at                  | udp all            | udp all"
	"two-ats                 | plain all          | plain all"
	"tls                     | tls all verified   | tls all"
	"tls-default             | tls all verified   | tls all"
	"tls-other-ca            | tls all verified   | nothing"
	"tls-other-name          | tls all verified   | nothing"
	"tls-default-other-name  | tls all verified   | nothing"
	"tls-anon                | tls all            | tls all"
	"tls-chain-alone         | tls all            | tls all"
	"driver-alone            | plain all          | plain all"
	"tls-directives          | tls all verified   | tls all"
	"part                    | plain part         | plain part"
	"condition               | plain part         | plain part"
	"ruleset                 | nothing            | nothing"
	"called                  | plain all          | plain all"
	"ruleset-directive       | nothing            | nothing"
	"stopped                 | nothing            | nothing"
	"part-stopped            | plain part         | plain part"
	"switched-off            | nothing            | nothing"
	"comments                | plain all          | plain all"
	"comments-alone          | nothing            | nothing"
	"included                | plain part         | plain part"
)
printf '%s\n' "${expected[@]}" | awk -F'|' '/all *$/ {due += 2} /part *$/ {due++} END {print due}' >"$work/due"
etc=$installed/etc/vouch
mkdir -p "$etc" "$work/approved"
: >"$work/got"
unshare --net --mount --pid --fork --mount-proc bash "$work/inside" "$work" "$tls" "$name" "$etc" >"$work/inside.log" 2>&1

cat >"$work/policy.yaml" <<'EOT'
policy: {id: story, version: "1", framework: "iso27001:2022", title: What is read}
rules:
  - {id: story.read, title: T, controls: [A.8.15], severity: low, kind: design, every: 1h, check: forwarder,
     expect: {count: 99}, why: W, fix: F}
EOT
while read -r unit; do
	state='"LoadState":"not-found","ActiveState":"inactive"'
	[[ $unit != rsyslog.service ]] || state='"LoadState":"loaded","ActiveState":"active","SubState":"running"'
	for root in "$roots"/*; do
		echo "{$state}" >"$root/.vouch/unit%3A$unit"
	done
done < <(grep -oE '[A-Za-z-]+\.service' "$story_top/checks/forwarder.c" | sort -u)
# read_as NAME: what is sent how, by the rows.
read_as() {
	{ vouch run --root "$roots/$1" --policy "$work/policy.yaml" --json 2>>"$work/vouch.log" || true; } | jq -r '
		.results[0] as $result
		| if $result.verdict != "fail" then $result.reason else
			[$result.observed[] | select(.forwards and (.discarded | index("*.*") | not)
				and (.selector | startswith("ruleset ") | not))
			| (if .tls then "tls" elif .protocol == "udp" then "udp" else "plain" end)
			+ (if .selector != "*.*" or .discarded != [] then " part" else " all" end)
			+ (if .verified then " verified" else "" end)] | join(", ") | if . == "" then "nothing" else . end
		end'
}
# arrived NAME
arrived() {
	awk -v sender="$1" '$2 == sender {how = $1; count++}
		END {print !count ? "nothing" : how (count > 1 ? " all" : " part")}' "$work/got"
}
for line in "${expected[@]}"; do
	IFS='|' read -r sender reads arrives < <(sed 's/ *| */|/g; s/ *$//' <<<"$line")
	equal "$sender: its own file has both messages" 2 "$(grep -cE " (auth|mail)$" "$work/$sender.seen" || true)"
	equal "$sender: rsyslogd takes its configuration" 0 "$(grep -c refused "$work/$sender.said" || true)"
	equal "$sender is read as: $reads" "$reads" "$(read_as "$sender")"
	equal "$sender does: $arrives" "$arrives" "$(arrived "$sender")"
done

# --- the collector's certificate, by what each is configured with
refused "nobody has approved the probe" "no approval" bash -c "cat '$work/unapproved'; false"
# by_rule NAME: the verdict, and what it was said to verify as
by_rule() {
	cp "$work/served.json" "$roots/$1/.vouch/tls%3A$name%3A$tls"
	cp "$work/served.json" "$roots/$1/.vouch/tls%3Aalias.example%3A$tls"
	date +'{"time":%s}' >"$roots/$1/.vouch/now%3A"
	{ vouch run --root "$roots/$1" --only log.forward.tls --json 2>>"$work/vouch.log" || true; } |
		jq -r '.results[0] | .verdict + (.observed[0].configured // "" | if . == "" then . else ": " + . end)'
}
equal "by its CA and its name it verifies" "pass: ok" "$(by_rule tls)"
equal "and where nothing is said but the CA" "pass: ok" "$(by_rule tls-default)"
equal "not by another CA" "fail: unable to get local issuer certificate" "$(by_rule tls-other-ca)"
equal "not for another name" "fail: hostname mismatch" "$(by_rule tls-other-name)"
equal "a sender that takes any certificate fails, though this one is right" fail "$(by_rule tls-anon | cut -d: -f1)"
equal "and one that takes any name" fail "$(by_rule tls-chain-alone | cut -d: -f1)"
equal "@@ is plain TCP" fail "$(by_rule two-ats)"
