/* vouch checks: what the checks are, and what each takes and yields. */
#include "cli/cli.h"
#include "cli/reference.h"
#include "cli/say.h"
#include "core/check.h"

static const char usage[] = "usage: vouch checks [--markdown | NAME]\n\n"
			    "Lists the checks, or one check's parameters, fields and sources.\n\n"
			    "  --markdown  all of it as a page in Markdown\n\n"
			    "Exit: 0, or 2 where there is no such check.\n";

static void print_table(void) {
	for (const struct check *const *check = checks_all; *check; check++)
		say(stdout, "%-16s %s\n", (*check)->name, (*check)->about);
}

/* " [s, personal, volatile]": what there is of unit, privacy and volatility. */
static void print_traits(const struct check_field *field) {
	const char *const traits[] = {field->unit,
				      field->privacy == PRIVACY_PERSONAL ? "personal"
				      : field->privacy == PRIVACY_SECRET ? "secret"
									 : NULL,
				      field->is_volatile ? "volatile" : NULL};
	const char *opening = " [";
	for (size_t i = 0; i < ARRAY_LEN(traits); i++) {
		if (!traits[i])
			continue;
		say(stdout, "%s%s", opening, traits[i]);
		opening = ", ";
	}
	printf("%s\n", *opening == ',' ? "]" : "");
}

static void print_check(const struct check *check) {
	say_coloured(COLOUR_BOLD, check->name);
	say(stdout, ": %s\n\n", check->about);
	say_coloured(COLOUR_BOLD, "Parameters");
	printf("\n");
	if (!check->params || !check->params->name)
		printf("  none\n");
	for (const struct check_param *param = check->params; param && param->name; param++)
		say(stdout, "  %-20s %-9s %s%s\n", param->name, value_type_name(param->type),
		    param->required ? "required; " : "", param->about);
	printf("\n");
	say_coloured(COLOUR_BOLD, "Fields");
	printf("\n");
	for (const struct check_field *field = check->fields; field->name; field++) {
		say(stdout, "  %-20s %-9s %s", field->name, value_type_name(field->type), field->about);
		print_traits(field);
	}
	printf("\n");
	say_coloured(COLOUR_BOLD, "Sources");
	printf("\n");
	for (const char *const *pattern = check->patterns; *pattern; pattern++)
		say(stdout, "  %s\n", *pattern);
}

static int checks(int argc, char **argv) {
	bool markdown = false;
	const struct option_row rows[] = {{"markdown", 0, OPTION_FLAG, &markdown}, {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_checks, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (markdown && operands[0])
		return cli_misuse(&verb_checks, "puts all checks on the page");
	if (markdown) {
		reference_checks();
		return CLI_OK;
	}
	if (!operands[0]) {
		print_table();
		return CLI_OK;
	}
	if (operands[1])
		return cli_misuse(&verb_checks, "needs one name");
	const struct check *check = check_find(checks_all, operands[0]);
	if (!check)
		return cli_misuse(&verb_checks, "there is no check %s", operands[0]);
	print_check(check);
	return CLI_OK;
}

const struct verb verb_checks = {"checks", "list the checks, their parameters and fields", usage, checks};
