#include "sources/plugin.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/plugin_call.h"
#include "core/plugin_output.h"
#include "core/text.h"
#include "sources/action.h"
#include "sources/plugin_file.h"

#define EXIT_MOST 3

/* White space of JSON stays white space, ends of lines stay; no other control character does. */
static void replace_controls(struct buf *text) {
	for (size_t i = 0; i < text->len; i++) {
		unsigned char *c = (unsigned char *)text->data + i;
		if (*c == '\t' || *c == '\r')
			*c = ' ';
		else if ((*c < 0x20 && *c != '\n') || *c == 0x7f)
			*c = '?';
		else if (*c == 0xc2 && i + 1 < text->len && c[1] >= 0x80 && c[1] <= 0x9f)
			c[0] = c[1] = '?';
	}
}

static bool answer_ran(const struct ask *ask, struct plugin_ran *ran, struct answer *ret_answer, struct err *err) {
	if (ran->exit > EXIT_MOST)
		return err_set(err, ERR_UNREADABLE, ask->name, "the plugin exits with %d, which is none of 0 to 3",
			       ran->exit);
	replace_controls(&ran->out);
	CLEANUP(json_decref_p)
	json_t *value =
		json_pack("{s:i,s:o}", "exit", ran->exit, "output", json_textn(buf_str(&ran->out), ran->out.len));
	return answer_json(ask, value, ret_answer, err);
}

bool plugin_look(const struct ask *ask, const struct plugin_way *way, struct answer *ret_answer, struct buf *ret_error,
		 struct err *err) {
	CLEANUP(plugin_call_done) struct plugin_call call = {0};
	CLEANUP(plugin_ran_done) struct plugin_ran ran = {0};
	CLEANUP(free_ptr) char *path = NULL;
	uint64_t until = time_us() + (uint64_t)way->timeout_s * 1000000;
	if (!plugin_call_read(ask->name, &call, err) ||
	    !plugin_file_find(way->folders, call.name, way->owner, ask->name, &path, err))
		return false;
	const struct plugin_run run = {.where = ask->name,
				       .path = path,
				       .name = call.name,
				       .arguments = call.arguments,
				       .deadline_us = until < ask->deadline_us ? until : ask->deadline_us,
				       .is_loose = way->is_loose};
	bool is_run = plugin_run(&run, &ran, err);
	*ret_error = ran.error;
	ran.error = (struct buf){0};
	return is_run && answer_ran(ask, &ran, ret_answer, err);
}

bool plugin_timeout(unsigned *ret_timeout_s, struct err *err) {
	const char *text = getenv(PLUGIN_TIMEOUT);
	unsigned long long timeout_s = PLUGIN_TIMEOUT_S;
	if (text && (!text_to_u64(text, PLUGIN_TIMEOUT_MOST_S, &timeout_s) || timeout_s == 0))
		return err_set(err, ERR_USAGE, PLUGIN_TIMEOUT, "not a number of seconds from 1 to %d",
			       PLUGIN_TIMEOUT_MOST_S);
	*ret_timeout_s = (unsigned)timeout_s;
	return true;
}

/* Without helpers: in a hand of whoever asks. */
static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(buf_done) struct buf said = {0};
	struct plugin_way way = {
		.folders = plugin_folders, .owner = geteuid(), .timeout_s = PLUGIN_TIMEOUT_S, .is_loose = true};
	struct err wrong;
	if (!plugin_timeout(&way.timeout_s, &wrong))
		return err_set(err, ERR_UNREADABLE, ask->name, "%s: %s", wrong.where, wrong.why);
	bool is_seen = plugin_look(ask, &way, ret_answer, &said, err);
	if (is_seen || err->code != ERR_ABSENT)
		action_record(&(struct action){.program = "vouch", .what = ask->name, .by = "by hand, without helpers"},
			      is_seen ? NULL : err);
	return is_seen;
}

static char *instance(const char *rest) {
	CLEANUP(free_ptr) char *name = xstrndup(rest, strcspn(rest, "?"));
	return plugin_is_name(name) ? xstrdup(name) : NULL;
}

const struct kind kind_plugin = {.prefix = PLUGIN_PREFIX,
				 .deadline_ms = PLUGIN_DEADLINE_MS,
				 .helper = HELPER_PLUGIN,
				 .is_slow = true,
				 .is_awaited = true,
				 .is_volatile = true,
				 .instance = instance,
				 .look = look};
