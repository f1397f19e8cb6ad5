/* drift QUEUE FOLDER FILES UNITS CHANGES MEAN_MS: changes files (f0, f1, ... in FOLDER) and units
 * (vouch-drift-0.service, ...) at random instants while vouchd runs, and takes by its own clock when a sealed statement
 * that says so appears in QUEUE. Prints what it took, one "name value" a line.
 *
 * Rules d.f0, ... show the text "v<number>" of a file; rules d.u0, ... are about a unit. A file is written in place,
 * replaced by another under its name, or removed and made anew; a unit is started or stopped. Nothing else may take
 * statements out of QUEUE meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/statement.h"

#define LINE_LARGEST (32U << 20)
#define PATIENCE_MS 90000 /* after the last change; then what is not sealed is missed */

enum way { WRITTEN, REPLACED, RECREATED, WAYS, UNIT = WAYS };
static const char *const way_names[] = {"written", "replaced", "recreated", "unit"};

struct change {
	size_t target;
	enum way way;
	long number; /* of the text; for a unit 1: started, 0: stopped */
	int64_t at_us, sealed_us;
};

static const char *queue, *folder;
static size_t files, units, count;
static struct change *changes;
static size_t made;
static unsigned statements;

static int64_t now_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void need(bool ok, const char *what) {
	if (ok)
		return;
	fprintf(stderr, "drift: %s: %s\n", what, strerrordesc_np(errno));
	exit(1);
}

static void write_text(const char *path, const char *text) {
	CLEANUP(close_fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	need(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), path);
}

static void change_file(const struct change *change) {
	CLEANUP(free_ptr) char *path = xasprintf("%s/f%zu", folder, change->target);
	CLEANUP(free_ptr) char *next = xasprintf("%s/.next", folder);
	CLEANUP(free_ptr) char *text = xasprintf("v%ld\n", change->number);
	if (change->way == RECREATED)
		need(unlink(path) == 0, path);
	if (change->way == REPLACED) {
		write_text(next, text);
		need(rename(next, path) == 0, path);
	} else {
		write_text(path, text);
	}
}

/* The clock runs from before systemctl is started. */
static void change_unit(const struct change *change) {
	CLEANUP(free_ptr) char *unit = xasprintf("vouch-drift-%zu.service", change->target - files);
	char *argv[] = {(char *)"systemctl", (char *)(change->number ? "start" : "stop"), unit, NULL};
	pid_t pid;
	errno = posix_spawnp(&pid, "systemctl", NULL, NULL, argv, environ);
	need(errno == 0, "systemctl");
}

static void make_change(size_t target) {
	static long numbers;
	struct change *change = &changes[made++];
	bool is_unit = target >= files;
	*change = (struct change){.target = target,
				  .way = is_unit ? UNIT : (enum way)(made % WAYS),
				  .number = is_unit ? (long)((made - 1) / (files + units) % 2 == 0) : ++numbers,
				  .at_us = now_us()};
	if (is_unit)
		change_unit(change);
	else
		change_file(change);
}

/* Whether these results show the change, or a later one of the same file. */
static bool shows(const json_t *results, const struct change *change) {
	CLEANUP(free_ptr)
	char *rule = xasprintf("d.%c%zu", change->way == UNIT ? 'u' : 'f',
			       change->way == UNIT ? change->target - files : change->target);
	const json_t *result;
	size_t i;
	json_array_foreach(results, i, result) {
		const json_t *row = json_array_get(json_object_get(result, "observed"), 0);
		const char *text = json_string_value(json_object_get(row, "text"));
		if (strcmp(json_string_value(json_object_get(result, "rule")), rule) != 0)
			continue;
		if (change->way == UNIT)
			return json_is_true(json_object_get(row, "active")) == (change->number == 1);
		return text && text[0] == 'v' && strtol(text + 1, NULL, 10) >= change->number;
	}
	return false;
}

