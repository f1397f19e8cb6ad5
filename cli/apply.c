/* vouch apply: what an administrator runs after changing settings or policies. */
#include "cli/apply.h"

#include <sys/stat.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "agent/approved.h"
#include "agent/owned.h"
#include "broker/paths.h"
#include "cli/allow.h"
#include "cli/cli.h"
#include "cli/say.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/times.h"

#define UNIT "vouchd.service"
#define SYSTEMD "org.freedesktop.systemd1"
#define BUS_TIMEOUT_US 120000000

static const char usage[] =
	"usage: vouch apply [--force] [--no-reload] [--config FILE] [--data DIR] [--paths FILE]\n\n"
	"Reads settings and policies as vouchd would, makes the list of what the helpers may look at anew, and has\n"
	"systemd reload vouchd where it runs. What is wrong in them is said with file, line and column, and nothing\n"
	"is changed. A list that was changed by hand is left alone: the lines that it lacks are printed, to be added\n"
	"or not, and vouchd is not reloaded.\n\n"
	"  --force        make the list anew whoever changed it\n"
	"  --no-reload    only make the list\n"
	"  --config FILE  the settings (default " SETTINGS_FILE ")\n"
	"  --data DIR     where the catalogue and the shipped policies are\n"
	"  --paths FILE   the list (default " PATHS_FILE ")\n\n"
	"Exit: 0; 1 the list was changed by hand, or vouchd did not reload; 2 wrong use, or settings or policies that\n"
	"cannot be used.\n";

struct options {
	const char *config, *data, *paths;
	bool force, no_reload;
};

/* --- the list */

void apply_mark(struct buf *list) {
	char hex[HASH_HEX];
	const struct hash digest = hash_of(buf_str(list), list->len);
	buf_addf(list, APPLY_MARK "%s\n", hash_hex(&digest, hex));
}

bool apply_is_marked(const char *list, size_t len) {
	CLEANUP(buf_done) struct buf marked = {0};
	const size_t mark = strlen(APPLY_MARK) + HASH_HEX; /* with a newline where HASH_HEX has its NUL */
	if (len < mark)
		return false;
	buf_add(&marked, list, len - mark);
	apply_mark(&marked);
	return marked.len == len && !memcmp(marked.data, list, len);
}

static bool has_line(const char *text, const char *line, size_t len) {
	for (const char *at = text; *at;) {
		size_t here = strcspn(at, "\n");
		if (here == len && !memcmp(at, line, len))
			return true;
		at += here + (at[here] == '\n');
	}
	return false;
}

/* The lines of `from` that `in` has not, comments and empty lines left out, each with `before` before it; appended.
 * Returns how many. */
static size_t add_missing(const char *from, const char *in, const char *before, struct buf *text) {
	size_t count = 0;
	for (const char *at = from; *at;) {
		size_t len = strcspn(at, "\n");
		if (len > 0 && *at != '#' && !has_line(in, at, len)) {
			buf_addf(text, "%s%.*s\n", before, (int)len, at);
			count++;
		}
		at += len + (at[len] == '\n');
	}
	return count;
}

/* As it was installed, or as this made it. */
static bool is_ours(const struct buf *list, const char *data) {
	CLEANUP(free_ptr) char *pristine = file_join(data, "paths");
	CLEANUP(buf_done) struct buf installed = {0};
	struct err ignored;
	if (apply_is_marked(buf_str(list), list->len))
		return true;
	return file_read(pristine, PATHS_LARGEST, &installed, &ignored) && installed.len == list->len &&
	       !memcmp(buf_str(&installed), buf_str(list), list->len);
}

static void print_lines(const struct buf *lines) {
	for (const char *at = buf_str(lines); *at; at += strcspn(at, "\n") + 1)
		say(stdout, "%.*s\n", (int)strcspn(at, "\n"), at);
}

/* What was changed, a line for each. */
static void print_changes(const char *old, const char *now, const char *path) {
	CLEANUP(buf_done) struct buf lines = {0};
	size_t added = add_missing(now, old, "+ ", &lines), gone = add_missing(old, now, "- ", &lines);
	print_lines(&lines);
	say(stdout, "%s: %zu added, %zu taken away\n", path, added, gone);
}

static int refuse_list(const char *path, const char *old, const char *now) {
	CLEANUP(buf_done) struct buf lines = {0};
	if (add_missing(now, old, "+ ", &lines) == 0) {
		say(stdout, "%s was changed by hand and has all that is needed: kept\n", path);
		return CLI_OK;
	}
	print_lines(&lines);
	say(stderr,
	    "vouch: %s was changed by hand, and lacks these lines: add those that may be looked at and run this "
	    "again, or make it anew with --force\n",
	    path);
	return CLI_FAILED;
}

static int make_list(const struct options *options, const struct stack *stack) {
	CLEANUP(buf_done) struct buf now = {0};
	CLEANUP(buf_done) struct buf old = {0};
	struct err err = {0};
	bool is_there = file_read(options->paths, PATHS_LARGEST, &old, &err);
	if (!is_there && err.code != ERR_ABSENT)
		return cli_fail(&err, CLI_USAGE);
	allow_text(stack->policies, &now);
	if (is_there && !options->force && !is_ours(&old, stack->data))
		return refuse_list(options->paths, buf_str(&old), buf_str(&now));
	apply_mark(&now);
	if (is_there && old.len == now.len && !memcmp(old.data, now.data, now.len)) {
		say(stdout, "%s stays as it is\n", options->paths);
		return CLI_OK;
	}
	if (!file_write(options->paths, now.data, now.len, 0644, &err))
		return cli_fail(&err, CLI_FAILED);
	print_changes(buf_str(&old), buf_str(&now), options->paths);
	return CLI_OK;
}

