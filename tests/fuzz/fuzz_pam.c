/* PAM's files of any content: a service (up to the first 0xff) and what it may include. What is read can be walked, and
 * a stack that grants nothing at all has no way round it. */
#include "core/pam_auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add(struct sources *set, const char *name, const uint8_t *data, size_t size) {
	struct source *source = sources_add(set, name);
	if (data)
		buf_add(&source->bytes, data, size);
	else
		err_set(&source->err, ERR_ABSENT, name, "not there");
}

static struct sources *host_of(const uint8_t *data, size_t size) {
	struct sources *set = sources_new();
	const uint8_t *cut = size ? memchr(data, 0xff, size) : NULL;
	size_t first = cut ? (size_t)(cut - data) : size;
	add(set, "stat:/etc/pam.d", (const uint8_t *)"{}", 2);
	add(set, "stat:/usr/lib/pam.d", NULL, 0);
	add(set, "stat:/usr/etc/pam.d", NULL, 0);
	add(set, "file:/etc/pam.d/login", data, first);
	add(set, "file:/etc/pam.d/a", cut ? cut + 1 : NULL, cut ? size - first - 1 : 0);
	return set;
}

/* What is asked for and is not one of the two is absent. */
static void ask(struct sources *set) {
	CLEANUP(names_free_p) struct names *services = names_new();
	names_add(services, "login");
	size_t before = 0;
	for (int pass = 0; pass < CHECK_PASSES && before != sources_count(set); pass++) {
		CLEANUP(names_free_p) struct names *names = names_new();
		before = sources_count(set);
		pam_ask(services, set, names);
		for (size_t i = 0; i < names_count(names); i++)
			if (!sources_get(set, names_at(names, i)))
				add(set, names_at(names, i), NULL, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(sources_free_p) struct sources *set = host_of(data, size);
	CLEANUP(pam_stack_done) struct pam_stack stack = {0};
	struct pam_auth_context context = {"login", NULL};
	const struct pam_module *last = NULL;
	struct err err = {0};
	ask(set);
	if (!pam_stack_read("login", "auth", set, &stack, &err)) {
		if (!err_is_of_look(err.code))
			abort();
		return 0;
	}
	bool bypass = pam_auth_can_bypass(&stack, &context, true, &last);
	if ((bypass && stack.count == 0) || (bypass && !pam_auth_can_bypass(&stack, &context, false, &last)))
		abort();
	pam_auth_lockout(&stack, &context);
	return 0;
}
