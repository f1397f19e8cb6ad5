/* Every check over sources of any content. The first byte picks the check; the rest is cut at 0xff into what the
 * sources hold, in the order in which they are asked for: nothing is absent, one '!' is denied. */
#include "core/check.h"

#define PARTS_MOST 64

struct parts {
	const uint8_t *at[PARTS_MOST];
	size_t len[PARTS_MOST], count, next;
};

static struct parts cut(const uint8_t *data, size_t size) {
	struct parts parts = {0};
	while (parts.count < PARTS_MOST) {
		const uint8_t *end = size ? memchr(data, 0xff, size) : NULL;
		parts.at[parts.count] = data;
		parts.len[parts.count++] = end ? (size_t)(end - data) : size;
		if (!end)
			break;
		size -= (size_t)(end - data) + 1;
		data = end + 1;
	}
	return parts;
}

/* Complete parameters of the declared types. */
static json_t *params_of(const struct check *check) {
	json_t *params = json_object();
	for (const struct check_param *param = check->params; param && param->name; param++) {
		if (param->type == VALUE_BOOL)
			json_object_set_new(params, param->name, json_true());
		else if (param->type == VALUE_STRINGS)
			json_object_set_new(params, param->name, json_pack("[s, s]", "/", "/etc"));
		else if (param->type == VALUE_STRING)
			json_object_set_new(params, param->name, json_string("/etc/passwd"));
		else if (param->type == VALUE_MODE)
			json_object_set_new(params, param->name, json_string("0640"));
		else
			json_object_set_new(params, param->name, json_integer(5));
	}
	return params;
}

static void fill(struct sources *set, const char *name, struct parts *parts) {
	struct source *source = sources_add(set, name);
	size_t which = parts->next++;
	if (which >= parts->count || parts->len[which] == 0)
		err_set(&source->err, ERR_ABSENT, name, "not there");
	else if (parts->len[which] == 1 && *parts->at[which] == '!')
		err_set(&source->err, ERR_DENIED, name, "closed");
	else
		buf_add(&source->bytes, parts->at[which], parts->len[which]);
}

static void gather(const struct check *check, const json_t *params, struct sources *set, struct parts *parts) {
	for (int pass = 0; pass < CHECK_PASSES; pass++) {
		CLEANUP(names_free_p) struct names *names = names_new();
		check->sources(params, set, names);
		for (size_t i = 0; i < names_count(names) && sources_count(set) < 2000; i++)
			if (!sources_get(set, names_at(names, i)))
				fill(set, names_at(names, i), parts);
	}
}

static const struct check *pick(struct parts *parts) {
	CLEANUP(free_ptr) char *name = xstrndup((const char *)parts->at[0], parts->len[0]);
	const struct check *check = check_find(checks_all, name);
	size_t count = 0;
	while (checks_all[count])
		count++;
	parts->next = 1;
	if (!check && parts->len[0] > 0 && count > 0)
		check = checks_all[parts->at[0][0] % count];
	return check;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct parts parts = cut(data, size);
	const struct check *check = pick(&parts);
	if (!check)
		return 0;
	CLEANUP(json_decref_p) json_t *params = params_of(check);
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	gather(check, params, set, &parts);
	struct observation observation = {0};
	struct err err = {0};
	if (!check->run(params, set, &observation, &err)) {
		if (!err_is_of_look(err.code))
			abort();
		return 0;
	}
	CLEANUP(json_decref_p) json_t *rows = observation.rows;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!json_is_array(rows) || !json_canonical(rows, &bytes, &err))
		abort();
	return 0;
}
