#include "sources/fetch.h"

#include <errno.h>
#include <fnmatch.h>
#include <time.h>

#include "sources/bus.h"
#include "sources/fixture_folder.h"
#include "sources/reach.h"

#define AT_ONCE 64 /* of what ends later: dbus-daemon takes 128 calls of one connection, and commands are processes */
#define TURN_US 10000 /* looks are made this long before the loop is given back to whoever waits for it */

/* A line each, so that adding one touches no other. */
/* clang-format off */
static const struct kind *const kinds[] = {
	&kind_adjtimex,
	&kind_audit_rules,
	&kind_audit_status,
	&kind_canary,
	&kind_chronyc,
	&kind_containers,
	&kind_dns,
	&kind_file,
	&kind_folder,
	&kind_greeting,
	&kind_head,
	&kind_http,
	&kind_journal,
	&kind_journal_events,
	&kind_journal_unit,
	&kind_keyfile,
	&kind_link,
	&kind_luks,
	&kind_mounts,
	&kind_netfile,
	&kind_netns,
	&kind_nft,
	&kind_now,
	&kind_ntp,
	&kind_plugin,
	&kind_previous,
	&kind_processes,
	&kind_rpmdb,
	&kind_dpkg_verify,
	&kind_service,
	&kind_shadow,
	&kind_sockets,
	&kind_ssh,
	&kind_sshd,
	&kind_inodes,
	&kind_stat,
	&kind_statvfs,
	&kind_sudoers,
	&kind_suites,
	&kind_tail,
	&kind_timesync,
	&kind_tls,
	&kind_tree,
	&kind_unit,
	&kind_units,
	NULL,
};
/* clang-format on */

/* What a fixture root may hold under .vouch though no kind here fetches it. */
static const struct kind kind_kept = {.prefix = "", .deadline_ms = FETCH_DEADLINE_MS, .look = fixture_look};

struct job {
	struct fetch *fetch;
	struct source *source;
	const struct kind *kind;
	struct ask ask;
	sd_event_source *deadline;
	struct reach_call *call; /* what it is asked for by; NULL: nothing now */
	struct part *parts;      /* what it asks for in its course */
	void *work;
	void (*end)(void *work);
	bool waits; /* not begun yet */
	struct job *next, *previous;
};

/* One name that a job asks for in its course. */
struct part {
	struct job *job;
	char *name;
	struct reach_call *call;
	void (*done)(void *job, struct answer *answer, const struct err *err);
	struct part *next;
};

struct fetch {
	sd_event *event;
	struct reach *reach;     /* to the live host */
	struct fixture *fixture; /* NULL: the live host */
	struct place place;
	const json_t *previous;      /* borrowed */
	const struct sources *ahead; /* likewise */
	struct sources *into;
	void (*done)(void *context);
	void *context;
	struct job *first, *last;
	struct job *looks;  /* where the next waiting look below a fixture root is searched from */
	struct job *starts; /* and the next that ends later */
	size_t under_way;   /* jobs that have begun and end later */
	sd_event_source
		*turn; /* on while such looks wait, and once when what has ended lets others begin, or was the last */
	sd_bus *bus;   /* NULL until it is needed */
};

const struct ask *job_ask(const struct job *job) { return &job->ask; }

sd_event *job_event(const struct job *job) { return job->fetch->event; }

bool job_bus(struct job *job, sd_bus **ret_bus, struct err *err) {
	struct fetch *fetch = job->fetch;
	int error = fetch->bus ? 0 : bus_open(fetch->event, &fetch->bus);
	if (error < 0 && (error == -EACCES || error == -EPERM))
		return err_errno(err, -error, ERR_DENIED, job->ask.name, "connect to the system bus");
	if (error < 0)
		return err_set(err, ERR_UNPROVED, job->ask.name, "no system bus to ask: %s (%s)",
			       strerrorname_np(-error), strerrordesc_np(-error));
	*ret_bus = fetch->bus;
	return true;
}