static void take_statement(const char *name, int64_t at_us) {
	CLEANUP(free_ptr) char *path = file_join(queue, name);
	CLEANUP(buf_done) struct buf line = {0};
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(json_decref_p) json_t *value = NULL;
	struct err err;
	if (!file_read(path, LINE_LARGEST, &line, &err) ||
	    !statement_wire_read(line.data, line.len, path, &envelope, &body, &err) ||
	    !json_read(body.data, body.len, STATEMENT_BODY_LARGEST, path, &value, &err)) {
		fprintf(stderr, "drift: %s: %s\n", path, err.why);
		exit(1);
	}
	statements++;
	for (size_t i = 0; i < made; i++)
		if (!changes[i].sealed_us && shows(json_object_get(value, "results"), &changes[i]))
			changes[i].sealed_us = at_us;
}

/* Statements that come until then. */
static void wait_until(int inotify, int64_t until_us) {
	char buffer[65536] __attribute__((aligned(__alignof__(struct inotify_event))));
	for (int64_t now; (now = now_us()) < until_us;) {
		struct pollfd ready = {.fd = inotify, .events = POLLIN};
		if (poll(&ready, 1, (int)((until_us - now + 999) / 1000)) <= 0)
			continue;
		int64_t at_us = now_us();
		ssize_t len = read(inotify, buffer, sizeof buffer);
		need(len > 0, "read events");
		for (char *at = buffer; at < buffer + len;) {
			const struct inotify_event *event = (const struct inotify_event *)(const void *)at;
			at += sizeof *event + event->len;
			if (event->len > 0)
				take_statement(event->name, at_us);
		}
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
}

static bool all_sealed(void) {
	for (size_t i = 0; i < made; i++)
		if (!changes[i].sealed_us)
			return false;
	return true;
}

static uint32_t draw(uint32_t below) {
	uint32_t number = 0;
	need(getrandom(&number, sizeof number, 0) == sizeof number, "getrandom");
	return number % below;
}

static int by_number(const void *a, const void *b) {
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/* way WAYS + 1: all of them. */
static void print_figures(const char *name, enum way way) {
	int64_t *took = xcalloc(made + 1, sizeof *took);
	size_t sealed = 0, of = 0;
	for (size_t i = 0; i < made; i++) {
		if (way <= UNIT && changes[i].way != way)
			continue;
		of++;
		if (changes[i].sealed_us)
			took[sealed++] = changes[i].sealed_us - changes[i].at_us;
	}
	qsort(took, sealed, sizeof *took, by_number);
	printf("%s_changes %zu\n%s_missed %zu\n", name, of, name, of - sealed);
	if (sealed > 0)
		printf("%s_median_ms %.1f\n%s_p99_ms %.1f\n%s_most_ms %.1f\n", name, (double)took[sealed / 2] / 1000,
		       name, (double)took[(sealed * 99 + 99) / 100 - 1] / 1000, name, (double)took[sealed - 1] / 1000);
	free(took);
}

int main(int argc, char **argv) {
	if (argc != 7) {
		fprintf(stderr, "usage: drift QUEUE FOLDER FILES UNITS CHANGES MEAN_MS\n");
		return 2;
	}
	queue = argv[1];
	folder = argv[2];
	files = strtoul(argv[3], NULL, 10);
	units = strtoul(argv[4], NULL, 10);
	count = strtoul(argv[5], NULL, 10);
	uint32_t mean_us = (uint32_t)strtoul(argv[6], NULL, 10) * 1000;
	changes = xcalloc(count + 1, sizeof *changes);
	int inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	need(inotify >= 0 && inotify_add_watch(inotify, queue, IN_MOVED_TO) >= 0, queue);
	for (size_t i = 0; i < count; i++) {
		wait_until(inotify, now_us() + draw(2 * mean_us + 1));
		make_change(i * 7 % (files + units)); /* every target once before one comes again */
	}
	for (int64_t end_us = now_us() + PATIENCE_MS * INT64_C(1000); !all_sealed() && now_us() < end_us;)
		wait_until(inotify, now_us() + 100000);
	printf("statements %u\n", statements);
	print_figures("all", UNIT + 1);
	for (enum way way = WRITTEN; way <= UNIT; way++)
		print_figures(way_names[way], way);
	return 0;
}
