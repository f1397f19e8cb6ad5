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

static bool look_nft(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	static const char *const argv[] = {NFT, "-j", "list", "ruleset", NULL};
	CLEANUP(command_output_done) struct command_output output = {0};
	if (!namespace_is_hosts_net(ask->name, err))
		return false;
	if (!command_run(ask, argv, &output, err)) {
		/* Rules may well be loaded by others: that nft is not there does not show that there are none. */
		return err->code == ERR_ABSENT ? err_set(err, ERR_UNPROVED, ask->name, "no " NFT " to ask") : false;
	}
	return command_answer(ask, &output, ret_answer, err);
}

static bool shape_nft(const struct ask *ask, struct answer *answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *said = NULL, *value = NULL;
	json_t *list;
	if (!command_read(ask, answer, &said, err))
		return false;
	if (!command_succeeded(ask, said, "nft", err)) {
		if (strstr(json_string_value(json_object_get(said, "stderr")), "Operation not permitted"))
			err->code = ERR_DENIED;
		return false;
	}
	const char *text = json_string_value(json_object_get(said, "stdout"));
	if (!json_read(text, strlen(text), COMMAND_LARGEST, ask->name, &value, err) ||
	    !json_get_array(value, "nftables", ask->name, &list, err))
		return false;
	if (!json_object_get(json_array_get(list, 0), "metainfo"))
		return err_set(err, ERR_UNPROVED, ask->name, "nft's answer does not begin with its metainfo");
	still(value, "");
	return answer_shaped(ask, value, answer, err);
}

const struct kind kind_nft = {.prefix = "nft:ruleset",
			      .is_whole = true,
			      .helper = HELPER_NET,
			      .deadline_ms = FETCH_DEADLINE_MS,
			      .look = look_nft,
			      .shape = shape_nft};
