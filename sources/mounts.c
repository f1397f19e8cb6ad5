#include "sources/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lines.h"
#include "core/text.h"
#include "sources/fetch.h"
#include "sources/kind.h"
#include "sources/namespace.h"

#define WORDS_MOST 64 /* on a line; optional fields are a handful */

enum word { ID, PARENT, DEVICE, ROOT, TARGET, OPTIONS, OPTIONAL };
enum tail { TYPE, SOURCE, SUPER_OPTIONS, TAIL };

static bool is_octal(char c) { return c >= '0' && c <= '7'; }

/* Decode \ooo in place; a backslash that begins none is itself. */
static json_t *plain(char *text) {
	char *to = text;
	for (const char *from = text; *from; to++)
		if (from[0] == '\\' && from[1] <= '3' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3])) {
			*to = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			*to = *from++;
		}
	*to = '\0';
	return json_textn(text, (size_t)(to - text));
}

/* A comma inside an option is escaped, so the list is cut before it is decoded. */
static json_t *options(char *text) {
	json_t *list = json_array();
	for (char *option; (option = strsep(&text, ","));)
		if (*option)
			json_array_append_new(list, plain(option));
	return list;
}

/* Words between single spaces (a mount's source may be empty). 0 when there are too many. */
static size_t split(char *line, char *words[WORDS_MOST]) {
	size_t count = 0;
	for (char *word; (word = strsep(&line, " "));) {
		if (count == WORDS_MOST)
			return 0;
		words[count++] = word;
	}
	return count;
}

static json_t *mount_of(char *line) {
	char *words[WORDS_MOST];
	unsigned long long id, parent;
	size_t count = split(line, words), dash = OPTIONAL;
	while (dash < count && strcmp(words[dash], "-") != 0)
		dash++;
	if (dash + 1 + TAIL != count || !text_to_u64(words[ID], INT_MAX, &id) ||
	    !text_to_u64(words[PARENT], INT_MAX, &parent) || words[ROOT][0] == '\0' || words[TARGET][0] != '/')
		return NULL;
	char **tail = words + dash + 1;
	return json_pack("{s:I,s:I,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "id", (json_int_t)id, "parent", (json_int_t)parent,
			 "dev", plain(words[DEVICE]), "root", plain(words[ROOT]), "target", plain(words[TARGET]),
			 "options", options(words[OPTIONS]), "type", plain(tail[TYPE]), "source", plain(tail[SOURCE]),
			 "super_options", options(tail[SUPER_OPTIONS]));
}

bool mounts_parse(const char *data, size_t len, const char *where, json_t **ret_list, struct err *err) {
	CLEANUP(json_decref_p) json_t *list = json_array();
	CLEANUP(lines_done) struct lines lines = lines_over(where, data, len);
	for (char *line; (line = lines_next(&lines));) {
		json_t *mount = mount_of(line);
		if (!mount)
			return err_set_at(err, ERR_MALFORMED, where, lines.number, 0, "not a line of mountinfo");
		json_array_append_new(list, mount);
	}
	if (!lines_ok(&lines, err))
		return false;
	*ret_list = json_incref(list);
	return true;
}

/* The first process' table; the own one is as good only where it is known to be the same. */
static bool look_mounts(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	int fd = open("/proc/1/mountinfo", O_RDONLY | O_CLOEXEC);
	int error = errno;
	if (fd < 0 && access("/proc/self", F_OK) != 0)
		return err_set(err, ERR_UNPROVED, ask->name, "no /proc to read them from");
	if (fd < 0 && namespace_of_first("mnt") != NAMESPACE_SAME)
		return err_set(
			err, ERR_DENIED, ask->name,
			"open /proc/1/mountinfo: %s (%s)%s, and nothing proves that the own mount namespace is that of "
			"the first process",
			strerrorname_np(error), strerrordesc_np(error),
			error == ENOENT ? ": /proc is mounted with hidepid" : "");
	if (fd < 0)
		fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open /proc/self/mountinfo");
	*ret_answer = (struct answer){.is_file = true, .file = fd};
	return true;
}

static bool shape_mounts(const struct ask *ask, struct answer *answer, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(json_decref_p) json_t *list = NULL;
	if (!answer_read(ask, answer, &bytes, err) || !mounts_parse(bytes.data, bytes.len, ask->name, &list, err))
		return false;
	if (json_array_size(list) == 0)
		return err_set(err, ERR_UNPROVED, ask->name,
			       "no mount at all: this is not the table of a running host");
	return answer_shaped(ask, list, answer, err);
}

const struct kind kind_mounts = {.prefix = "mounts:",
				 .is_whole = true,
				 .helper = HELPER_FS,
				 .deadline_ms = FETCH_DEADLINE_MS,
				 .look = look_mounts,
				 .shape = shape_mounts};
