#include "plugins/session.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include "core/file.h"
#include "core/lines.h"
#include "core/text.h"
#include "core/times.h"

#define ENVIRONMENT_LARGEST (64U << 10)

static void forget_drawn(struct wanted *wanted) {
	for (size_t i = 0; i < wanted->drawn_count; i++)
		free(wanted->drawn[i].path);
	wanted->drawn_count = 0;
}

void session_done(struct session *session) {
	for (size_t i = 0; i < session->wanted_count; i++)
		forget_drawn(&session->wanted[i]);
	for (size_t i = 0; session->environment[i]; i++)
		free(session->environment[i]);
	if (session->tool.secret > 0)
		close(session->tool.secret);
	copies_done(&session->copies);
	backup_config_done(&session->config);
	*session = (struct session){0};
}

/* One that is set already stays. False: too many. */
static bool add_variable(struct session *session, const char *text) {
	size_t count = 0, len = strcspn(text, "=") + 1;
	for (; session->environment[count]; count++)
		if (!strncmp(session->environment[count], text, len))
			return true;
	if (count < SESSION_VARIABLES_MOST)
		session->environment[count] = xstrdup(text);
	return count < SESSION_VARIABLES_MOST;
}

static bool need_path(const char *name, char **ret_path, struct err *err) {
	*ret_path = backup_config_path(name);
	return *ret_path || err_set(err, ERR_ABSENT, name, "not an absolute path, and this unit has no credentials");
}

static bool add_file(struct session *session, const char *name, struct err *err) {
	CLEANUP(free_ptr) char *path = NULL;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!need_path(name, &path, err) || !backup_config_kept(path, ENVIRONMENT_LARGEST, &bytes, err))
		return false;
	CLEANUP(lines_done) struct lines lines = lines_over(path, bytes.data, bytes.len);
	for (char *line; (line = lines_next(&lines));) {
		line = text_trim(line);
		if (!*line || *line == '#')
			continue;
		if (!strchr(line, '=') || !add_variable(session, line))
			return err_set_at(err, ERR_SYNTAX, path, lines.number, 0,
					  "not NAME=VALUE, or too many of them");
	}
	return lines_ok(&lines, err);
}