/* --- vouchd */

struct reload {
	char result[32]; /* "done", "failed", ...; "" until it is known */
};

static int job_removed(sd_bus_message *message, void *context, sd_bus_error *error) {
	struct reload *reload = context;
	const char *path, *unit, *result;
	uint32_t id;
	if (sd_bus_message_read(message, "uoss", &id, &path, &unit, &result) >= 0 && !strcmp(unit, UNIT))
		snprintf(reload->result, sizeof reload->result, "%s", result);
	return 0;
}

static bool bus_fault(struct err *err, int error, const sd_bus_error *why) {
	return err_set(err, ERR_IO, "systemd", "%s", why && why->message ? why->message : strerror(-error));
}

/* The end of the reload is waited for: vouchd first finishes its look. */
static bool wait_for_job(sd_bus *bus, struct reload *reload, struct err *err) {
	const int64_t until = times_now() + BUS_TIMEOUT_US / 1000000;
	while (!*reload->result) {
		int done = sd_bus_process(bus, NULL);
		if (done == 0 && times_now() < until)
			done = sd_bus_wait(bus, 1000000);
		if (done < 0)
			return bus_fault(err, done, NULL);
		if (times_now() >= until)
			return err_set(err, ERR_TIMEOUT, "systemd", "vouchd has not reloaded within %d s",
				       BUS_TIMEOUT_US / 1000000);
	}
	return true;
}

static bool ask_reload(sd_bus *bus, char **ret_status, struct err *err) {
	sd_bus_error why = SD_BUS_ERROR_NULL;
	struct reload reload = {0};
	CLEANUP(free_ptr) char *unit = NULL;
	int error = sd_bus_match_signal(bus, NULL, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager",
					"JobRemoved", job_removed, &reload);
	if (error >= 0)
		error = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "Subscribe",
					   &why, NULL, "");
	if (error >= 0)
		error = sd_bus_call_method(bus, SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "ReloadUnit",
					   &why, NULL, "ss", UNIT, "replace");
	bool ok = error >= 0 || bus_fault(err, error, &why);
	sd_bus_error_free(&why);
	if (!ok || !wait_for_job(bus, &reload, err))
		return false;
	if (strcmp(reload.result, "done") != 0)
		return err_set(err, ERR_IO, UNIT, "the reload has %s", reload.result);
	error = sd_bus_path_encode("/org/freedesktop/systemd1/unit", UNIT, &unit);
	if (error >= 0)
		error = sd_bus_get_property_string(bus, SYSTEMD, unit, SYSTEMD ".Service", "StatusText", NULL,
						   ret_status);
	return error >= 0 || bus_fault(err, error, NULL);
}

static bool is_active(sd_bus *bus) {
	CLEANUP(free_ptr) char *unit = NULL;
	CLEANUP(free_ptr) char *state = NULL;
	return sd_bus_path_encode("/org/freedesktop/systemd1/unit", UNIT, &unit) >= 0 &&
	       sd_bus_get_property_string(bus, SYSTEMD, unit, SYSTEMD ".Unit", "ActiveState", NULL, &state) >= 0 &&
	       !strcmp(state, "active");
}

static int reload(void) {
	CLEANUP(free_ptr) char *status = NULL;
	sd_bus *bus = NULL;
	struct err err;
	int exit_code = CLI_OK;
	if (sd_bus_open_system(&bus) < 0 || !is_active(bus))
		say(stdout, "vouchd does not run here: it reads them when it starts\n");
	else if (!ask_reload(bus, &status, &err))
		exit_code = cli_fail(&err, CLI_FAILED);
	else
		say(stdout, "vouchd: %s\n", status);
	sd_bus_flush_close_unref(bus);
	return exit_code;
}

/* --- the verb */

static bool load(const struct options *options, struct stack **ret_stack, struct err *err) {
	CLEANUP(settings_free_p) struct settings *settings = NULL;
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	const struct host host = {0};
	const char *path = options->config ? options->config : SETTINGS_FILE;
	if (!settings_load(path, options->config != NULL, &settings, err) ||
	    !owned_configuration(path, settings, err) || !stack_of_host(settings, options->data, &host, &stack, err) ||
	    !approved_read(stack, settings, times_now(), err))
		return false;
	*ret_stack = stack;
	stack = NULL;
	return true;
}

static int apply(int argc, char **argv) {
	struct options options = {.paths = PATHS_FILE};
	const struct option_row rows[] = {
		{"config", 0, OPTION_TEXT, &options.config},       {"data", 0, OPTION_TEXT, &options.data},
		{"paths", 0, OPTION_TEXT, &options.paths},         {"force", 0, OPTION_FLAG, &options.force},
		{"no-reload", 0, OPTION_FLAG, &options.no_reload}, {0}};
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	char **operands;
	int exit_code;
	struct err err;
	if (!cli_options(&verb_apply, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (operands[0])
		return cli_misuse(&verb_apply, "takes no operand: %s", operands[0]);
	if (!load(&options, &stack, &err))
		return cli_fail(&err, CLI_USAGE);
	say(stdout, "%zu rules of %zu policies\n", stack->policies->rule_count, stack->policies->policy_count);
	exit_code = make_list(&options, stack);
	return exit_code != CLI_OK || options.no_reload ? exit_code : reload();
}

const struct verb verb_apply = {"apply", "put changed settings and policies into force", usage, apply};
