#!/bin/bash
# Web filtering as a host sees it: a network of two namespaces, in one the host with its packet filter, in the other
# unbound with a response policy zone, dnsmasq with a sinkhole, squid with a list, and a DNS server of the world outside
# that filters nothing. The baseline's rules, their parameters set by a policy and the probes approved, say what
# each arrangement deserves: a pass only where names are blocked while others are answered; nothing where the resolver is down
# or a test name is dead; a fail where the filter is off or there is a way round it.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

# --- the network
start host unshare -mn --propagation private sleep 1000
start world unshare -n sleep 1000
host=${story_processes[host]} world=${story_processes[world]}
apart() { # unshare has done all that it does
	[[ $(<"/proc/$1/comm") == sleep ]]
}
within 60 apart "$host" && within 60 apart "$world"
at_host=(nsenter -m -n -t "$host")
at_world=(nsenter -n -t "$world")
ip link add vouch-h netns "$host" type veth peer name vouch-w netns "$world"
"${at_host[@]}" sh -ec '
	ip link set lo up
	ip addr add 10.23.0.2/24 dev vouch-h
	ip -6 addr add fd23::2/64 dev vouch-h nodad
	ip link set vouch-h up
	ip route add default via 10.23.0.1
	ip -6 route add default via fd23::1'
"${at_world[@]}" sh -ec '
	ip link set lo up
	for a in 10.23.0.1/24 10.23.0.53/24 10.23.0.54/24 10.23.0.55/24 10.23.0.56/24 192.0.2.53/32 192.0.2.80/32; do
		ip addr add $a dev vouch-w; done
	for a in fd23::1/64 2001:db8::53/128 2001:db8::80/128; do ip -6 addr add $a dev vouch-w nodad; done
	ip link set vouch-w up'

# --- who serves there
# The world: knows the canary, the control and one more name; filters nothing. 10.23.0.55 is the way to it that is open.
unbound_conf() {
	cat <<-EOF
		server:
		  directory: "$work"
		  chroot: ""
		  username: ""
		  pidfile: ""
		  use-syslog: no
		  do-daemonize: no
		  ede: yes
		  access-control: 0.0.0.0/0 allow
		  access-control: ::/0 allow
		  do-not-query-localhost: no
		  module-config: "$1"
		  interface-automatic: no
		remote-control:
		  control-enable: no
	EOF
}
{
	unbound_conf iterator
	cat <<-EOF
		server:
		  interface: 192.0.2.53
		  interface: 2001:db8::53
		  interface: 10.23.0.55
		  local-zone: "test." static
		  local-data: "canary.test. A 192.0.2.80"
		  local-data: "canary.test. AAAA 2001:db8::80"
		  local-data: "www.control.test. A 192.0.2.80"
		  local-data: "www.control.test. AAAA 2001:db8::80"
		  local-data: "hints.test. A 192.0.2.80"
		  local-data: "hints.test. HTTPS 1 . ipv4hint=192.0.2.80"
	EOF
} >"$work/world.conf"
# rpz NAME ACTION [LINE...]: the filtering resolver at 10.23.0.53, which does ACTION (RPZ's own words) with the canary.
rpz() {
	local action=$1
	shift
	cat >"$work/rpz.zone" <<-EOF
		\$ORIGIN rpz.test.
		@ 60 IN SOA localhost. admin.localhost. 1 60 60 60 60
		@ 60 IN NS localhost.
		$action
	EOF
	{
		unbound_conf "respip iterator"
		cat <<-EOF
			server:
			  interface: 10.23.0.53
			  local-zone: "test." nodefault
			forward-zone:
			  name: "."
			  forward-addr: 192.0.2.53
			rpz:
			  name: rpz.test
			  zonefile: "$work/rpz.zone"
			  $*
		EOF
	} >"$work/rpz.conf"
	[[ -z ${story_processes[rpz]-} ]] || stop rpz || true
	start rpz "${at_world[@]}" unbound -d -p -c "$work/rpz.conf"
	within 60 answers 10.23.0.53
}
# dnsmasq_is LINE...: another filtering resolver, at 10.23.0.54, with these lines.
dnsmasq_is() {
	[[ -z ${story_processes[dnsmasq]-} ]] || stop dnsmasq || true
	start dnsmasq "${at_world[@]}" dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root \
		--pid-file --bind-interfaces --listen-address=10.23.0.54 --cache-size=0 --server=192.0.2.53 "$@"
	within 60 answers 10.23.0.54
}
# answers SERVER: it does, for the control.
answers() {
	"${at_host[@]}" vouch sources "dns:www.control.test/A@$1" 2>/dev/null | grep -q '^dns:[^[:space:]]*[[:space:]]*[0-9]'
}

