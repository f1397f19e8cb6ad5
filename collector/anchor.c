#include "collector/anchor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/anchor_time.h"
#include "collector/log_files.h"
#include "collector/stamps.h"
#include "core/file.h"
#include "core/json.h"
#include "core/text.h"
#include "core/times.h"

#define VKEY_LARGEST 1024
#define LINE_LONGEST 1024
#define EVENTS_MOST 256

struct anchor_event {
	char *about, *said;
};

/* What each pass hands the newest anchor to, in order. */
static const anchor_part parts[] = {anchor_witness, anchor_time};

/* --- events -------------------------------------------------------------------------------------------------- */

/* Under systemd a line that begins with <3> has the priority of an error. */
static void say_line(const struct anchor *anchor, const char *priority, const char *about, const char *text) {
	char line[2 * LINE_LONGEST];
	snprintf(line, sizeof line, "%s%s%s%s", getenv("JOURNAL_STREAM") ? priority : "", about, *about ? ": " : "",
		 text);
	text_replace_controls(line);
	if (anchor->say)
		anchor->say(line);
}

void anchor_say(const struct anchor *anchor, const char *format, ...) {
	char text[LINE_LONGEST];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	say_line(anchor, "", "", text);
}

static struct anchor_event *event_about(struct anchor *anchor, const char *about) {
	for (size_t i = 0; i < anchor->event_count; i++)
		if (!strcmp(anchor->events[i].about, about))
			return &anchor->events[i];
	return NULL;
}

void anchor_trouble(struct anchor *anchor, const char *about, const char *format, ...) {
	struct anchor_event *event = event_about(anchor, about);
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	anchor->troubles++;
	if (event && event->said && !strcmp(event->said, text))
		return;
	say_line(anchor, "<4>", about, text);
	if (!event && anchor->event_count < EVENTS_MOST) {
		anchor->events = xreallocarray(anchor->events, anchor->event_count + 1, sizeof *anchor->events);
		event = &anchor->events[anchor->event_count++];
		*event = (struct anchor_event){.about = xstrdup(about)};
	}
	if (!event)
		return;
	free(event->said);
	event->said = text;
	text = NULL;
}

void anchor_well(struct anchor *anchor, const char *about) {
	struct anchor_event *event = event_about(anchor, about);
	if (!event || !event->said)
		return;
	say_line(anchor, "", about, "it works again");
	free(event->said);
	event->said = NULL;
}

static bool keep_finding(const struct anchor *anchor, const char *kind, const char *name, const char *text,
			 struct err *err) {
	CLEANUP(free_ptr) char *path = xasprintf("%s/findings/%s-%s.json", anchor->anchors, kind, name);
	CLEANUP(json_decref_p) json_t *object = json_object();
	CLEANUP(buf_done) struct buf bytes = {0};
	char at[TIMES_TEXT];
	if (access(path, F_OK) == 0)
		return true;
	json_object_set_new(object, "at", json_string(times_format(times_now(), at)));
	json_object_set_new(object, "kind", json_text(kind));
	json_object_set_new(object, "text", json_text(text));
	return json_canonical(object, &bytes, err) && file_write(path, bytes.data, bytes.len, 0644, err);
}

void anchor_finding(struct anchor *anchor, const char *kind, const char *name, const char *format, ...) {
	char text[LINE_LONGEST];
	struct err err;
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	anchor->troubles++;
	text_replace_controls(text);
	say_line(anchor, "<3>", kind, text);
	if (!keep_finding(anchor, kind, name, text, &err))
		anchor_trouble(anchor, err.where, "the finding is not kept: %s", err.why);
}

/* --- folders ------------------------------------------------------------------------------------------------- */

char *anchor_path(const char *anchors, uint64_t size) {
	return xasprintf("%s/%0*llu", anchors, ANCHOR_NAME_LEN, (unsigned long long)size);
}

char *anchor_file(const struct anchor *anchor, const char *configured) {
	if (!configured[0])
		return NULL;
	return configured[0] == '/' ? xstrdup(configured) : file_join(anchor->folder, configured);
}

/* Exactly what anchor_path() writes. */
static bool read_name(const char *name, uint64_t *ret_size) {
	unsigned long long size;
	char again[ANCHOR_NAME_LEN + 1];
	if (strlen(name) != ANCHOR_NAME_LEN || strspn(name, "0123456789") != ANCHOR_NAME_LEN)
		return false;
	const char *digits = name + strspn(name, "0");
	if (!text_to_u64(digits, MERKLE_SIZE_LARGEST, &size))
		return false;
	snprintf(again, sizeof again, "%0*llu", ANCHOR_NAME_LEN, size);
	*ret_size = size;
	return !strcmp(again, name);
}

