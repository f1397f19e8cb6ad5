#!/bin/bash
# check-page.sh [--write] PAGE TREE
#
# Runs the console blocks of a page, all in one shell that begins in the folder TREE, and compares what they print with
# what the page shows: "$ " begins a command, "> " continues it, everything else is output. --write puts the real
# output in.
set -euo pipefail
export LC_ALL=C.UTF-8
write=
[ "$1" != --write ] || { write=$1 && shift; }
page=$(realpath "$1") tree=$2
TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
cd "$tree"

command='' inside=
run() { # the pending command, then its output
	[ -n "$command" ] || return 0
	set +euo pipefail
	eval "$command" >"$TMPDIR/.output" 2>&1
	set -euo pipefail
	cat "$TMPDIR/.output" >&4
	[ -z "$(tail -c 1 "$TMPDIR/.output")" ] || echo >&4
	command=''
}

exec 4>"$TMPDIR/.page"
while IFS= read -r line; do
	case "$inside$line" in
	'```console') inside='console:' ;;
	'console:```') run; inside='' ;;
	'console:$ '*) run; command=${line#\$ } ;;
	'console:> '*) command+=$'\n'${line#> } ;;
	console:*) continue ;;
	esac
	echo "$line" >&4
done <"$page"
exec 4>&-
if [ "$write" ]; then
	cat "$TMPDIR/.page" >"$page"
else
	diff -u "$page" "$TMPDIR/.page" || { echo "FAILED: $page does not show what is printed" >&2; exit 1; }
	echo "$page: shows what is printed"
fi
