#!/bin/bash
# Each program of vouch is killed with no warning at every call with which it writes, syncs, renames, unlinks or sends, in each
# of the things that it does, and started again: in the end each statement is at the collector exactly once, in a log that
# only ever grew.
[[ -w /dev/shm ]] && export TMPDIR=/dev/shm # what a kill leaves does not hang on the disk
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/world.sh"
laps=${laps-2}
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/killed.sh"

for part in agents smalls sealers rotations ships collectors replays tiles anchors; do
	world "$part" "$part"
done
worlds_end 1000