static int by_size(const void *a, const void *b) {
	const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return (left > right) - (left < right);
}

bool anchor_sizes(const char *anchors, uint64_t **ret_sizes, size_t *ret_count, struct err *err) {
	uint64_t *sizes = NULL, size;
	size_t count = 0, room = 0;
	DIR *open_folder = opendir(anchors);
	if (!open_folder && errno != ENOENT)
		return err_errno(err, errno, ERR_IO, anchors, "open");
	for (struct dirent *entry; open_folder && (entry = readdir(open_folder));) {
		if (!read_name(entry->d_name, &size))
			continue;
		if (count == room)
			sizes = xreallocarray(sizes, room = room ? 2 * room : 64, sizeof *sizes);
		sizes[count++] = size;
	}
	if (open_folder)
		closedir(open_folder);
	if (count > 0)
		qsort(sizes, count, sizeof *sizes, by_size);
	*ret_sizes = sizes;
	*ret_count = count;
	return true;
}

bool anchor_prepare(const char *folder, const char *vkey, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, "log.vkey");
	CLEANUP(free_ptr) char *line = xasprintf("%s\n", vkey);
	CLEANUP(buf_done) struct buf there = {0};
	CLEANUP(free_ptr) char *anchors = file_join(folder, "anchors");
	struct err ignored;
	if (!file_make_folder(anchors, 0755, err) || !stamps_prepare(folder, err))
		return false;
	if (file_read(path, VKEY_LARGEST, &there, &ignored) && !strcmp(buf_str(&there), line))
		return true;
	return file_write(path, line, strlen(line), 0644, err);
}

/* --- opening ------------------------------------------------------------------------------------------------- */