const json_t *job_previous(const struct job *job) { return job->fetch->previous; }

void job_hold(struct job *job, void *work, void (*end)(void *work)) {
	job->work = work;
	job->end = end;
}

void *job_work(const struct job *job) { return job->work; }

static void part_free(struct part *part) {
	struct part **at = &part->job->parts;
	while (*at != part)
		at = &(*at)->next;
	*at = part->next;
	if (part->call)
		reach_cancel(part->call);
	free(part->name);
	free(part);
}

static void on_part(void *context, struct answer *answer, const struct err *err) {
	struct part *part = context;
	struct job *job = part->job;
	void (*done)(void *, struct answer *, const struct err *) = part->done;
	struct err kept = {0};
	if (err)
		kept = *err;
	part->call = NULL;
	part_free(part);
	done(job, answer, err ? &kept : NULL);
}

void job_reach(struct job *job, const struct kind *kind, const char *name,
	       void (*done)(void *job, struct answer *answer, const struct err *err)) {
	struct part *part = xcalloc(1, sizeof *part);
	*part = (struct part){.job = job, .name = xstrdup(name), .done = done, .next = job->parts};
	job->parts = part;
	part->call = reach_ask(job->fetch->reach, kind, part->name, -1, on_part, part);
}

static bool is_look(const struct job *job) { return job->kind->look || job->fetch->fixture; }

static void job_free(struct job *job) {
	struct fetch *fetch = job->fetch;
	if (fetch->looks == job)
		fetch->looks = job->next;
	if (fetch->starts == job)
		fetch->starts = job->next;
	if (job->call)
		reach_cancel(job->call);
	while (job->parts)
		part_free(job->parts);
	fetch->under_way -= !job->waits && !is_look(job);
	*(job->previous ? &job->previous->next : &fetch->first) = job->next;
	*(job->next ? &job->next->previous : &fetch->last) = job->previous;
	sd_event_source_disable_unref(job->deadline);
	if (job->work)
		job->end(job->work);
	free(job);
}

/* The one way in which a source gets what it has: bytes (handed over) or an error. */
static void job_complete(struct job *job, struct answer *answer, const struct err *err) {
	struct fetch *fetch = job->fetch;
	if (err) {
		job->source->err = *err;
	} else {
		job->source->err = (struct err){0};
		job->source->bytes = answer->bytes;
		job->source->meta = answer->meta;
		job->source->sha256 = hash_of(answer->bytes.data, answer->bytes.len);
	}
	job_free(job);
	if (fetch->starts || !fetch->first)
		sd_event_source_set_enabled(fetch->turn, SD_EVENT_ON);
}

void job_answer(struct job *job, const json_t *value) {
	struct answer answer = {0};
	struct err err;
	bool is_whole = answer_json(&job->ask, value, &answer, &err);
	job_complete(job, &answer, is_whole ? NULL : &err);
}

void job_fail(struct job *job, const struct err *err) {
	struct err kept = *err; /* it may live in the work that ends now */
	job_complete(job, NULL, &kept);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *context) {
	struct job *job = context;
	struct err err;
	err_set(&err, ERR_TIMEOUT, job->ask.name, "no answer within %u ms", job->kind->deadline_ms);
	job_fail(job, &err);
	return 0;
}

/* What a look found becomes the source's bytes. */
static bool shape(const struct job *job, struct answer *answer, struct answer *ret_answer, struct err *err) {
	if (job->kind->shape && !job->kind->shape(&job->ask, answer, err))
		return false;
	*ret_answer = (struct answer){.bytes = answer->bytes, .meta = answer->meta};
	answer->bytes = (struct buf){0};
	return true;
}

static void begin_ask(struct job *job) {
	job->waits = false;
	job->ask.deadline_us = time_us() + (uint64_t)job->kind->deadline_ms * 1000;
}