# --- the host: its own /etc, its approvals, what is set for it
etc=$installed/etc/vouch
mkdir -p "$etc" "$work/etc" "$work/approved"
cp -a /etc/. "$work/etc"
rm -f "$work/etc/resolv.conf"
echo "hosts: files dns" >"$work/etc/nsswitch.conf"
"${at_host[@]}" mount --bind "$work/etc" /etc
"${at_host[@]}" mount --bind "$work/approved" "$etc"
# approve PROBE...
approve() {
	printf -- '- {probe: "%s", by: Story, until: 2099-12-31, why: it is ours}\n' "$@" >>"$work/approved/approvals"
}
for server in 10.23.0.53 10.23.0.54 10.23.0.55 10.23.0.56 192.0.2.53 '[2001:db8::53]'; do approve "dns:*@$server"; done
resolvers() {
	printf 'nameserver %s\n' "$@" >"$work/etc/resolv.conf"
}
# set_for RULE LINE...: parameters of a rule; those of all rules that were set make the policy.
declare -A settings=()
set_for() {
	local rule=$1
	shift
	settings[$rule]=$(printf '    %s\n' "$@")
	{
		echo 'policy: {id: story, version: 1.0.0, framework: "iso27001:2022", title: What is ours}'
		echo set:
		for rule in "${!settings[@]}"; do printf '  %s:\n%s\n' "$rule" "${settings[$rule]}"; done
	} >"$work/ours.yaml"
}
# look RULE...: the verdicts of these rules and of the control, into look.json.
look() {
	local only=() rule status=0
	for rule in web.allow.control "$@"; do only+=(--only "$rule"); done
	"${at_host[@]}" vouch run --policy "$policies/linux-baseline" --policy "$work/ours.yaml" "${only[@]}" --json \
		>"$work/look.json" 2>"$work/look.log" || status=$?
	((status != 2))
}
# is WHAT VERDICT [PART]: of the rule $rule in the last look; PART (grep -E) of its reason or of its rows.
is() {
	local seen
	seen=$(jq -r --arg rule "$rule" \
		'.results[] | select(.rule == $rule) | "\(.verdict): \(.reason) \(.observed | tojson)"' "$work/look.json")
	if [[ $seen == "$2: "* ]] && grep -qE -- "${3-}" <<<"$seen"; then
		ok "$rule: $1: $2"
	else
		not_ok "$rule: $1: wanted $2 ${3-}, got ${seen:0:600}"
	fi
}

start outside "${at_world[@]}" unbound -d -p -c "$work/world.conf"
check "the world answers" within 60 answers 192.0.2.53
set_for web.allow.control 'control: [www.control.test]'

