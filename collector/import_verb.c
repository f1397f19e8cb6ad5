/* vouch-collector import. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/orders.h"
#include "collector/verbs.h"
#include "core/base64.h"
#include "core/file.h"
#include "core/parcel.h"
#include "core/paths.h"
#include "core/text.h"
#include "core/tile.h"
#include "core/times.h"

#define PARCELS_MOST 65536
#define AGAIN_MOST 1000 /* folders of answers to the same parcel */

struct importing {
	const struct verb_call *call;
	const char *folder;          /* the collector's */
	const char *answers;         /* where they go */
	struct collector *collector; /* NULL: one runs there, and is asked */
	size_t parcels, lines, failed;
};

/* --- asking ------------------------------------------------------------------------------------------------------- */

/* Where nobody listens, no collector runs, and we are it. */
static bool ask(struct importing *importing, const json_t *order, json_t **ret_answer, struct err *err) {
	struct err why;
	if (!importing->collector) {
		if (order_socket_ask(importing->folder, order, ret_answer, &why))
			return true;
		if (why.code != ERR_ABSENT) {
			*err = why;
			return false;
		}
		umask(077);
		if (!collector_open(importing->folder, NULL, importing->call->say, &importing->collector, err))
			return false;
	}
	return order_do(importing->collector, order, times_now(), ret_answer, err);
}

/* --- the answers -------------------------------------------------------------------------------------------------- */

static bool write_below(const char *folder, const char *name, const void *data, size_t len, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(free_ptr) char *parent = xstrdup(path);
	*strrchr(parent, '/') = '\0';
	return file_make_folder(parent, 0755, err) && file_write(path, data, len, 0644, err);
}

static bool write_tiles(const char *folder, const json_t *tiles, struct err *err) {
	const char *path, *text;
	json_t *value;
	json_object_foreach((json_t *)tiles, path, value) {
		CLEANUP(buf_done) struct buf bytes = {0};
		CLEANUP(free_ptr) char *name = xasprintf("log/%s", path);
		unsigned level, width;
		uint64_t index;
		text = json_string_value(value);
		if (!text || !tile_path_read(path, &level, &index, &width) ||
		    !base64_decode(text, strlen(text), "tile", &bytes, err))
			return err_set(err, ERR_MALFORMED, "collector", "it answered with a tile that is none");
		if (!write_below(folder, name, bytes.data, bytes.len, err))
			return false;
	}
	return true;
}

static bool write_step(const char *folder, FILE *file, const json_t *answer, struct err *err) {
	const char *answers, *checkpoint;
	json_t *tiles;
	if (!json_get_string(answer, "answers", "collector", &answers, err) ||
	    !json_get_string(answer, "checkpoint", "collector", &checkpoint, err) ||
	    !json_get_object(answer, "tiles", "collector", &tiles, err))
		return false;
	if (fputs(answers, file) < 0)
		return err_errno(err, errno, ERR_IO, PARCEL_ANSWERS, "write");
	return write_tiles(folder, tiles, err) &&
	       write_below(folder, "log/checkpoint", checkpoint, strlen(checkpoint), err);
}

/* --- a parcel ----------------------------------------------------------------------------------------------------- */

static void say_progress(const struct importing *importing, const char *path, const json_t *answer, int64_t done) {
	CLEANUP(free_ptr)
	char *text = xasprintf("%s: %lld of %lld statements", path, (long long)done,
			       (long long)json_integer_value(json_object_get(answer, "of")));
	text_replace_controls(text);
	importing->call->say(text);
}

static bool import_all(struct importing *importing, const char *path, const char *draft, FILE *file, int64_t *ret_done,
		       struct err *err) {
	CLEANUP(json_decref_p)
	json_t *order = json_pack("{s:s, s:o, s:I}", "do", "import", "parcel", json_text(path), "from", (json_int_t)0);
	for (bool is_last = false; !is_last;) {
		CLEANUP(json_decref_p) json_t *answer = NULL;
		if (!ask(importing, order, &answer, err) || !write_step(draft, file, answer, err))
			return false;
		*ret_done += json_integer_value(json_object_get(answer, "lines"));
		say_progress(importing, path, answer, *ret_done);
		is_last = !json_object_get(answer, "next");
		json_object_set(order, "from", json_object_get(answer, "next"));
		json_object_set(order, "seen", json_object_get(answer, "seen"));
	}
	return true;
}
/* A name below the answers' folder that is free: of a parcel that comes again too. */
static char *free_name(const struct importing *importing, const char *path, struct err *err) {
	struct stat status;
	const char *name = strrchr(path, '/') + 1;
	for (int again = 1; again < AGAIN_MOST; again++) {
		char *at = again == 1 ? file_join(importing->answers, name)
				      : xasprintf("%s/%s-%d", importing->answers, name, again);
		if (lstat(at, &status) != 0 && errno == ENOENT)
			return at;
		free(at);
	}
	err_set(err, ERR_REFUSED, importing->answers, "this parcel was answered %d times: take the answers away",
		AGAIN_MOST);
	return NULL;
}

