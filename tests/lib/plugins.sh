# Sourced by the stories of plugins: good and hostile ones, the rules that look at them, and what each has to come to.
# shellcheck shell=bash

# What a plugin sleeps for, where it hangs: a number that no other story's plugins have, by which they are found.
plugin_sleep=98$$

# A list of users with one more, of this story's own. Without helpers plugins run as vouch-plugin where there is one, else as
# nobody; and how many processes a user may have is counted over the machine: one story's bomb would take away every other's.
plugin_uid=$((1000000 + $$))
plugin_passwd() {
	grep -v '^vouch-plugin:' /etc/passwd
	echo "vouch-plugin:x:$plugin_uid:65534::/nonexistent:/usr/sbin/nologin"
}
# plugin_left SLEEP: what still runs of those that hang, but for who looks for it.
plugin_left() {
	grep -slz "\b[9]${1#9}\b" /proc/[0-9]*/cmdline || true
}

plugin_folder() { # FOLDER TARGET: made, with the plugins in it; one of them is a link to TARGET
	local name
	mkdir -p "$1"
	chmod 755 "$1"
	cat >"$1/good" <<-'E'
		#!/bin/sh
		echo 'OK - all is well | seconds=1.5s;3;5;0 free=12MiB'
	E
	cat >"$1/lines" <<-'E'
		#!/bin/sh
		echo '{"item":"db1","number":3,"flag":true}'
		echo '{"item":"db2","number":4,"flag":true}'
	E
	printf '#!/bin/sh\nsleep %s\n' "$plugin_sleep" >"$1/hangs"
	printf '#!/bin/sh\nexec yes\n' >"$1/floods"
	printf '#!/bin/sh\nexec yes >&2\n' >"$1/floods_error"
	printf '#!/bin/sh\nsetsid sh -c "setsid sleep %s & sleep %s" >/dev/null 2>&1 &\necho OK\n' "$plugin_sleep" "$plugin_sleep" >"$1/leaves"
	printf '#!/bin/sh\nb() { b | b & b; }\nb 2>/dev/null &\nexec sleep %s\n' "$plugin_sleep" >"$1/forks"
	printf '#!/bin/sh\nkill -SEGV $$\n' >"$1/crashes"
	printf '#!/bin/sh\necho "{\\"item\\":\\"a\\"}"\necho "{\\"item\\":\\"a\\",\\"item\\":\\"b\\"}"\n' >"$1/bad_json"
	printf '#!/bin/sh\nprintf "OK \\033[2J\\302\\233 here\\n"\n' >"$1/controls"
	printf '#!/bin/sh\necho OK\nexit 7\n' >"$1/exits_7"
	printf '#!/bin/sh\necho "UNKNOWN - no such disk"\nexit 3\n' >"$1/unknown"
	printf '#!/bin/sh\n{ echo "#!/bin/sh"; echo "echo mine"; } >"$0.new" && mv "$0.new" "$0"\necho OK\n' >"$1/replaces"
	printf '#!/bin/sh\nkill -KILL $PPID\n' >"$1/kills"
	for name in anybodys others; do
		cp "$1/good" "$1/$name"
	done
	chmod 755 "$1"/*
	chmod 757 "$1/anybodys"
	chown 65534 "$1/others"
	ln -s "$2" "$1/elsewhere"
}

# Each with its verdict and a part of its reason.
plugin_table() {
	cat <<-'EOT'
		good pass .
		lines pass .
		hangs unknown timeout.*did not end before its deadline
		floods error unreadable.*prints more than 65536 bytes
		floods_error unknown timeout.*did not end before its deadline
		leaves pass .
		forks unknown timeout.*did not end before its deadline
		crashes error unreadable.*ended by SIGSEGV
		bad_json error malformed.*duplicate
		controls pass .
		exits_7 error unreadable.*exits with 7
		unknown unknown UNKNOWN - no such disk
		replaces pass .
		anybodys unknown denied.*others than root may write
		others unknown denied.*belongs to user 65534
		elsewhere unknown denied.*others than root may write /tmp
		missing unknown absent.*there is no plugin missing
	EOT
}

plugin_policy() { # MORE RULES: on the standard input
	local name rest
	cat <<-'EOF'
		policy: {id: plugins, version: 1.0.0, framework: "iso27001:2022", title: Plugins, owner: me, review_by: 2099-01-01}
		rules:
	EOF
	while read -r name rest; do
		echo "  - {id: plug.$name, title: T, controls: [A.8.9], severity: low, kind: effect, every: 1h, check: plugin, with: {name: $name}, expect: {state: ok}, why: W, fix: F}"
	done < <(plugin_table)
	cat
}

plugin_results() { # FILE: the outcome of each against the table
	local name verdict words
	while read -r name verdict words; do
		equal "$name: $verdict" "$verdict" "$(jq -r ".results[] | select(.rule == \"plug.$name\").verdict" "$1")"
		check "$name says why" bash -c "jq -r '.results[] | select(.rule == \"plug.$name\") |
			.reason + ([.sources[]? | .error // \"\", .why // \"\"] | join(\" \"))' '$1' | grep -qE '$words'"
	done < <(plugin_table)
}