# --- web.block.dns_test: how a name is blocked
rule=web.block.dns_test
ask_for() {
	set_for web.block.dns_test "blocked: [$1]" 'control: [www.control.test]' "${@:2}"
}
ask_for canary.test
resolvers 10.23.0.53
rpz 'canary.test CNAME .' 'rpz-signal-nxdomain-ra: yes'
look $rule
is "NXDOMAIN that is marked by taking recursion back" pass NXDOMAIN
rule=web.allow.control is "the control is answered" pass
ask_for dead.test
look $rule
is "a test name that has died proves nothing" unknown 'nothing shows that the name exists'
rpz 'canary.test CNAME .'
ask_for canary.test
look $rule
is "NXDOMAIN as any other name would get it proves nothing" unknown 'nothing shows that the name exists'
ask_for canary.test 'reference: 10.23.0.55'
look $rule
is "the same NXDOMAIN of a name that the reference knows" pass '"exists":true'
ask_for dead.test 'reference: 10.23.0.55'
look $rule
is "a dead name is dead at the reference too" unknown 'the reference has none either'
ask_for hints.test
rpz $'hints.test A 0.0.0.0\nhints.test AAAA ::'
look $rule
is "a sinkhole for both kinds of address" pass 'A: sinkhole 0.0.0.0'
ask_for canary.test
rpz 'other.test CNAME .'
look $rule
is "the filter does not have the name: it is off" fail answered
rpz 'canary.test CNAME blocked.control.test.'
look $rule
is "an alias that nobody declared leads somewhere, for all that is known" unknown
resolvers 10.23.0.53 192.0.2.53
rpz 'canary.test CNAME .' 'rpz-signal-nxdomain-ra: yes'
look $rule
is "the second server of resolv.conf does not filter" fail 192.0.2.53
resolvers 10.23.0.56
look $rule
is "nothing listens where names are looked up" unknown
rule=web.allow.control is "and the control says so" unknown
resolvers 10.23.0.53
echo "- {}" >>"$work/approved/approvals"
look $rule
is "a wrong line in the approvals approves nothing" notchecked
sed -i '$d' "$work/approved/approvals"

# dnsmasq: a line that blocks one kind of address leaves the others open.
resolvers 10.23.0.54
dnsmasq_is --address=/canary.test/0.0.0.0
look $rule
is "a sinkhole for A alone: AAAA still leads there" fail 'AAAA: an address'
dnsmasq_is '--address=/canary.test/#'
look $rule
is "a sinkhole for A and AAAA" pass 'AAAA: sinkhole ::'
dnsmasq_is --address=/canary.test/10.23.0.80 --local=/canary.test/
look $rule
is "an address that nobody declared as a sinkhole's" fail 'A: an address'
ask_for canary.test 'sinkholes: [10.23.0.80]'
look $rule
is "the same address, declared" pass 'sinkhole 10.23.0.80'
dnsmasq_is '--address=/#/#'
ask_for canary.test
look $rule
is "a resolver that gives everybody a sinkhole filters nothing" unknown
rule=web.allow.control is "and the control is blocked" fail blocked
stop dnsmasq || true

# --- a server beyond the border that this host may reach: that a way is closed shows beside it
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/web.key" -out "$work/web.pem" -days 2 \
	-subj /CN=outside.test -addext subjectAltName=IP:192.0.2.53,IP:2001:db8::53 2>/dev/null
mkdir -p "$work/etc/ssl/certs"
cat "$work/web.pem" >>"$work/etc/ssl/certs/ca-certificates.crt"
start beyond "${at_world[@]}" openssl s_server -quiet -accept 192.0.2.53:8443 -key "$work/web.key" -cert "$work/web.pem"
approve 'tls:192.0.2.53:8443'
set_for web.allow.reach 'connect: ["192.0.2.53:8443"]'
beyond() {
	look web.allow.reach && jq -e '.results[] | select(.rule == "web.allow.reach") | .verdict == "pass"' "$work/look.json" >/dev/null
}
check "it is reached" within 60 beyond

