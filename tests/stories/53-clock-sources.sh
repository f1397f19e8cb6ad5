#!/bin/bash
# What the clock follows, asked of a real chronyd in a network of its own: a server that answers, one that does not, its
# own clock, and nobody. chronyd -x leaves the clock alone. The rule is judged over what was really said.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

if ((EUID != 0)); then
	not_ok "this story needs root, for namespaces"
	exit 1
fi
type chronyd chronyc >/dev/null

# Inside: with a first process, a network and a /run/chrony that nobody else has.
if [[ ${1-} == inside ]]; then
	trap - EXIT ERR
	work=$2
	ip link set lo up
	mkdir -p /run/chrony
	mount -t tmpfs none /run/chrony
	printf '127.0.1.1 2.debian.pool.ntp.org time.rogue.example\n127.0.1.2 3.debian.pool.ntp.org\n' >"$work/hosts"
	mount --bind "$work/hosts" /etc/hosts
	printf 'local stratum 3\nallow 127.0.0.0/8\nbindaddress 127.0.1.1\ncmdport 0\nbindcmdaddress /\npidfile %s/srv.pid\n' \
		"$work" >"$work/server.conf"
	chronyd -x -d -u root -f "$work/server.conf" >"$work/server.log" 2>&1 &
	server=$!
	# look NAME UNTIL CONFIGURATION...: what chronyd, so configured, says once its answer matches UNTIL.
	look() {
		local name=$1 until=$2 tries=0
		shift 2
		printf '%s\n' "$@" "port 0" "bindcmdaddress 127.0.0.1" "pidfile $work/$name.pid" >"$work/$name.conf"
		chronyd -x -d -u root -f "$work/$name.conf" >"$work/$name.log" 2>&1 &
		local client=$!
		until vouch sources --bytes cmd:chronyc >"$work/$name.json" 2>"$work/$name.err" &&
			jq -e "$until" "$work/$name.json" >/dev/null; do
			((tries++ < 400)) || break
			sleep 0.2
		done
		# The same as nobody, who cannot use chronyd's own socket.
		setpriv --reuid=65534 --regid=65534 --clear-groups vouch sources --bytes cmd:chronyc >"$work/$name.nobody" 2>&1 || true
		kill "$client"
		wait "$client" || true
	}
	vouch sources cmd:chronyc >"$work/silent.txt" 2>&1 || true
	look follows '.sources[0].state == "*" and .stratum > 0' 'server 2.debian.pool.ntp.org iburst minpoll 0 maxpoll 0' \
		'server 3.debian.pool.ntp.org'
	look rogue '.sources[0].state == "*" and .stratum > 0' 'server time.rogue.example iburst minpoll 0 maxpoll 0'
	look own '.refid == "7F7F0101"' 'server 3.debian.pool.ntp.org' 'local stratum 10'
	look nobody '.sources[0].state == "?"' 'server 3.debian.pool.ntp.org'
	kill "$server"
	exit 0
fi
unshare --net --mount --pid --fork --mount-proc "${BASH_SOURCE[0]}" inside "$work"

refused "a chronyd that does not run is unproved, not without sources" "unproved.*Cannot talk to daemon" \
	bash -c "cat '$work/silent.txt'; false"
for look in follows rogue own nobody; do
	check "root and nobody are told the same ($look)" \
		diff <(jq 'del(.sources[].reach, .sources[].state)' "$work/$look.json") \
		<(jq 'del(.sources[].reach, .sources[].state)' "$work/$look.nobody")
done
equal "sources have the names that they were configured by" "2.debian.pool.ntp.org 3.debian.pool.ntp.org" \
	"$(jq -r '[.sources[].name] | join(" ")' "$work/follows.json")"
equal "and their addresses" "127.0.1.1 127.0.1.2" "$(jq -r '[.sources[].address] | join(" ")' "$work/follows.json")"

# verdict LOOK: of the rule, over a folder that has this.
verdict() {
	local root=$work/root-$1 unit state
	mkdir -p "$root/.vouch"
	cp "$work/$1.json" "$root/.vouch/cmd%3Achronyc"
	for unit in chrony chronyd systemd-timesyncd ntpsec ntp ntpd openntpd ntpd-rs; do
		state=inactive
		[[ $unit != chrony ]] || state=active
		echo "{\"LoadState\":\"loaded\",\"ActiveState\":\"$state\"}" >"$root/.vouch/unit%3A$unit.service"
	done
	{ vouch run --root "$root" --only clk.sources.approved --json || true; } | jq -r '.results[0].verdict'
}
equal "a server of the distribution's pool is approved" pass "$(verdict follows)"
equal "another name is not, whatever its address" fail "$(verdict rogue)"
equal "its own clock is nobody's approved source" fail "$(verdict own)"
equal "a configured server that never answered is not followed" fail "$(verdict nobody)"
