#include "cli/cli.h"

#include <stdint.h>

#include "cli/say.h"

void texts_done(struct texts *texts) {
	free(texts->items);
	*texts = (struct texts){0};
}

static void texts_add(struct texts *texts, const char *text) {
	texts->items = xreallocarray(texts->items, texts->count + 2, sizeof *texts->items);
	texts->items[texts->count++] = text;
	texts->items[texts->count] = NULL;
}

int cli_fail(const struct err *err, int exit_code) {
	char text[640];
	say(stderr, "vouch: %s\n", err_text(err, text, sizeof text));
	return exit_code;
}

int cli_misuse(const struct verb *verb, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	say(stderr, "vouch %s: %s\n", verb->name, text);
	say(stderr, "See: vouch %s --help\n", verb->name);
	return CLI_USAGE;
}

static void print_help(const struct verb *verb) { printf("vouch %s: %s\n\n%s", verb->name, verb->about, verb->usage); }

/* The row that an argument names, and where its value begins when it is part of the argument ("--name=value"). */
static const struct option_row *row_of(const struct option_row *rows, const char *argument, const char **ret_value) {
	*ret_value = NULL;
	for (; rows->name; rows++) {
		size_t len = strlen(rows->name);
		if (argument[1] != '-') {
			if (rows->letter && argument[1] == rows->letter && !argument[2])
				return rows;
			continue;
		}
		if (strncmp(argument + 2, rows->name, len) != 0)
			continue;
		if (!argument[2 + len])
			return rows;
		if (argument[2 + len] == '=') {
			*ret_value = argument + 2 + len + 1;
			return rows;
		}
	}
	return NULL;
}

static void set(const struct option_row *row, const char *value) {
	if (row->kind == OPTION_FLAG)
		*(bool *)row->target = true;
	else if (row->kind == OPTION_TEXT)
		*(const char **)row->target = value;
	else
		texts_add(row->target, value);
}

/* Reads the option at argv[*index]; moves *index to its last argument. */
static bool read_option(const struct verb *verb, const struct option_row *rows, char **argv, int *index,
			int *ret_exit) {
	const char *argument = argv[*index], *value;
	const struct option_row *row = row_of(rows, argument, &value);
	if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
		print_help(verb);
		*ret_exit = CLI_OK;
		return false;
	}
	*ret_exit = CLI_USAGE;
	if (!row) {
		cli_misuse(verb, "there is no option %s", argument);
		return false;
	}
	if (row->kind == OPTION_FLAG && value) {
		cli_misuse(verb, "--%s takes no value", row->name);
		return false;
	}
	if (row->kind != OPTION_FLAG && !value)
		value = argv[*index + 1] ? argv[++*index] : NULL;
	if (row->kind != OPTION_FLAG && !value) {
		cli_misuse(verb, "--%s needs a value", row->name);
		return false;
	}
	set(row, value);
	return true;
}

bool cli_options(const struct verb *verb, const struct option_row *rows, int argc, char **argv, char ***ret_operands,
		 int *ret_exit) {
	bool options_ended = false;
	int operands = 1;
	for (int i = 1; i < argc; i++) {
		bool is_option = !options_ended && argv[i][0] == '-' && argv[i][1];
		if (is_option && !strcmp(argv[i], "--"))
			options_ended = true;
		else if (!is_option)
			argv[operands++] = argv[i];
		else if (!read_option(verb, rows, argv, &i, ret_exit))
			return false;
	}
	argv[operands] = NULL;
	*ret_operands = argv + 1;
	return true;
}
