/* nft: the rules that the kernel enforces, as nft lists them. Handles, and what counters, quotas and timeouts have come
 * to, are left out: they move on a quiet host, and nothing is judged by them. */
#include <errno.h>

#include "sources/command.h"
#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/namespace.h"

#define NFT "/usr/sbin/nft"

/* Remove from an object under this key the members that move. */
static void still(json_t *value, const char *key) {
	static const struct {
		const char *key, *member; /* key NULL: wherever it is */
	} moving[] = {{NULL, "handle"},       {"counter", "packets"}, {"counter", "bytes"}, {"quota", "used"},
		      {"quota", "used_unit"}, {"last", "used"},       {"elem", "expires"}};
	const char *name;
	json_t *member;
	size_t index;
	for (size_t i = 0; json_is_object(value) && i < ARRAY_LEN(moving); i++)
		if (!moving[i].key || !strcmp(moving[i].key, key))
			json_object_del(value, moving[i].member);
	json_object_foreach(value, name, member) still(member, name);
	json_array_foreach(value, index, member) still(member, key);
}

static bool read_output(const struct ask *ask, const struct command_output *output, json_t **ret_value,
			struct err *err) {
	const char *words = buf_str(&output->error);
	if (output->exit != 0)
		return err_set(err, strstr(words, "Operation not permitted") ? ERR_DENIED : ERR_UNREADABLE, ask->name,
			       "nft exits with %d: %.*s", output->exit, (int)strcspn(words, "\r\n"), words);
	CLEANUP(json_decref_p) json_t *value = NULL;
	json_t *list;
	if (!json_read(output->out.data, output->out.len, COMMAND_LARGEST, ask->name, &value, err) ||
	    !json_get_array(value, "nftables", ask->name, &list, err))
		return false;
	if (!json_object_get(json_array_get(list, 0), "metainfo"))
		return err_set(err, ERR_UNPROVED, ask->name, "nft's answer does not begin with its metainfo");
	still(value, "");
	*ret_value = json_incref(value);
	return true;
}

static void on_done(void *context, const struct command_output *output, const struct err *err) {
	struct job *job = context;
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct err wrong;
	if (err)
		job_fail(job, err);
	else if (!read_output(job_ask(job), output, &value, &wrong))
		job_fail(job, &wrong);
	else
		job_answer(job, value);
}

static void end(void *command) { command_free(command); }

static void start_nft(struct job *job) {
	static const char *const argv[] = {NFT, "-j", "list", "ruleset", NULL};
	struct command *command = NULL;
	struct err err;
	enum namespace_kind namespace = namespace_of_first("net");
	if (namespace != NAMESPACE_SAME) {
		err_set(&err, ERR_UNPROVED, job_ask(job)->name, "%s",
			namespace == NAMESPACE_OTHER
				? "this process is in another network namespace than the first process"
				: "nothing proves that this is the network namespace of the first process");
		job_fail(job, &err);
		return;
	}
	if (command_start(job_event(job), argv, job_ask(job)->name, on_done, job, &command, &err)) {
		job_hold(job, command, end);
		return;
	}
	/* Rules may well be loaded by others: that nft is not there does not show that there are none. */
	if (err.code == ERR_ABSENT)
		err_set(&err, ERR_UNPROVED, job_ask(job)->name, "no " NFT " to ask");
	job_fail(job, &err);
}

const struct kind kind_nft = {
	.prefix = "nft:ruleset", .is_whole = true, .deadline_ms = FETCH_DEADLINE_MS, .start = start_nft};
