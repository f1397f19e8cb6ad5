#include "cli/named.h"

#include "sources/gather.h"

/* Whoever runs this may name what no check asks for: a check that asks for the names of its parameters, whatever they
 * are. */
static void ask_for_names(const json_t *params, const struct sources *fetched, struct names *names) {
	size_t index;
	json_t *name;
	json_array_foreach(json_object_get(params, "names"), index, name) names_add(names, json_string_value(name));
}

static const char *const any_name[] = {"*", NULL};
static const struct check named = {
	.name = "named", .about = "what was named", .patterns = any_name, .sources = ask_for_names};

bool named_read(const struct host *host, const json_t *names, struct sources *into, struct err *err) {
	CLEANUP(json_decref_p) json_t *params = json_pack("{s:O}", "names", names);
	return gather_now(host, &(struct asker){.check = &named, .params = params}, 1, into, err);
}

static int by_name(const void *a, const void *b) {
	struct source *const *one = a, *const *other = b;
	return strcmp((*one)->name, (*other)->name);
}

struct source **named_sorted(const struct sources *set) {
	size_t count = sources_count(set);
	struct source **list = xcalloc(count + 1, sizeof(struct source *));
	for (size_t i = 0; i < count; i++)
		list[i] = sources_at(set, i);
	if (count > 0)
		qsort(list, count, sizeof(struct source *), by_name);
	return list;
}