/* What the administrator's file sets counts first, then what the program needs, then what the unit has. */
static bool make_environment(struct session *session, struct err *err) {
	static const char *const always[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"};
	static const char *const handed[] = {"HOME", "TMPDIR"};
	const char *cache = getenv("CACHE_DIRECTORY");
	if (session->config.environment_file && !add_file(session, session->config.environment_file, err))
		return false;
	bool has_room = true;
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		has_room &= add_variable(session, always[i]);
	for (const char *const *text = session->program->variables; *text; text++)
		has_room &= add_variable(session, *text);
	if (cache) {
		CLEANUP(free_ptr) char *text = xasprintf("%s=%s", session->program->folder_variable, cache);
		has_room &= add_variable(session, text);
	}
	for (size_t i = 0; i < ARRAY_LEN(handed); i++) {
		CLEANUP(free_ptr)
		char *text = xasprintf("%s=%s", handed[i], getenv(handed[i]) ? getenv(handed[i]) : "");
		has_room &= !getenv(handed[i]) || add_variable(session, text);
	}
	session->tool.environment = session->environment;
	return has_room || err_set(err, ERR_TOO_BIG, session->config.environment_file, "too many variables");
}

/* The passphrase's file: its path takes the place of its name; for a program that takes it so, opened. */
static bool open_secret(struct session *session, struct err *err) {
	char *path;
	if (!session->config.password_file)
		return true;
	if (!need_path(session->config.password_file, &path, err))
		return false;
	free(session->config.password_file);
	session->config.password_file = path;
	if (!session->program->takes_secret)
		return true;
	int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (file < 0)
		return err_set(err, ERR_DENIED, path, "cannot be opened");
	session->tool.secret = file;
	return true;
}

static uint64_t monotonic_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool session_open(const struct backup_program *program, const char *name, struct session *session, struct err *err) {
	session->program = program;
	session->now = times_now();
	session->tool.secret = -1;
	if (!backup_config_load(name, program->path, &session->config, err))
		return false;
	session->tool.path = session->config.program;
	session->tool.deadline_us = monotonic_us() + (uint64_t)session->config.timeout * 1000000;
	return open_secret(session, err) && make_environment(session, err);
}

bool session_want(struct session *session, const char *path, bool is_canary, struct err *err) {
	if (!backup_config_is_path(path))
		return err_set(err, ERR_USAGE, path, "no absolute path, or not written the plain way");
	for (size_t i = 0; i < session->wanted_count; i++)
		if (!strcmp(session->wanted[i].path, path) && session->wanted[i].is_canary == is_canary)
			return true;
	if (session->wanted_count == BACKUP_PATHS_MOST)
		return err_set(err, ERR_TOO_BIG, path, "more than %d paths", BACKUP_PATHS_MOST);
	session->wanted[session->wanted_count++] = (struct wanted){.path = path, .is_canary = is_canary};
	return true;
}

bool session_fault(const struct session *session, const char *what, const struct tool_end *end, struct err *err) {
	const char *text = buf_str(&end->error);
	return err_set(err, session->program->read_failure(text), what, "%s exits with %d: %.*s", session->tool.path,
		       end->exit, (int)strcspn(text, "\r\n"), text);
}

static bool read_copies(struct session *session, struct err *err) {
	const struct copies_filter filter = {session->config.host, session->config.tags, session->now};
	CLEANUP(arguments_done) struct arguments arguments = {0};
	CLEANUP(tool_end_done) struct tool_end end = {0};
	CLEANUP(buf_done) struct buf output = {0};
	arguments_add(&arguments, session->tool.path);
	session->program->ask_copies(&session->config, &arguments);
	if (!tool_read(&session->tool, &arguments, "the list of copies", &output, &end, err))
		return false;
	if (end.exit != 0)
		return session_fault(session, "the list of copies", &end, err);
	return session->program->read_copies(output.data, output.len, &filter, &session->copies, err);
}

/* A look into one copy, for all paths of which it may be the newest. */
struct walk {
	struct session *session;
	size_t copy;
	struct err err; /* code set: a line that is none */
	size_t entries;
};

static bool is_looked_for(const struct walk *walk, const struct wanted *wanted) {
	return !wanted->found && wanted->next == walk->copy;
}

/* Each of all that come is among the drawn with the same chance. */
static void draw(struct session *session, struct wanted *wanted, const struct entry *entry, int64_t number) {
	uint64_t random = 0;
	size_t place = wanted->drawn_count;
	if (wanted->drawn_count >= session->sample) {
		if (session->sample == 0 || getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random ||
		    random % (uint64_t)number >= session->sample)
			return;
		place = (size_t)(random % (uint64_t)number);
		free(wanted->drawn[place].path);
	} else {
		wanted->drawn_count++;
	}
	wanted->drawn[place] = (struct drawn){xstrdup(entry->path), entry->size, entry->mtime_us};
}

static void count(struct session *session, struct wanted *wanted, const struct entry *entry) {
	if (!entry->is_file || !copies_is_below(entry->path, wanted->path))
		return;
	wanted->files++;
	if (entry->size <= INT64_MAX - wanted->bytes)
		wanted->bytes += entry->size;
	if (entry->is_named && (wanted->is_canary || entry->size <= session->config.largest))
		draw(session, wanted, entry, ++wanted->eligible);
}

/* Every path has a file, and there are more than are counted. */
static bool is_enough(const struct walk *walk) {
	if (walk->entries < BACKUP_ENTRIES_MOST)
		return false;
	for (size_t i = 0; i < walk->session->wanted_count; i++)
		if (is_looked_for(walk, &walk->session->wanted[i]) && walk->session->wanted[i].files == 0)
			return false;
	return true;
}

static bool use_line(void *context, const char *line, size_t len) {
	struct walk *walk = context;
	struct entry entry;
	if (len == 0)
		return true;
	if (!walk->session->program->read_entry(line, len, &entry, &walk->err))
		return false;
	if (!entry.path)
		return true;
	walk->entries++;
	for (size_t i = 0; i < walk->session->wanted_count; i++)
		if (is_looked_for(walk, &walk->session->wanted[i]))
			count(walk->session, &walk->session->wanted[i], &entry);
	free(entry.path);
	return !is_enough(walk);
}

static bool run_walk(struct walk *walk, struct err *err) {
	struct session *session = walk->session;
	const char *paths[BACKUP_PATHS_MOST + 1] = {NULL};
	CLEANUP(arguments_done) struct arguments arguments = {0};
	CLEANUP(tool_end_done) struct tool_end end = {0};
	struct tool_lines lines = {.use = use_line, .context = walk};
	const struct tool_reader reader = {tool_lines_use, &lines};
	for (size_t i = 0, k = 0; i < session->wanted_count; i++)
		if (is_looked_for(walk, &session->wanted[i]))
			paths[k++] = session->wanted[i].path;
	arguments_add(&arguments, session->tool.path);
	session->program->ask_entries(&session->config, session->copies.all[walk->copy].id, paths, &arguments);
	bool is_run = tool_run(&session->tool, &arguments, "what a copy holds", &reader, &end, err);
	bool is_whole = lines.rest.len == 0;
	buf_done(&lines.rest);
	if (!is_run)
		return false;
	if (walk->err.code) {
		*err = walk->err;
		return false;
	}
	if (lines.is_too_long || (!end.is_cut && end.exit == 0 && !is_whole))
		return err_set(err, ERR_MALFORMED, "what a copy holds", "a line that is cut or too long");
	for (size_t i = 0; i < session->wanted_count; i++)
		if (is_looked_for(walk, &session->wanted[i]))
			session->wanted[i].is_cut = end.is_cut;
	return end.is_cut || end.exit == 0 || session_fault(session, "what a copy holds", &end, err);
}

/* The path's next copy that should hold it, or none. */
static bool advance(const struct session *session, struct wanted *wanted) {
	while (wanted->next < session->copies.count &&
	       !copies_should_hold(&session->copies.all[wanted->next], wanted->path))
		wanted->next++;
	return wanted->next < session->copies.count && wanted->passed_over < BACKUP_TRIES_MOST;
}

static void settle(struct walk *walk) {
	for (size_t i = 0; i < walk->session->wanted_count; i++) {
		struct wanted *wanted = &walk->session->wanted[i];
		if (!is_looked_for(walk, wanted))
			continue;
		if (wanted->files > 0) {
			wanted->found = &walk->session->copies.all[walk->copy];
			continue;
		}
		forget_drawn(wanted);
		wanted->passed_over++;
		wanted->next++;
	}
}

bool session_find(struct session *session, struct err *err) {
	if (!read_copies(session, err))
		return false;
	for (size_t i = 0; i < session->wanted_count;) {
		struct wanted *wanted = &session->wanted[i];
		if (wanted->found || !advance(session, wanted)) {
			i++;
			continue;
		}
		for (size_t k = i + 1; k < session->wanted_count; k++)
			if (!session->wanted[k].found)
				advance(session, &session->wanted[k]);
		struct walk walk = {.session = session, .copy = wanted->next};
		if (!run_walk(&walk, err))
			return false;
		settle(&walk);
	}
	return true;
}
