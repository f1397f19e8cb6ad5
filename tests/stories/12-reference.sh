#!/bin/bash
# The reference pages in docs/ are what the programs print: a check or a rule that changes changes them too.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

# The folder of the configuration is compiled in: on the pages it is that of a build without a prefix of its own.
usual="s|$installed/etc/vouch|/usr/local/etc/vouch|g"
vouch checks --markdown | sed "$usual" >"$work/CHECKS.md"
vouch explain --policy "$policies/linux-baseline" --markdown | sed "$usual" >"$work/RULES.md"
for page in CHECKS RULES; do
	if diff -u "$story_top/docs/$page.md" "$work/$page.md" >"$work/$page.log"; then
		ok "docs/$page.md is true"
	else
		not_ok "docs/$page.md is not what is printed: print it anew (vouch checks --markdown, vouch explain --markdown)"
	fi
done
check "each rule is on the page" test "$(grep -c '^### ' "$work/RULES.md")" = "$(vouch explain | wc -l)"
check "each check is on the page" test "$(grep -c '^## ' "$work/CHECKS.md")" = "$(vouch checks | wc -l)"
refused "a rule and the page at once" "puts all rules on the page" vouch explain --markdown log.journal.persistent

# The same of the settings: one table makes the help text, the manual page and the example.
printed() { # FORM FILE
	"$installed/sbin/vouchd" --print-config "$1" | sed "s|$installed/etc/vouch|/etc/vouch|g" >"$work/settings.$1"
	if diff -u "$story_top/$2" "$work/settings.$1" >"$work/settings.$1.log"; then
		ok "$2 is true"
	else
		not_ok "$2 is not what is printed: print it anew (vouchd --print-config $1, of a build whose configuration is /etc)"
	fi
}
printed man docs/man/vouchd.yaml.5
printed example packaging/vouchd.yaml.example
# The catalog has more to say of every message id, and of no other.
equal "the catalog has the message ids that there are" "$(grep -oE '"[0-9a-f]{32}"' "$story_top/agent/notice_ids.h" | tr -d '"' | sort)" \
	"$(sed -n 's/^-- //p' "$story_top/packaging/catalog/vouch.catalog" | sort)"
equal "each of them is said by a program" "" "$(sed -nE 's/^#define (NOTICE_[A-Z_]+) .*/\1/p' "$story_top/agent/notice_ids.h" |
	while read -r name; do grep -qrw --include='*.c' "$name" "$story_top/agent" || echo "$name"; done)"
check "the manual page is one" eval '! man -l --warnings "$story_top/docs/man/vouchd.yaml.5" 2>&1 >/dev/null | grep .'
