/* vouch-collector approver add, approver list, approver remove. They may run beside the collector, which reads the keys
 * anew for each answer. */
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "collector/marks.h"
#include "collector/verbs.h"
#include "core/file.h"
#include "core/times.h"

static const struct option no_options[] = {{0}};

static bool take_none(int option, const char *value, void *context, struct err *err) { return true; }

/* The folder of keys of a collector that is there, and what is in it. */
static bool open_approvers(const char *folder, char **ret_path, struct approvers *ret_approvers, struct err *err) {
	CLEANUP(free_ptr) char *store = file_join(folder, "store.db");
	CLEANUP(free_ptr) char *path = file_join(folder, MARKS_APPROVERS);
	if (access(store, F_OK) != 0)
		return err_set(err, ERR_ABSENT, store, "there is no collector; make one with vouch-collector init");
	if (!approvers_read(path, ret_approvers, err))
		return false;
	*ret_path = path;
	path = NULL;
	return true;
}

static char *key_path(const char *folder, const char *name) {
	CLEANUP(free_ptr) char *file = xasprintf("%s" APPROVERS_KEY_END, name);
	return file_join(folder, file);
}

static bool run_add(const struct verb_call *call, struct err *err) {
	const char *operands[3];
	CLEANUP(approvers_done) struct approvers approvers = {0};
	CLEANUP(buf_done) struct buf given = {0};
	CLEANUP(free_ptr) char *folder = NULL;
	/* While this still has its caller's rights: the folder's owner need not see the file. */
	if (call->argc > (int)ARRAY_LEN(operands) &&
	    !file_read(call->argv[call->argc - 1], KEY_FILE_LARGEST, &given, err))
		return false;
	if (!collector_options(call, no_options, take_none, NULL, ARRAY_LEN(operands), operands, err) ||
	    !open_approvers(operands[0], &folder, &approvers, err) ||
	    !approvers_add(&approvers, operands[1], buf_str(&given), 0, operands[2], err) ||
	    !file_make_folder(folder, 0755, err))
		return false;
	CLEANUP(free_ptr) char *path = key_path(folder, operands[1]);
	CLEANUP(free_ptr) char *pem = key_public_pem(approvers.items[approvers.count - 1].key);
	return file_write(path, pem, strlen(pem), 0644, err);
}

static bool run_list(const struct verb_call *call, struct err *err) {
	const char *operand;
	CLEANUP(approvers_done) struct approvers approvers = {0};
	CLEANUP(free_ptr) char *folder = NULL;
	char hex[HASH_HEX], until[TIMES_TEXT];
	if (!collector_options(call, no_options, take_none, NULL, 1, &operand, err) ||
	    !open_approvers(operand, &folder, &approvers, err))
		return false;
	for (size_t i = 0; i < approvers.count; i++) {
		const struct approver *approver = &approvers.items[i];
		buf_addf(call->out, "%s %s%s%s\n", hash_hex(&approver->id, hex), approver->name,
			 approver->until ? ", ended " : "",
			 approver->until ? times_format(approver->until, until) : "");
	}
	return true;
}

static bool run_remove(const struct verb_call *call, struct err *err) {
	const char *operands[2];
	CLEANUP(approvers_done) struct approvers approvers = {0};
	CLEANUP(free_ptr) char *folder = NULL;
	char instant[APPROVERS_INSTANT];
	if (!collector_options(call, no_options, take_none, NULL, ARRAY_LEN(operands), operands, err) ||
	    !open_approvers(operands[0], &folder, &approvers, err))
		return false;
	if (!approval_is_name(operands[1]))
		return err_set(err, ERR_USAGE, operands[1], "no approver has such a name");
	CLEANUP(free_ptr) char *ended = file_join(folder, APPROVERS_ENDED);
	CLEANUP(free_ptr) char *from = key_path(folder, operands[1]);
	CLEANUP(free_ptr) char *file = xasprintf("%s@%s", operands[1], approvers_instant(times_now(), instant));
	CLEANUP(free_ptr) char *to = key_path(ended, file);
	if (access(from, F_OK) != 0)
		return err_set(err, ERR_ABSENT, from, "there is no approver %s", operands[1]);
	return file_make_folder(ended, 0755, err) && file_move(from, to, err);
}

const struct verb collector_approver_add = {
	"approver add",
	"DIR NAME FILE",
	"Take the public key in FILE (PEM) as that of the approver NAME: pages and trust file mark by it.",
	"",
	run_add,
};

const struct verb collector_approver_list = {
	"approver list", "DIR", "Print each approver's key id, name, and when it ended.", "", run_list,
};

const struct verb collector_approver_remove = {
	"approver remove",
	"DIR NAME",
	"End an approver's key: approvals that come from now on do not hold, those that came before do.",
	"",
	run_remove,
};
