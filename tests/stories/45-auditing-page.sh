#!/bin/bash
# An auditor follows docs/AUDITING.md with no code of ours: every command on the page prints what the page shows, and
# Sigstore's library and the openssl script refuse every part of a bundle with one byte changed.
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"

build=$story_top/build/release
[[ -x $build/test_bundle ]] || build=$story_top/build/debug
check "the page shows what its commands print, and every change is refused" "$story_top/tests/foreign/run.sh" "$build"
