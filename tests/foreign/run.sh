#!/bin/bash
# run.sh BUILD_FOLDER [--write]
#
# Has the unit test of bundles leave one from the middle of a log of 300, and holds it, and every change of it, against
# verifiers that share no code with vouch: Sigstore's library and openssl. The sample of docs/AUDITING.md too, whose
# commands are run and compared with what it shows (--write: put in what they print). The packages are installed in
# $VOUCH_FOREIGN, else below the build folder: the source tree stays as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) build=$(cd "$1" && pwd) write=${2-}
top=$(cd "$here/../.." && pwd) foreign=${VOUCH_FOREIGN-$build/foreign}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

for tool in node npm openssl jq xxd base64 sha256sum; do
	command -v $tool >/dev/null || fail "$tool is not installed"
done
mkdir -p "$foreign" "$work/changed" "$work/tree/tests"
cp -u "$here"/*.* "$foreign/" # not while others read them
[ -d "$foreign/node_modules/@sigstore/verify" ] ||
	(cd "$foreign" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --silent)
ln -s "$foreign" "$work/tree/tests/foreign"
ln -s "$top/tests/vectors" "$work/tree/tests/vectors"

KEEP_DIR=$work "$build/test_bundle" >/dev/null 2>&1 || fail "test_bundle"
cp "$work/body.json" "$work/results.json"
for folder in "$work" "$top/tests/vectors/audit"; do
	cd "$folder"
	[ "$(node "$foreign/verify.mjs" bundle.sigstore.json trust.json)" = OK ] || fail "$folder: Sigstore's library"
	node "$foreign/verify.mjs" bundle.sigstore.json trust.json 00 >/dev/null && fail "a payload of another digest"
	"$here/verify-openssl.sh" bundle.sigstore.json trust.json results.json || fail "$folder: openssl"
done
cd "$work"
[ "$(node "$foreign/verify.mjs" --time stamped.sigstore.json trust.json)" = "OK 2026-11-18T11:06:40.000Z" ] ||
	fail "Sigstore's library with a time-stamp"
node "$foreign/verify.mjs" --time bundle.sigstore.json trust.json >/dev/null && fail "a bundle without a time-stamp"
node "$foreign/tamper.mjs" bundle.sigstore.json trust.json changed || fail "Sigstore's library accepts a change"
for changed in changed/*.json; do
	answer=$("$here/verify-openssl.sh" "$changed" trust.json | tail -1) && fail "openssl accepts $changed"
	[[ $answer == REFUSED* ]] || fail "openssl on $changed says: $answer"
	echo "$(basename "$changed" .json): $answer"
done
echo ' ' >>results.json
"$here/verify-openssl.sh" bundle.sigstore.json trust.json results.json >/dev/null && fail "a body that was changed"
"$here/check-page.sh" ${write:+--write} "$top/docs/AUDITING.md" "$work/tree" || fail "docs/AUDITING.md"
echo "foreign verifiers: OK"