# --- web.bypass.dns53: can another server be asked
rule=web.bypass.dns53
resolvers 10.23.0.53
set_for $rule 'blocked: [canary.test]' 'outside: [192.0.2.53]'
look $rule
is "port 53 is open" fail answered
host_filter() {
	"${at_host[@]}" nft -f - <<-END
		flush ruleset
		table inet out { chain out { type filter hook output priority 0; $1; }; }
	END
}
host_filter 'ip daddr 192.0.2.53 udp dport 53 reject'
look $rule
is "port 53 is closed for UDP alone" fail 'A\+tcp: an address'
host_filter 'ip daddr 192.0.2.53 tcp dport 53 reject with tcp reset; ip daddr 192.0.2.53 udp dport 53 drop'
look $rule
is "the host's own filter rejects TCP and drops UDP" pass 'A: not let out.*A\+tcp: refused'
"${at_host[@]}" nft flush ruleset
"${at_world[@]}" nft -f - <<<'table inet w { chain in { type filter hook input priority 0; ip daddr 192.0.2.53 meta l4proto { tcp, udp } th dport 53 drop; }; }'
look $rule
is "the network drops it" pass 'A: silence'
"${at_world[@]}" nft flush ruleset
"${at_world[@]}" nft -f - <<<'table inet w { chain in { type filter hook input priority 0; meta l4proto { tcp, udp } th dport 53 drop; }; }'
look $rule
is "silence beside a server that is reached" pass 'silence'
rule=web.allow.control is "the network to all resolvers is cut" unknown timeout
"${at_world[@]}" nft flush ruleset
"${at_world[@]}" nft -f - <<<'table ip w { chain pre { type nat hook prerouting priority -100; ip daddr 192.0.2.53 udp dport 53 dnat to 10.23.0.53; ip daddr 192.0.2.53 tcp dport 53 dnat to 10.23.0.53; }; }'
set_for $rule 'blocked: [canary.test]' 'outside: [192.0.2.53]' 'reference: 10.23.0.55'
look $rule
is "what is asked of it is intercepted, and filtered" pass blocked
"${at_world[@]}" nft flush ruleset
"${at_host[@]}" ip route del default
look $rule
is "no route to it is no proof" unknown
"${at_host[@]}" ip route add default via 10.23.0.1

# --- what serves the web there: a site, a DNS server over HTTPS and over TLS outside, and squid
cat >"$work/web.js" <<-'EOF'
	const fs = require('fs'), [key, cert] = ['key', 'pem'].map((x) => fs.readFileSync(`${process.argv[2]}/web.${x}`));
	const site = (request, response) => {
	  if (request.url.startsWith('/dns-query')) response.writeHead(200, {'content-type': 'application/dns-message'});
	  else if (request.url === '/forbidden') response.writeHead(403, {'content-type': 'text/html', server: 'origin'});
	  else if (request.url === '/blocked') response.writeHead(302, {location: 'https://block.test/why'});
	  else response.writeHead(200, {'content-type': 'text/html', server: 'origin'});
	  response.end(request.url === '/blocked' ? 'elsewhere' : 'a page');
	};
	require('http').createServer(site).listen(80, '192.0.2.80');
	for (const address of ['192.0.2.53', '2001:db8::53'])
	  for (const port of [443, 853]) require('https').createServer({key, cert}, site).listen(port, address);
EOF
cat >"$work/squid.conf" <<-EOF
	http_port 10.23.0.1:3128
	acl bad dstdomain canary.test
	acl CONNECT method CONNECT
	http_access deny bad
	http_access allow all
	dns_nameservers 192.0.2.53
	cache deny all
	access_log none
	cache_log /dev/null
	cache_store_log none
	pid_filename none
	netdb_filename none
	coredump_dir none
	visible_hostname proxy.test
	shutdown_lifetime 0 seconds
EOF
start web "${at_world[@]}" node "$work/web.js" "$work"
start squid "${at_world[@]}" squid -N -f "$work/squid.conf"
listens() {
	"${at_world[@]}" bash -c "exec 3<>/dev/tcp/$1/$2"
}
check "a site answers" within 60 listens 192.0.2.80 80
check "squid listens" within 60 listens 10.23.0.1 3128
approve 'http:http://canary.test/*?via=10.23.0.1:3128' 'http:https://canary.test/*?via=10.23.0.1:3128' \
	'http:http://www.control.test/*?via=10.23.0.1:3128' 'http:http://dead.test/*?via=10.23.0.1:3128' \
	'http:https://dead.test/*?via=10.23.0.1:3128' 'http:http://canary.test/*' 'http:http://www.control.test/*' \
	'http:https://192.0.2.53/*' 'tls:192.0.2.53:*' 'tls:192.0.2.80:*' 'tls:[2001:db8::53]:*'

