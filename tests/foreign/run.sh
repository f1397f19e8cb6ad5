#!/bin/bash
# run.sh BUILD_FOLDER
#
# Has the unit test of bundles leave one from the middle of a log of 300, and holds it, and every change of it, against
# verifiers that share no code with vouch: Sigstore's library and openssl. The bundle printed in docs/AUDITING.md too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd) build=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "FAILED: $*" >&2; exit 1; }

for tool in node npm openssl jq xxd base64 sha256sum; do
	command -v $tool >/dev/null || fail "$tool is not installed"
done
[ -d "$here/node_modules/@sigstore/verify" ] || (cd "$here" && npm ci --ignore-scripts --no-audit --no-fund --silent)

KEEP_DIR=$work "$build/test_bundle" >/dev/null 2>&1 || fail "test_bundle"
mkdir "$work/changed"
cp "$work/body.json" "$work/results.json"
for folder in "$work" "$here/../vectors/audit"; do
	cd "$folder"
	[ "$(node "$here/verify.mjs" bundle.sigstore.json trust.json)" = OK ] || fail "$folder: Sigstore's library"
	node "$here/verify.mjs" bundle.sigstore.json trust.json 00 >/dev/null && fail "a payload of another digest"
	"$here/verify-openssl.sh" bundle.sigstore.json trust.json results.json || fail "$folder: openssl"
done
cd "$work"
node "$here/tamper.mjs" bundle.sigstore.json trust.json changed || fail "Sigstore's library accepts a change"
for changed in changed/*.json; do
	answer=$("$here/verify-openssl.sh" "$changed" trust.json | tail -1) && fail "openssl accepts $changed"
	[[ $answer == REFUSED* ]] || fail "openssl on $changed says: $answer"
	echo "$(basename "$changed" .json): $answer"
done
echo ' ' >>results.json
"$here/verify-openssl.sh" bundle.sigstore.json trust.json results.json >/dev/null && fail "a body that was changed"
"$here/check-page.sh" "$here/../../docs/AUDITING.md" || fail "docs/AUDITING.md"
echo "foreign verifiers: OK"
