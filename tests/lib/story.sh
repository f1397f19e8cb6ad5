# Sourced by the stories: a folder and ports of their own, the real programs, and lines "ok - ..." that tests/run counts.
# shellcheck shell=bash

set -Eeuo pipefail

story_top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
installed=${VOUCH_INSTALLED-$story_top/build/installed}
foreign=${VOUCH_FOREIGN-$story_top/build/foreign}
export PATH=$installed/bin:$installed/sbin:$PATH:/usr/sbin:/sbin LC_ALL=C.UTF-8
export no_proxy=127.0.0.1,localhost NO_PROXY=127.0.0.1,localhost
unset SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE
policies=$installed/share/vouch/policies
work=$(mktemp -d)
story_failed=no
declare -A story_processes=() # name -> process id
story_hooks=()                # functions to call at the end, whatever it is

story_end() {
	local status=$? name
	trap - EXIT ERR
	set +e
	for name in "${story_hooks[@]}"; do
		"$name"
	done
	for name in "${!story_processes[@]}"; do
		kill -KILL "${story_processes[$name]}" 2>/dev/null || true
	done
	{ wait || true; } 2>/dev/null
	ports_give_back
	if ((status != 0)) || [[ $story_failed == yes ]]; then
		for log in "$work"/*.log; do
			[[ -s $log ]] && { echo "--- ${log##*/}"; tail -n 20 "$log"; }
		done
		((status)) || status=1
	fi
	[[ -z ${STORY_KEEP-} ]] && rm -rf "$work"
	exit "$status"
}
trap story_end EXIT
trap "exit 143" TERM INT HUP
trap 'echo "not ok - ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR

ok() {
	echo "ok - $*"
}

not_ok() {
	story_failed=yes
	echo "not ok - $*"
}

# check WHAT COMMAND...: a case that passes when the command succeeds.
check() {
	local what=$1
	shift
	if "$@" >"$work/check.out" 2>&1; then
		ok "$what"
	else
		not_ok "$what: $(tr '\n' ' ' <"$work/check.out" | cut -c 1-400)"
	fi
}

# refused WHAT REASON COMMAND...: passes when the command fails and prints something that matches REASON (grep -E).
refused() {
	local what=$1 reason=$2
	shift 2
	if "$@" >"$work/check.out" 2>&1; then
		not_ok "$what: was accepted"
	elif grep -qE -- "$reason" "$work/check.out"; then
		ok "$what ($(grep -oE -m 1 -- "$reason" "$work/check.out" | head -n 1))"
	else
		not_ok "$what: refused, but not for /$reason/: $(tr '\n' ' ' <"$work/check.out" | cut -c 1-400)"
	fi
}

# equal WHAT WANTED GOT
equal() {
	if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1: wanted '$2', got '$3'"; fi
}

# within SECONDS COMMAND...: tries it until it succeeds; false when the time is over.
within() {
	local until=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < until)) || return 1
		sleep 0.1
	done
}

# Eight ports in a row, the first of them: nothing listens there, and no other story of this machine, whatever its TMPDIR,
# has been given them while this one lives.
free_ports() {
	(
		exec 9</tmp
		flock 9
		find /tmp -maxdepth 1 -name 'vouch-story-port-*' -xtype l -delete 2>/dev/null || true # of stories that are gone
		while :; do
			port=$((20000 + RANDOM % 1500 * 8))
			[[ ! -L /tmp/vouch-story-port-$port ]] && is_quiet "$port" && break
		done
		ln -s "/proc/$$" "/tmp/vouch-story-port-$port"
		echo "$port"
	)
}
is_quiet() {
	local offset
	for offset in {0..7}; do
		! (exec 3<>"/dev/tcp/127.0.0.1/$(($1 + offset))") 2>/dev/null || return 1
	done
}
ports_give_back() {
	find /tmp -maxdepth 1 -lname "/proc/$$" -name 'vouch-story-port-*' -delete 2>/dev/null || true
}

# listens_at PATH: somebody accepts at this socket. One that is bound alone is there and still refuses.
listens_at() {
	awk -v path="$1" '$4 == "00010000" && $8 == path { found = 1 } END { exit !found }' /proc/net/unix
}
# accepts PORT: somebody does, on 127.0.0.1.
accepts() {
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# start NAME COMMAND...: in the background, its words in NAME.log.
start() {
	local name=$1
	shift
	"$@" >>"$work/$name.log" 2>&1 &
	story_processes[$name]=$!
}

# stop NAME [SIGNAL]: and waits for its end, at most a minute; its exit status.
stop() {
	local pid=${story_processes[$1]} status=0 tries
	unset "story_processes[$1]"
	kill "-${2-TERM}" "$pid" 2>/dev/null || true
	for ((tries = 0; tries < 600; tries++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	((tries < 600)) || kill -KILL "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || status=$?
	return "$status"
}

is_running() {
	kill -0 "${story_processes[$1]}" 2>/dev/null
}