/* Below a fixture root, in this process. */
static void look(struct job *job) {
	CLEANUP(answer_done) struct answer found = {0};
	struct answer answer = {0};
	struct err err = {0};
	const char *path = job->kind->below_root ? job->ask.rest : NULL;
	begin_ask(job);
	bool is_read = fixture_permits(job->fetch->fixture, job->ask.name, path, &err);
	bool is_kept = fixture_keeps(job->fetch->fixture, job->ask.name, job->kind->below_root) ||
		       (job->kind->may_be_kept && fixture_has(job->fetch->fixture, job->ask.name));
	if (is_read && is_kept)
		is_read = fixture_look(&job->ask, &answer, &err);
	else if (is_read)
		is_read = job->kind->look(&job->ask, &found, &err) && shape(job, &found, &answer, &err);
	job_complete(job, &answer, is_read ? NULL : &err);
}

static void on_look(void *context, struct answer *answer, const struct err *err) {
	struct job *job = context;
	CLEANUP(answer_done) struct answer found = {0};
	struct answer shaped = {0};
	struct err wrong;
	job->call = NULL;
	if (err) {
		job_complete(job, NULL, err);
		return;
	}
	found = *answer;
	begin_ask(job);
	bool is_whole = shape(job, &found, &shaped, &wrong);
	job_complete(job, &shaped, is_whole ? NULL : &wrong);
}

/* What ends later goes on beside the looks. */
static void begin(struct job *job) {
	begin_ask(job);
	job->fetch->under_way++;
	/* Served behind everything else that is ready: an answer that is there counts, however late we come to it. */
	if (sd_event_add_time_relative(job->fetch->event, &job->deadline, CLOCK_MONOTONIC,
				       (uint64_t)job->kind->deadline_ms * 1000, 50000, on_deadline, job) < 0 ||
	    sd_event_source_set_priority(job->deadline, SD_EVENT_PRIORITY_NORMAL + 10) < 0) {
		struct err err;
		err_set(&err, ERR_UNREADABLE, job->ask.name, "no timer for its deadline");
		job_fail(job, &err);
		return;
	}
	job->kind->start(job);
}

static void begin_waiting(struct fetch *fetch) {
	while (fetch->starts && fetch->under_way < AT_ONCE) {
		struct job *job = fetch->starts;
		fetch->starts = job->next;
		if (job->waits && !is_look(job))
			begin(job);
	}
}

static int on_turn(sd_event_source *source, void *context) {
	struct fetch *fetch = context;
	uint64_t until = time_us() + TURN_US;
	begin_waiting(fetch);
	while (fetch->looks && time_us() < until) {
		struct job *job = fetch->looks;
		fetch->looks = job->next;
		if (is_look(job))
			look(job);
	}
	if (fetch->looks)
		return 0;
	sd_event_source_set_enabled(fetch->turn, SD_EVENT_OFF);
	if (!fetch->first && fetch->done) {
		void (*done)(void *) = fetch->done;
		fetch->done = NULL;
		done(fetch->context); /* may free the fetch */
	}
	return 0;
}

struct fetch *fetch_new(sd_event *event, const struct host *host, struct sources *into) {
	struct fetch *fetch = xcalloc(1, sizeof *fetch);
	fetch->event = sd_event_ref(event);
	fetch->into = into;
	fetch->previous = host->previous;
	fetch->ahead = host->ahead;
	if (host->root) {
		fetch->fixture = fixture_open(host->root);
		fetch->place = (struct place){.root = fetch->fixture->root, .fixture = fetch->fixture};
	} else {
		fetch->reach = reach_new(event, host->helpers, kinds);
		if (host->by_one_hand)
			reach_by_one_hand(fetch->reach);
	}
	if (sd_event_add_defer(event, &fetch->turn, on_turn, fetch) < 0 ||
	    sd_event_source_set_enabled(fetch->turn, SD_EVENT_OFF) < 0)
		abort(); /* neither can fail but for want of memory */
	return fetch;
}

