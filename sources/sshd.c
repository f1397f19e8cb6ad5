#include "sources/sshd.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lines.h"
#include "core/text.h"
#include "sources/command.h"
#include "sources/fetch.h"
#include "sources/kind.h"

#define SSHD "/usr/sbin/sshd"
#define CONFIG "/etc/ssh/sshd_config"
#define CONFIG_LARGEST (1U << 20)
#define INCLUDES_DEEPEST 16 /* as in sshd */
#define CONNECTION_LONGEST 1024

/* The walk over the files of a configuration. */
struct walk {
	const char *where, *base;
	unsigned depth;
	bool names_host_keys;
};

static bool opens(const char *path, int *ret_error) {
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	*ret_error = errno;
	return fd >= 0;
}

/* Fails on what this process may not read; a missing one is left for sshd to judge. */
static bool may_read(const struct walk *walk, const char *path, struct err *err) {
	int error;
	if (opens(path, &error) || error == ENOENT || error == ENOTDIR)
		return true;
	return err_set(err, error == EACCES || error == EPERM ? ERR_DENIED : ERR_UNREADABLE, walk->where,
		       "open %s: %s (%s)", path, strerrorname_np(error), strerrordesc_np(error));
}

/* The next word as sshd cuts them: white space, one = behind the keyword, double quotes. Edits and moves *text. NULL
 * when there is none, or only a comment. */
static char *next_word(char **text) {
	char *at = *text;
	while (isspace((unsigned char)*at))
		at++;
	if (!*at || *at == '#')
		return NULL;
	char *word = at, *end;
	if (*at == '"') {
		word = at + 1;
		end = strchr(word, '"');
	} else {
		end = strpbrk(at, " \t\r\f\v\"=");
	}
	if (!end) {
		*text = word + strlen(word);
		return word;
	}
	bool goes_on = *end == '"' && *at != '"';
	if (!goes_on)
		*end++ = '\0';
	*text = end;
	return word;
}

static bool walk_file(struct walk *walk, const char *path, struct err *err);

/* What glob(3) would otherwise take for an empty folder. */
static int is_fault(const char *path, int error) { return error != ENOENT && error != ENOTDIR; }

