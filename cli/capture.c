/* vouch capture: what the rules read on this host as a folder, to judge it elsewhere or another time. */
#include "agent/look.h"
#include "cli/named.h"
#include "cli/only.h"
#include "cli/policies.h"
#include "cli/redact.h"
#include "cli/root_folder.h"
#include "cli/say.h"

#define CAPTURE_LARGEST (512U << 20) /* bytes in all */

static const char usage[] =
	"usage: vouch capture [options] DIR\n\n"
	"Reads what the rules of a policy need on this host and writes it to a folder, so that the same rules come to\n"
	"the same verdicts there: vouch run --root DIR. Secrets are masked, comments of accounts and keys emptied; "
	"names\n"
	"of accounts and hosts, addresses and public keys stay. DIR must not be there yet, or be empty.\n\n"
	"  --only RULE|CONTROL  only this rule, or the rules that support this control; may be repeated\n"
	"  --helpers DIR        ask the helpers whose sockets are in this folder (/run/vouch)\n" POLICIES_USAGE
		POLICIES_DEFAULT
	"Exit: 0 written; 1 it could not be written, or does not say what was read; 2 wrong use or a policy that\n"
	"cannot be used.\n";

struct capture {
	struct policies policies;
	struct texts only;
	json_t *masked;   /* by source: how many places */
	json_t *left_out; /* names of sources */
	size_t failed;    /* sources that could not be read, absent ones among them */
};

static void capture_done(struct capture *capture) {
	policies_done(&capture->policies);
	texts_done(&capture->only);
	json_decref(capture->masked);
	json_decref(capture->left_out);
}

static bool read_needed(const struct capture *capture, struct sources *into, struct err *err) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	if (!policies_load(&capture->policies, &stack, err) || !only_is_known(stack, &capture->only, err))
		return false;
	struct look_options options = {
		.stack = stack->policies, .host = {.helpers = capture->policies.helpers}, .only = capture->only.items};
	return look_read(&options, into, err);
}

static void redact_all(struct capture *capture, struct source **list) {
	CLEANUP(masker_free_p) struct masker *masker = masker_new();
	for (; *list; list++) {
		struct redaction done = redact(masker, *list);
		if (done.masked)
			json_object_set_new(capture->masked, (*list)->name, json_integer((json_int_t)done.masked));
		if (done.is_left_out)
			json_array_append_new(capture->left_out, json_string((*list)->name));
		capture->failed += (*list)->err.code && !done.is_left_out;
	}
}

static bool is_same(const struct source *one, const struct source *other) {
	if (one->err.code || !other || other->err.code)
		return other && one->err.code == other->err.code;
	const struct source_meta *a = &one->meta, *b = &other->meta;
	return hash_equal(&one->sha256, &other->sha256) && a->known == b->known && a->mode == b->mode &&
	       a->uid == b->uid && a->gid == b->gid && a->nlink == b->nlink && a->mtime == b->mtime &&
	       a->ctime == b->ctime;
}

/* A folder that says something else than the host did would turn a verdict: read it as whoever gets it will. */
static bool says_the_same(const char *folder, struct source **list, struct err *err) {
	CLEANUP(sources_free_p) struct sources *again = sources_new();
	CLEANUP(json_decref_p) json_t *names = json_array();
	for (size_t i = 0; list[i]; i++)
		json_array_append_new(names, json_string(list[i]->name));
	if (!named_read(&(struct host){.root = folder}, names, again, err))
		return false;
	for (; *list; list++)
		if (!is_same(*list, sources_get(again, (*list)->name)))
			return err_set(err, ERR_REFUSED, (*list)->name, "the folder does not say what was read");
	return true;
}

static bool write_all(const struct capture *capture, struct root_folder *folder, struct source **list,
		      struct err *err) {
	CLEANUP(json_decref_p)
	json_t *captured = json_pack("{s:s, s:O, s:O}", "vouch", VOUCH_VERSION, "masked", capture->masked, "left_out",
				     capture->left_out);
	for (struct source **source = list; *source; source++)
		if (!root_folder_put(folder, *source, err))
			return false;
	return root_folder_close(folder, captured, err) && says_the_same(root_folder_path(folder), list, err) &&
	       root_folder_move(folder, err);
}

static void print_summary(const struct capture *capture, const char *path, size_t count) {
	const char *name;
	json_t *places, *left_out;
	size_t index;
	say(stdout, "%s: %zu sources, of which %zu could not be read or are not there\n", path, count, capture->failed);
	json_object_foreach(capture->masked, name, places)
		say(stdout, "  masked in %s: %lld\n", name, (long long)json_integer_value(places));
	json_array_foreach(capture->left_out, index, left_out)
		say(stdout, "  left out: %s\n", json_string_value(left_out));
}

static int capture_to(struct capture *capture, const char *path) {
	CLEANUP(sources_free_p) struct sources *set = sources_new();
	CLEANUP(root_folder_free_p) struct root_folder *folder = NULL;
	struct err err;
	if (!root_folder_new(path, CAPTURE_LARGEST, &folder, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	if (!read_needed(capture, set, &err))
		return cli_fail(&err, CLI_USAGE);
	CLEANUP(free_ptr) struct source **list = named_sorted(set);
	redact_all(capture, list);
	if (!write_all(capture, folder, list, &err))
		return cli_fail(&err, CLI_FAILED);
	print_summary(capture, path, sources_count(set));
	return CLI_OK;
}

static int capture_verb(int argc, char **argv) {
	CLEANUP(capture_done) struct capture capture = {.masked = json_object(), .left_out = json_array()};
	const struct option_row rows[] = {POLICIES_OPTIONS(&capture.policies),
					  {"only", 0, OPTION_TEXTS, &capture.only},
					  {"helpers", 0, OPTION_TEXT, &capture.policies.helpers},
					  {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_capture, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	if (!operands[0] || operands[1])
		return cli_misuse(&verb_capture, "needs one folder to write");
	return capture_to(&capture, operands[0]);
}

const struct verb verb_capture = {"capture", "write what the rules read on this host to a folder, without secrets",
				  usage, capture_verb};