# --- web.block.http_test
rule=web.block.http_test
by_squid=('proxies: ["10.23.0.1:3128"]' 'control: ["http://www.control.test/"]')
set_for $rule 'blocked: ["http://canary.test/", "https://canary.test/"]' "${by_squid[@]}"
look $rule
is "squid refuses page and CONNECT" pass 'server 403.*CONNECT 403'
set_for $rule 'blocked: ["http://dead.test/"]' "${by_squid[@]}"
look $rule
is "a site that has died, seen through squid" unknown 'status 50[0-9]'
set_for $rule 'blocked: ["https://dead.test/"]' "${by_squid[@]}"
look $rule
is "a CONNECT to a site that has died" unknown 'CONNECT 50'
set_for $rule 'blocked: ["http://www.control.test/forbidden"]' "${by_squid[@]}"
look $rule
is "the site forbids it, not the filter" unknown 'status 403'
set_for $rule 'blocked: ["http://www.control.test/blocked"]' "${by_squid[@]}" 'locations: ["https://block.test/"]'
look $rule
is "it leads to the block page" pass location
set_for $rule 'blocked: ["http://www.control.test/x"]' "${by_squid[@]}"
look $rule
is "squid lets it through" fail answered
set_for $rule 'blocked: ["http://www.control.test/x"]' "${by_squid[0]}" 'control: ["http://www.control.test/blocked"]' \
	"pages: [$(printf 'a page' | sha256sum | cut -c 1-64)]"
look $rule
is "a page of the filter that was declared" pass page
sed -i 's/^http_access allow all/http_access deny all/' "$work/squid.conf"
stop squid || true
start squid "${at_world[@]}" squid -N -f "$work/squid.conf"
within 60 listens 10.23.0.1 3128
set_for $rule 'blocked: ["http://canary.test/"]' "${by_squid[@]}"
look $rule
is "squid refuses everybody everything" unknown 'control is not answered'
stop squid || true
look $rule
is "squid is down" unknown
set_for $rule 'blocked: ["http://canary.test/"]' 'control: ["http://www.control.test/"]'
rpz 'other.test CNAME .'
look $rule
is "directly, it is answered" fail answered

# --- ways round, each open and then closed
rpz 'canary.test CNAME .' 'rpz-signal-nxdomain-ra: yes'
set_for web.bypass.dot 'outside: ["192.0.2.53:853"]'
set_for web.bypass.doh 'outside: ["https://192.0.2.53/dns-query?dns=AAABAAABAAAAAAAAB2V4YW1wbGUDY29tAAABAAE"]'
set_for web.bypass.direct 'outside: ["192.0.2.53:443"]'
set_for web.block.ip_literal 'blocked: ["192.0.2.53:443"]'
set_for web.bypass.ipv6 'blocked: [canary.test]' 'servers: ["2001:db8::53"]' 'outside: ["[2001:db8::53]:853"]' \
	'reached: ["[2001:db8::53]:443"]'
ways=(web.bypass.dot web.bypass.doh web.bypass.direct web.block.ip_literal web.bypass.ipv6)
look "${ways[@]}"
for rule in "${ways[@]}"; do is "it is open" fail; done
host_filter 'ip daddr 192.0.2.53 tcp dport { 853, 443 } reject; ip6 daddr 2001:db8::53 tcp dport { 53, 853 } reject; ip6 daddr 2001:db8::53 udp dport 53 reject'
look "${ways[@]}"
for rule in "${ways[@]}"; do is "this host rejects it" pass; done
host_filter 'ip daddr 192.0.2.53 tcp dport 443 drop; ip6 daddr 2001:db8::53 drop'
look "${ways[@]}"
for rule in web.bypass.doh web.bypass.direct web.block.ip_literal; do is "this host drops it" pass silence; done
rule=web.bypass.dot is "and leaves this open" fail
rule=web.bypass.ipv6 is "all of IPv6 is down: nothing was reached" unknown
"${at_host[@]}" nft flush ruleset
"${at_host[@]}" ip -6 addr flush dev vouch-h
look web.bypass.ipv6
rule=web.bypass.ipv6 is "no address of IPv6" notapplicable

# The resolver answers names from its cache when nothing is reached any more.
stop web || true
look web.bypass.dot
rule=web.bypass.dot is "the server outside is down, and others are reached" pass refused
stop beyond || true
look web.bypass.dot
rule=web.bypass.dot is "nothing is reached" unknown 'without its control'
