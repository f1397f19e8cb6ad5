#!/bin/bash
# Each program of vouch is killed with no warning at calls with which it writes, syncs, renames, unlinks or sends, and started
# again: in the end each statement is at the collector exactly once, in a log that only ever grew. (Of the calls one each; all of
# them in long/93-killed.sh.)
[[ -w /dev/shm ]] && export TMPDIR=/dev/shm # what a kill leaves does not hang on the disk
. "$(dirname "${BASH_SOURCE[0]}")/../lib/story.sh"
. "$(dirname "${BASH_SOURCE[0]}")/../lib/world.sh"
kill_first=2 kill_most=1 laps=1
. "$(dirname "${BASH_SOURCE[0]}")/../lib/killed.sh"
kill_calls=(write pwrite64 fsync fdatasync rename unlink sendto sendmsg)

# Of these more, so that some fall between storing and acknowledging.
some_collectors() {
	kill_every=12 kill_most=500
	collectors
}
for part in agents smalls sealers ships some_collectors anchors; do
	world "${part#some_}" "$part"
done
worlds_end 50