static bool take_lock(struct anchor *anchor, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(anchor->anchors, "lock");
	anchor->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (anchor->lock < 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (flock(anchor->lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, ERR_REFUSED, path, "another process makes the anchors of this collector");
	return true;
}

static bool read_vkey(struct anchor *anchor, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(anchor->folder, "log.vkey");
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!file_read(path, VKEY_LARGEST, &bytes, err))
		return false;
	if (bytes.len > 0 && bytes.data[bytes.len - 1] == '\n')
		bytes.data[--bytes.len] = '\0';
	return note_verifier_read(buf_str(&bytes), &anchor->verifier, err);
}

/* What a crash left of an anchor that was being made. */
static void drop_unfinished(const struct anchor *anchor) {
	CLEANUP(free_ptr) char *folder = file_join(anchor->anchors, ".tmp-new");
	CLEANUP(free_ptr) char *note = file_join(folder, "checkpoint");
	unlink(note);
	rmdir(folder);
}

static bool make_part(const struct anchor *anchor, const char *name, struct err *err) {
	CLEANUP(free_ptr) char *folder = file_join(anchor->anchors, name);
	return file_make_folder(folder, 0755, err);
}

/* What a crash left, in older anchors too: the log may have grown since. */
static bool sweep_all(const struct anchor *anchor, struct err *err) {
	CLEANUP(free_ptr) char *stamps = file_join(anchor->folder, "timestamps");
	CLEANUP(free_ptr) char *authorities = file_join(stamps, "authorities");
	drop_unfinished(anchor);
	if (!make_part(anchor, "witnesses", err) || !make_part(anchor, "findings", err) ||
	    !file_sweep_tree(anchor->anchors, err))
		return false;
	/* timestamps/wanted is the collector's */
	return access(authorities, F_OK) != 0 || (file_sweep(stamps, err) && file_sweep(authorities, err));
}

bool anchor_open(const char *folder, void (*say)(const char *line), struct anchor **ret_anchor, struct err *err) {
	CLEANUP(anchor_free_p) struct anchor *anchor = xcalloc(1, sizeof *anchor);
	CLEANUP(free_ptr) char *config = file_join(folder, "collector.yaml");
	anchor->lock = -1;
	anchor->say = say;
	anchor->folder = xstrdup(folder);
	anchor->anchors = file_join(folder, "anchors");
	anchor->log = file_join(folder, "log");
	sigemptyset(&anchor->ends);
	sigaddset(&anchor->ends, SIGTERM);
	sigaddset(&anchor->ends, SIGINT);
	if (!config_read(config, &anchor->config, err) || !read_vkey(anchor, err) ||
	    !file_make_folder(anchor->anchors, 0755, err) || !take_lock(anchor, err))
		return false;
	if (!sweep_all(anchor, err))
		return false;
	*ret_anchor = anchor;
	anchor = NULL;
	return true;
}

void anchor_free(struct anchor *anchor) {
	if (!anchor)
		return;
	for (size_t i = 0; i < anchor->event_count; i++) {
		free(anchor->events[i].about);
		free(anchor->events[i].said);
	}
	free(anchor->events);
	anchor_time_free(anchor->time);
	note_verifier_free(anchor->verifier);
	config_free(anchor->config);
	close_fd(&anchor->lock);
	free(anchor->folder);
	free(anchor->anchors);
	free(anchor->log);
	free(anchor);
}

/* --- a pass -------------------------------------------------------------------------------------------------- */

/* What nobody can prove anything from is not worth anchoring. */
static bool is_backed(const struct anchor *anchor, const struct checkpoint *checkpoint, struct err *err) {
	CLEANUP(tile_tree_free_p)
	struct tile_tree *tiles = tile_tree_new(checkpoint->size, log_files_tile, anchor->log);
	struct hash root;
	if (!merkle_root_from(checkpoint->size, tile_tree_hash, tiles, &root, err))
		return false;
	if (!hash_equal(&root, &checkpoint->root))
		return err_set(err, ERR_REFUSED, anchor->log, "the tiles do not give the checkpoint's root");
	return true;
}

/* The folder appears under its name when all that it holds is on disk. */
static bool make(const struct anchor *anchor, const char *folder, const struct buf *note, struct err *err) {
	CLEANUP(free_ptr) char *unfinished = file_join(anchor->anchors, ".tmp-new");
	CLEANUP(free_ptr) char *path = file_join(unfinished, "checkpoint");
	drop_unfinished(anchor);
	return file_make_folder(unfinished, 0755, err) && file_create(path, note->data, note->len, 0644, err) &&
	       file_sync_folder(unfinished, err) && file_move(unfinished, folder, err);
}

/* The anchor of this size was made of the same tree: a log has one root for a size. */
static bool is_same(struct anchor *anchor, const char *folder, const struct checkpoint *checkpoint, struct err *err) {
	CLEANUP(checkpoint_done) struct checkpoint anchored = {0};
	CLEANUP(buf_done) struct buf note = {0};
	if (!log_files_checkpoint(folder, anchor->verifier, &note, &anchored, err))
		return false;
	if (anchored.size == checkpoint->size && hash_equal(&anchored.root, &checkpoint->root))
		return true;
	CLEANUP(free_ptr) char *name = xasprintf("%llu", (unsigned long long)checkpoint->size);
	anchor_finding(anchor, "log", name, "the log signed another root for its size %s than the one that is anchored",
		       name);
	return err_set(err, ERR_REFUSED, folder, "it anchors another tree of this size");
}

/* An anchor that is larger than the log: the log was set back behind what others signed. */
static bool is_newest(struct anchor *anchor, uint64_t size, struct err *err) {
	CLEANUP(free_ptr) uint64_t *sizes = NULL;
	size_t count = 0;
	if (!anchor_sizes(anchor->anchors, &sizes, &count, err))
		return false;
	if (count == 0 || sizes[count - 1] <= size)
		return true;
	CLEANUP(free_ptr) char *name = xasprintf("%llu", (unsigned long long)sizes[count - 1]);
	anchor_finding(anchor, "set-back", name,
		       "the log was set back: it has %llu entries, and had %s when it was anchored",
		       (unsigned long long)size, name);
	return true;
}

static bool open_point(struct anchor *anchor, const struct checkpoint *checkpoint, const struct buf *note,
		       const char *folder, struct buf *ret_text, struct err *err) {
	const bool is_there = access(folder, F_OK) == 0;
	if (!note_open(note->data, note->len, anchor->verifier, ret_text, err) ||
	    !is_newest(anchor, checkpoint->size, err))
		return false;
	if (is_there)
		return is_same(anchor, folder, checkpoint, err);
	return is_backed(anchor, checkpoint, err) && make(anchor, folder, note, err);
}

bool anchor_pass(struct anchor *anchor, struct err *err) {
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	CLEANUP(buf_done) struct buf note = {0}, text = {0};
	anchor->troubles = 0;
	if (!log_files_checkpoint(anchor->log, anchor->verifier, &note, &checkpoint, err))
		return false;
	if (checkpoint.size == 0)
		return true;
	CLEANUP(free_ptr) char *folder = anchor_path(anchor->anchors, checkpoint.size);
	if (!open_point(anchor, &checkpoint, &note, folder, &text, err))
		return false;
	const struct anchor_point point = {folder, checkpoint.size, checkpoint.root, buf_str(&text), text.len};
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		parts[i](anchor, &point);
	anchor->has_passed = true;
	return true;
}
