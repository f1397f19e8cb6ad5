/* What cvtsudoers could say, rules of polkit and doas, and names of commands, of any bytes. The first byte picks. What
 * is taken for a plain list of administrators names no file that grants more. */
#include "core/doas.h"
#include "core/polkit.h"
#include "core/sudo_command.h"
#include "core/sudoers.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static json_t *people(const char *text) {
	json_t *value = NULL;
	struct err ignored;
	return json_read(text, strlen(text), 4096, "own", &value, &ignored) ? value : NULL;
}

static void read_sudoers(const char *text, size_t len) {
	struct err err;
	CLEANUP(json_decref_p) json_t *file = NULL, *grants = NULL;
	CLEANUP(json_decref_p)
	json_t *accounts = people("[{\"name\":\"root\",\"uid\":0,\"gid\":0},{\"name\":\"a\",\"uid\":1,\"gid\":1}]");
	CLEANUP(json_decref_p) json_t *groups = people("[{\"name\":\"g\",\"gid\":1,\"members\":[\"a\",\"b\"]}]");
	if (!json_read(text, len, 65536, "input", &file, &err) || !json_is_object(file))
		return;
	struct sudoers sudoers = {"input", file, accounts, groups, "host"};
	size_t i;
	const json_t *grant;
	if (!sudoers_grants(&sudoers, &grants, &err))
		return;
	json_array_foreach(grants, i, grant) {
		if (!json_is_string(json_object_get(grant, "who")) || json_object_get(grant, "tagged"))
			abort();
	}
}

static void read_polkit(const char *text, size_t len) {
	CLEANUP(json_decref_p) json_t *identities = NULL, *older = NULL;
	CLEANUP(free_ptr) char *copy = xstrndup(text, len);
	enum polkit_rules rules = polkit_read(text, len, &identities);
	if ((rules == POLKIT_ADMINS) != (identities != NULL))
		abort();
	older = polkit_read_conf(copy);
}

static void read_doas(const char *text, size_t len) {
	CLEANUP(json_decref_p) json_t *rules = NULL;
	struct err err;
	if (!doas_read("input", text, len, &rules, &err) && err.code != ERR_MALFORMED)
		abort();
}

static void read_commands(const char *text, size_t len) {
	CLEANUP(free_ptr) char *copy = xstrndup(text, len);
	char *rest = copy, *one = strsep(&rest, "\n");
	sudo_command_is_wild(one);
	if (sudo_command_is_root(one, true) && !sudo_command_is_root(one, false))
		abort();
	if (rest && sudo_commands_meet(one, rest) != sudo_commands_meet(rest, one))
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size) {
	static void (*const all[])(const char *, size_t) = {read_sudoers, read_polkit, read_doas, read_commands};
	if (size > 0)
		all[data[0] % ARRAY_LEN(all)]((const char *)data + 1, size - 1);
	return 0;
}