void fetch_free(struct fetch *fetch) {
	if (!fetch)
		return;
	for (struct job *job = fetch->first, *next; job; job = next) {
		next = job->next;
		job_free(job);
	}
	reach_free(fetch->reach);
	sd_event_source_disable_unref(fetch->turn);
	sd_bus_close_unref(fetch->bus);
	fixture_free(fetch->fixture);
	sd_event_unref(fetch->event);
	free(fetch);
}

bool fetch_is_volatile(const char *name) {
	const struct kind *kind = kind_find(kinds, name);
	if (!kind)
		return false;
	for (const char *const *pattern = kind->volatile_names; pattern && *pattern; pattern++)
		if (fnmatch(*pattern, name, 0) == 0)
			return true;
	return kind->is_volatile;
}

bool fetch_is_awaited(const char *name) {
	const struct kind *kind = kind_find(kinds, name);
	return kind && kind->is_awaited;
}

static struct job *job_new(struct fetch *fetch, struct source *source, const struct kind *kind) {
	struct job *job = xcalloc(1, sizeof *job);
	*job = (struct job){.fetch = fetch,
			    .source = source,
			    .kind = kind,
			    .waits = true,
			    .ask = {.name = source->name,
				    .rest = source->name + strlen(kind->prefix),
				    .place = &fetch->place,
				    .sent = -1},
			    .previous = fetch->last};
	*(fetch->last ? &fetch->last->next : &fetch->first) = job;
	fetch->last = job;
	return job;
}

static void copy(struct source *source, const struct source *from) {
	source->err = from->err;
	source->meta = from->meta;
	source->sha256 = from->sha256;
	buf_add(&source->bytes, from->bytes.data, from->bytes.len);
}

/* Until it has answered it was not seen: who gives up before that does not find it empty. */
static void add_job(struct fetch *fetch, struct source *source, const struct kind *kind) {
	err_set(&source->err, ERR_TIMEOUT, source->name, "given up before it had answered");
	job_new(fetch, source, kind);
}

static void add(struct fetch *fetch, const char *name) {
	struct source *source = sources_add(fetch->into, name);
	const struct kind *kind = kind_find(kinds, name);
	const struct source *early = fetch->ahead && kind && kind->is_awaited ? sources_get(fetch->ahead, name) : NULL;
	if (early)
		copy(source, early);
	else if (strlen(name) > SOURCE_NAME_LONGEST)
		err_set(&source->err, ERR_UNREADABLE, "", "a source's name is longer than %d", SOURCE_NAME_LONGEST);
	else if (!kind && fetch->fixture)
		add_job(fetch, source, &kind_kept);
	else if (!kind)
		err_set(&source->err, ERR_UNPROVED, name, "no kind of source has such a name");
	else
		add_job(fetch, source, kind);
}

void fetch_start(struct fetch *fetch, const struct names *names, void (*done)(void *context), void *context) {
	fetch->done = done;
	fetch->context = context;
	for (size_t i = 0; i < names_count(names); i++)
		if (!sources_get(fetch->into, names_at(names, i)))
			add(fetch, names_at(names, i));
	for (struct job *job = fetch->first; fetch->reach && job; job = job->next)
		if (is_look(job))
			job->call = reach_ask(fetch->reach, job->kind, job->ask.name, -1, on_look, job);
	fetch->looks = fetch->fixture ? fetch->first : NULL;
	fetch->starts = fetch->first;
	begin_waiting(fetch);
	sd_event_source_set_enabled(fetch->turn, SD_EVENT_ON);
}

void fetch_patterns(const char *pattern, struct names *patterns) {
	const struct kind *kind = kind_find(kinds, pattern);
	if (kind == &kind_inodes)
		return; /* who may look at a source may ask for its inodes */
	if (kind && kind->helper != HELPER_NONE && kind->helper != HELPER_PROBER && kind->helper != HELPER_PLUGIN)
		names_add(patterns, pattern);
	for (const char *const *need = kind ? kind->needs : NULL; need && *need; need++)
		names_add(patterns, *need);
}