/* Answers that came before a failure are answers: they go back as well. */
static bool keep_answers(const char *draft, const char *name, FILE *file, const char *to, struct err *err) {
	if (fflush(file) != 0 || fsync(fileno(file)) != 0)
		return err_errno(err, errno, ERR_IO, name, "write");
	return file_sync_folder(draft, err) && file_move(draft, to, err);
}

static bool import_parcel(struct importing *importing, const char *path, struct err *err) {
	CLEANUP(free_ptr) char *to = free_name(importing, path, err);
	CLEANUP(free_ptr) char *draft = NULL, *name = NULL;
	CLEANUP(close_stream) FILE *file = NULL;
	struct err ignored;
	int64_t done = 0;
	if (!to)
		return false;
	draft = xasprintf("%s/.tmp-%s-%ld", importing->answers, strrchr(path, '/') + 1, (long)getpid());
	name = file_join(draft, PARCEL_ANSWERS);
	if (mkdir(draft, 0755) != 0 || !(file = fopen(name, "wxe")))
		return err_errno(err, errno, ERR_IO, draft, "make");
	const bool is_whole = import_all(importing, path, draft, file, &done, err);
	importing->lines += (size_t)done;
	importing->parcels += is_whole;
	if (done > 0)
		return keep_answers(draft, name, file, to, is_whole ? err : &ignored) && is_whole;
	unlink(name);
	rmdir(draft);
	return is_whole;
}

/* --- the verb ----------------------------------------------------------------------------------------------------- */

static bool is_parcel(const char *path) {
	CLEANUP(free_ptr) char *file = file_join(path, PARCEL_FILE);
	return access(file, F_OK) == 0;
}

/* The folder itself, or those in it; by name, which is the order of each host's chain. */
static bool find_parcels(const char *folder, struct paths *paths, struct err *err) {
	CLEANUP(close_folder) DIR *open = opendir(folder);
	if (!open)
		return err_errno(err, errno, ERR_ABSENT, folder, "open folder");
	if (is_parcel(folder)) {
		paths_add(paths, xstrdup(folder));
		return true;
	}
	for (struct dirent *entry = readdir(open); entry; entry = readdir(open)) {
		char *path = file_join(folder, entry->d_name);
		if (entry->d_name[0] != '.' && is_parcel(path) && paths->count < PARCELS_MOST)
			paths_add(paths, path);
		else
			free(path);
	}
	if (paths->count == 0)
		return err_set(err, ERR_ABSENT, folder, "there is no parcel in it (vouch-ship --to)");
	paths_sort(paths);
	return true;
}

/* One that cannot be taken does not keep the others of other hosts out. */
static void import_each(struct importing *importing, const struct paths *paths) {
	struct err why;
	char text[640];
	for (size_t i = 0; i < paths->count; i++) {
		if (import_parcel(importing, paths->items[i], &why))
			continue;
		importing->failed++;
		CLEANUP(free_ptr) char *line = xasprintf("%s: %s", paths->items[i], err_text(&why, text, sizeof text));
		text_replace_controls(line);
		importing->call->say(line);
	}
}

static const struct option options[] = {{"answers", required_argument, NULL, 'a'}, {0}};

static bool take_option(int option, const char *value, void *context, struct err *err) {
	*(const char **)context = value;
	return true;
}

static bool run_import(const struct verb_call *call, struct err *err) {
	struct importing importing = {.call = call};
	const char *operands[2];
	CLEANUP(paths_done) struct paths paths = {0};
	if (!collector_options(call, options, take_option, &importing.answers, 2, operands, err))
		return false;
	if (!importing.answers)
		return err_set(err, ERR_USAGE, "answers",
			       "the hosts need the answers back: where are they to be written?");
	CLEANUP(free_ptr) char *from = realpath(operands[1], NULL);
	if (!from)
		return err_errno(err, errno, ERR_ABSENT, operands[1], "find");
	importing.folder = operands[0];
	if (!find_parcels(from, &paths, err) || !file_make_folder(importing.answers, 0755, err))
		return false;
	import_each(&importing, &paths);
	collector_free(importing.collector);
	buf_addf(call->out, "%zu statements, %zu parcels; carry %s back (vouch-ship --from)\n", importing.lines,
		 importing.parcels, importing.answers);
	return importing.failed == 0 || err_set(err, ERR_REFUSED, from, "%zu of %zu parcels were not taken as a whole",
						importing.failed, paths.count);
}

const struct verb collector_import = {
	"import",
	"DIR FOLDER --answers FOLDER",
	"Receive what hosts without a network wrote (vouch-ship --to); a parcel, or a folder of them.",
	"  --answers FOLDER   where receipts are written, to be carried back (vouch-ship --from)\n",
	run_import,
};
