/* netns: every network namespace that a process is in, sorted by inode. One in which no process is (kept by a mount or
 * a descriptor alone) is not found this way, nor one that only a thread beside the first of its process is in. One
 * process that may not be asked fails the whole. */
#include <errno.h>
#include <fcntl.h>

#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/proc.h"

struct found {
	ino_t inode;
	unsigned long long pid; /* the lowest */
};

struct walk {
	const struct ask *ask;
	struct found *all;
	size_t count, room;
	ino_t first; /* of process 1 */
};

static void walk_done(struct walk *walk) { free(walk->all); }

/* At its place by inode: they are few, and mostly the one that was last. */
static void add(struct walk *walk, ino_t inode, unsigned long long pid) {
	size_t low = 0, high = walk->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (walk->all[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < walk->count && walk->all[low].inode == inode) {
		walk->all[low].pid = pid < walk->all[low].pid ? pid : walk->all[low].pid;
		return;
	}
	if (walk->count == walk->room) {
		walk->room = walk->room ? walk->room * 2 : 16;
		walk->all = xreallocarray(walk->all, walk->room, sizeof *walk->all);
	}
	memmove(walk->all + low + 1, walk->all + low, (walk->count - low) * sizeof *walk->all);
	walk->all[low] = (struct found){inode, pid};
	walk->count++;
}

static bool visit(void *context, unsigned long long pid, int folder, struct err *err) {
	struct walk *walk = context;
	struct stat status;
	if (fstatat(folder, "ns/net", &status, 0) != 0)
		return proc_is_gone(walk->ask, pid, folder, errno, "network namespace", err);
	add(walk, status.st_ino, pid);
	if (pid == 1)
		walk->first = status.st_ino;
	return true;
}

static bool look_netns(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(walk_done) struct walk walk = {.ask = ask};
	CLEANUP(json_decref_p) json_t *list = json_array();
	if (!proc_is_seen(ask, err) || !proc_walk(ask, visit, &walk, err))
		return false;
	if (!walk.first)
		return err_set(err, ERR_UNPROVED, ask->name,
			       "the first process has no network namespace to compare with");
	for (size_t i = 0; i < walk.count; i++)
		json_array_append_new(list,
				      json_pack("{s:I,s:I,s:b}", "inode", (json_int_t)walk.all[i].inode, "pid",
						(json_int_t)walk.all[i].pid, "first", walk.all[i].inode == walk.first));
	return answer_json(ask, list, ret_answer, err);
}

const struct kind kind_netns = {.prefix = "netns:",
				.is_volatile = true,
				.is_whole = true,
				.helper = HELPER_PTRACE,
				.deadline_ms = FETCH_DEADLINE_MS,
				.look = look_netns};
