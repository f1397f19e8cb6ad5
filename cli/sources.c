/* vouch sources: what this host's sources hold, as the checks are handed them; nothing is judged. */
#include <unistd.h>

#include "agent/look.h"
#include "cli/named.h"
#include "cli/policies.h"
#include "cli/say.h"

static const char usage[] =
	"usage: vouch sources [options] [NAME...]\n\n"
	"Reads the sources of these names (\"file:/etc/passwd\", \"unit:ssh.service\"), or without a name all that "
	"the\n"
	"policy's rules need, and prints a line for each, sorted: name, size, sha256, of a file its mode and owner; "
	"or\n"
	"name, error, reason. Fields are parted by tabs. What moves by itself is marked volatile.\n\n"
	"  --helpers DIR        ask the helpers whose sockets are in this folder (/run/vouch); what they may open "
	"decides\n"
	"  --root DIR           look at this folder instead of the live host\n"
	"  --bytes              print what the one named source holds, and nothing else\n"
	"  --json               print one JSON object\n" POLICIES_USAGE POLICIES_DEFAULT
	"Exit: 0 each was read or seen to be absent (with --bytes: was read); 1 one could not be looked at;\n"
	"2 wrong use or a policy that cannot be used.\n";

struct listing {
	struct policies policies;
	bool as_bytes, as_json;
};

static void listing_done(struct listing *listing) { policies_done(&listing->policies); }

static bool read_named(const struct host *host, char **names, struct sources *into, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	for (; *names; names++) {
		json_t *name = json_string(*names);
		if (!name || !strchr(*names, ':')) {
			json_decref(name);
			return err_set(err, ERR_USAGE, *names, "not a source's name, such as file:/etc/passwd");
		}
		json_array_append_new(list, name);
	}
	return named_read(host, list, into, err);
}

static bool read_needed(const struct listing *listing, const struct host *host, struct sources *into, struct err *err) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	return policies_load(&listing->policies, &stack, err) &&
	       look_read(&(struct look_options){.stack = stack->policies, .host = *host}, into, err);
}

static void print_line(const struct source *source) {
	char hex[HASH_HEX];
	say_text(stdout, source->name);
	if (source->err.code) {
		printf("\t%s\t", err_code_name(source->err.code));
		say_text(stdout, source->err.why);
	} else {
		printf("\t%zu\tsha256:%s", source->bytes.len, hash_hex(&source->sha256, hex));
	}
	if (source->meta.known && !source->err.code)
		printf("\t%04o\t%u:%u", source->meta.mode, source->meta.uid, source->meta.gid);
	printf("%s\n", fetch_is_volatile(source->name) ? "\tvolatile" : "");
}

static json_t *source_object(const struct source *source) {
	char hex[HASH_HEX], mode[8];
	json_t *object =
		json_pack("{s:o, s:b}", "name", json_text(source->name), "volatile", fetch_is_volatile(source->name));
	json_t *more;
	if (source->err.code)
		more = json_pack("{s:s, s:o}", "error", err_code_name(source->err.code), "why",
				 json_text(source->err.why));
	else
		more = json_pack("{s:I, s:s}", "size", (json_int_t)source->bytes.len, "sha256",
				 hash_hex(&source->sha256, hex));
	json_object_update_new(object, more);
	if (!source->meta.known || source->err.code)
		return object;
	snprintf(mode, sizeof mode, "%04o", source->meta.mode);
	json_object_update_new(object,
			       json_pack("{s:s, s:I, s:I, s:I, s:I}", "mode", mode, "uid", (json_int_t)source->meta.uid,
					 "gid", (json_int_t)source->meta.gid, "nlink", (json_int_t)source->meta.nlink,
					 "mtime", (json_int_t)source->meta.mtime));
	return object;
}

static bool print_json(struct source **list, struct err *err) {
	CLEANUP(json_decref_p) json_t *array = json_array();
	CLEANUP(json_decref_p) json_t *object = json_pack("{s:s, s:O}", "vouch", VOUCH_VERSION, "sources", array);
	for (; *list; list++)
		json_array_append_new(array, source_object(*list));
	size_t shape = isatty(STDOUT_FILENO) ? JSON_INDENT(2) | JSON_ENSURE_ASCII : JSON_COMPACT;
	if (json_dumpf(object, stdout, shape | JSON_SORT_KEYS) != 0 || putchar('\n') == EOF)
		return err_set(err, ERR_IO, "standard output", "the listing could not be written");
	return true;
}

static int print_bytes(const struct source *source) {
	if (source->err.code)
		return cli_fail(&source->err, CLI_FAILED);
	if (source->bytes.len > 0)
		fwrite(source->bytes.data, 1, source->bytes.len, stdout);
	return CLI_OK;
}

static int exit_of(struct source **list) {
	for (; *list; list++)
		if ((*list)->err.code && (*list)->err.code != ERR_ABSENT)
			return CLI_FAILED;
	return CLI_OK;
}

static int read_and_print(const struct listing *listing, char **names) {
	const struct host host = {.root = listing->policies.root, .helpers = listing->policies.helpers};
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	struct err err;
	if (!(*names ? read_named(&host, names, set, &err) : read_needed(listing, &host, set, &err)))
		return cli_fail(&err, CLI_USAGE);
	CLEANUP(free_ptr) struct source **list = named_sorted(set);
	if (listing->as_bytes)
		return print_bytes(*list);
	if (listing->as_json && !print_json(list, &err))
		return cli_fail(&err, CLI_USAGE);
	for (size_t i = 0; !listing->as_json && list[i]; i++)
		print_line(list[i]);
	return exit_of(list);
}

static int sources_verb(int argc, char **argv) {
	CLEANUP(listing_done) struct listing listing = {0};
	const struct option_row rows[] = {POLICIES_OPTIONS(&listing.policies),
					  {"helpers", 0, OPTION_TEXT, &listing.policies.helpers},
					  {"root", 0, OPTION_TEXT, &listing.policies.root},
					  {"bytes", 0, OPTION_FLAG, &listing.as_bytes},
					  {"json", 0, OPTION_FLAG, &listing.as_json},
					  {0}};
	char **names;
	int exit_code;
	if (!cli_options(&verb_sources, rows, argc, argv, &names, &exit_code))
		return exit_code;
	if (listing.policies.root && listing.policies.helpers)
		return cli_misuse(&verb_sources,
				  "--root and --helpers do not go together: helpers look at the live host");
	if (listing.policies.root && access(listing.policies.root, R_OK | X_OK) != 0)
		return cli_misuse(&verb_sources, "--root %s: not a folder that can be read", listing.policies.root);
	if (*names && listing.policies.named.count > 0)
		return cli_misuse(&verb_sources, "either --policy or names, not both");
	if (listing.as_bytes && (!names[0] || names[1]))
		return cli_misuse(&verb_sources, "--bytes needs one name");
	if (listing.as_bytes && listing.as_json)
		return cli_misuse(&verb_sources, "either --bytes or --json, not both");
	return read_and_print(&listing, names);
}

const struct verb verb_sources = {"sources", "list what the sources of this host hold, without judging it", usage,
				  sources_verb};