static bool walk_include(struct walk *walk, const char *word, struct err *err) {
	CLEANUP(free_ptr) char *pattern = word[0] == '/' ? xstrdup(word) : xasprintf("%s/%s", walk->base, word);
	CLEANUP(globfree) glob_t found = {0};
	size_t folder = (size_t)(strrchr(pattern, '/') - pattern), wild = strcspn(pattern, "*?[\\");
	if (!pattern[wild])
		return walk_file(walk, pattern, err);
	if (wild < folder)
		return err_set(err, ERR_UNPROVED, walk->where, "Include %s: not known to be all that sshd would find",
			       pattern);
	int failure = glob(pattern, 0, is_fault, &found);
	if (failure && failure != GLOB_NOMATCH)
		return err_set(err, ERR_DENIED, walk->where, "cannot list the folder of %s", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (!walk_file(walk, found.gl_pathv[i], err))
			return false;
	return true;
}

static bool walk_line(struct walk *walk, char *line, struct err *err) {
	char *word = next_word(&line);
	bool is_include = word && !strcasecmp(word, "Include"), is_key = word && !strcasecmp(word, "HostKey");
	line += is_include || is_key ? strspn(line, " \t=") : 0;
	while ((is_include || is_key) && (word = next_word(&line))) {
		if (is_key)
			walk->names_host_keys = true;
		if (is_key ? !may_read(walk, word, err) : !walk_include(walk, word, err))
			return false;
	}
	return true;
}

static bool walk_file(struct walk *walk, const char *path, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (walk->depth == INCLUDES_DEEPEST)
		return err_set(err, ERR_MALFORMED, walk->where, "%s: Include nested deeper than %d", path,
			       INCLUDES_DEEPEST);
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return errno == ENOENT && walk->depth > 0 ? true : may_read(walk, path, err);
	if (!kind_read_fd(fd, walk->where, CONFIG_LARGEST, &bytes, err))
		return false;
	CLEANUP(lines_done) struct lines lines = lines_over(walk->where, bytes.data, bytes.len);
	walk->depth++;
	for (char *line; (line = lines_next(&lines));)
		if (!walk_line(walk, line, err))
			return false;
	walk->depth--;
	return lines_ok(&lines, err);
}

bool sshd_sees_all(const char *config, const char *base, const char *where, struct err *err) {
	static const char *const keys[] = {"ssh_host_rsa_key", "ssh_host_ecdsa_key", "ssh_host_ed25519_key"};
	struct walk walk = {.where = where, .base = base};
	if (!walk_file(&walk, config, err))
		return false;
	for (size_t i = 0; !walk.names_host_keys && i < ARRAY_LEN(keys); i++) {
		CLEANUP(free_ptr) char *path = file_join(base, keys[i]);
		if (!may_read(&walk, path, err))
			return false;
	}
	return true;
}

/* "user=U&host=H&addr=A&laddr=L&lport=P" as sshd's -C wants it. Values are plain: a comma or a space would be a second
 * one. */
static bool connection_of(const struct ask *ask, const char *query, char **ret_connection, struct err *err) {
	static const char *const keys[] = {"user", "host", "addr", "laddr", "lport"};
	CLEANUP(free_ptr) char *copy = xstrndup(query, CONNECTION_LONGEST + 1);
	CLEANUP(buf_done) struct buf connection = {0};
	char *rest = copy;
	bool is_good = strlen(copy) <= CONNECTION_LONGEST;
	for (char *part; is_good && (part = strsep(&rest, "&"));) {
		char *value = strchr(part, '=');
		bool is_known = false;
		if (value)
			*value++ = '\0';
		for (size_t i = 0; i < ARRAY_LEN(keys); i++)
			is_known |= !strcmp(keys[i], part);
		is_good = is_known && value && *value &&
			  value[strspn(value, "abcdefghijklmnopqrstuvwxyz"
					      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:%@-")] == '\0';
		if (is_good)
			buf_addf(&connection, "%s%s=%s", connection.len ? "," : "", part, value);
	}
	if (!is_good)
		return err_set(err, ERR_UNREADABLE, ask->name,
			       "not user=, host=, addr=, laddr= and lport= with plain values");
	*ret_connection = buf_take(&connection);
	return true;
}

static bool look_sshd(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(free_ptr) char *connection = NULL;
	CLEANUP(command_output_done) struct command_output output = {0};
	if (ask->rest[0] && ask->rest[0] != '?')
		return err_set(err, ERR_UNPROVED, ask->name, "no such command");
	if (ask->rest[0] && !connection_of(ask, ask->rest + 1, &connection, err))
		return false;
	if (access(SSHD, F_OK) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, SSHD);
	if (!sshd_sees_all(CONFIG, "/etc/ssh", ask->name, err))
		return false;
	const char *const argv[] = {SSHD, "-T", connection ? "-C" : NULL, connection, NULL};
	return command_run(ask, argv, &output, err) && command_answer(ask, &output, ret_answer, err);
}

static int by_text(const void *a, const void *b) {
	const char *const *one = a, *const *other = b;
	return strcmp(*one, *other);
}

static bool is_address(const char *line) { return text_starts(line, "listenaddress "); }

char *sshd_sorted(const char *text) {
	CLEANUP(free_ptr) char *copy = xstrdup(text);
	CLEANUP(free_ptr) char **addresses = NULL;
	struct buf sorted = {0};
	size_t count = 0, next = 0;
	char *rest = copy;
	for (char *line; (line = strsep(&rest, "\n"));) {
		if (!is_address(line))
			continue;
		addresses = xreallocarray(addresses, count + 1, sizeof(char *));
		addresses[count++] = line;
	}
	if (count > 0)
		qsort(addresses, count, sizeof(char *), by_text);
	for (const char *at = text; *at;) {
		size_t len = strcspn(at, "\n");
		if (is_address(at) && next < count)
			buf_adds(&sorted, addresses[next++]);
		else
			buf_add(&sorted, at, len);
		buf_adds(&sorted, at[len] ? "\n" : "");
		at += len + (at[len] != '\0');
	}
	return buf_take(&sorted);
}

/* What it refuses is no configuration. */
static bool shape_sshd(const struct ask *ask, struct answer *answer, struct err *err) {
	CLEANUP(json_decref_p) json_t *said = NULL;
	if (!command_read(ask, answer, &said, err) || !command_succeeded(ask, said, "sshd", err))
		return false;
	CLEANUP(free_ptr) char *sorted = sshd_sorted(json_string_value(json_object_get(said, "stdout")));
	json_object_set_new(said, "stdout", json_string(sorted));
	buf_done(&answer->bytes);
	return answer_json(ask, said, answer, err);
}

const struct kind kind_sshd = {.prefix = "cmd:sshd-T",
			       .helper = HELPER_FS,
			       .deadline_ms = FETCH_DEADLINE_MS,
			       .look = look_sshd,
			       .shape = shape_sshd};
