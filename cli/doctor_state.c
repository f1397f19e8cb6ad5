/* vouch doctor: what runs here by which policy, the clock, and what waits in the spool. */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "agent/owned.h"
#include "agent/spool.h"
#include "cli/doctor.h"
#include "core/text.h"
#include "core/times.h"
#include "core/waiver.h"

#define SOON_S (INT64_C(14) * 86400)
#define WAITS_LONG_S 3600
#define LOCKS_LARGEST (1U << 20)
#define CLOCK_SLACK_S 60

/* --- policy and waivers ------------------------------------------------------------------------------------------- */

static bool load_stack(struct doctor *doctor, struct stack **ret_stack, struct err *err) {
	const struct host here = {0};
	return stack_of_host(doctor->settings, doctor->data, &here, ret_stack, err);
}

void doctor_policy(struct doctor *doctor) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	struct err err;
	if (!settings_load(doctor->settings_path, doctor->has_settings, &doctor->settings, &err)) {
		doctor_say_err(doctor, DOCTOR_PROBLEM, "mend that line", &err);
		return;
	}
	if (!owned_configuration(doctor->settings_path, doctor->settings, &err)) {
		doctor_say_err(doctor, DOCTOR_PROBLEM, "chown root: it, chmod go-w; vouchd takes nothing else", &err);
		return;
	}
	if (!load_stack(doctor, &stack, &err)) {
		doctor_say_err(doctor, DOCTOR_PROBLEM, "mend it; vouch lint --effective shows what this host runs",
			       &err);
		return;
	}
	doctor_say(doctor, DOCTOR_OK, NULL, "%zu rules of %zu %s", stack->policies->rule_count,
		   stack->policies->policy_count, stack->policies->policy_count == 1 ? "policy" : "policies");
}

static void say_waiver(struct doctor *doctor, const struct waiver *waiver, int64_t now) {
	char at[TIMES_TEXT];
	times_format(waiver->expires, at);
	if (waiver->expires <= now)
		doctor_say(doctor, DOCTOR_WARNING, "take it out, or have it approved anew",
			   "%s:%u: waiver %s of %s expired at %s", waiver->path, waiver->line, waiver->id, waiver->rule,
			   at);
	else if (waiver->expires - now < SOON_S)
		doctor_say(doctor, DOCTOR_WARNING, NULL, "%s:%u: waiver %s of %s expires at %s", waiver->path,
			   waiver->line, waiver->id, waiver->rule, at);
}

/* What is wrong with the policy was said above. */
void doctor_waivers(struct doctor *doctor) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	struct err ignored;
	if (!doctor->settings || !load_stack(doctor, &stack, &ignored))
		return;
	for (size_t i = 0; i < stack->policies->waiver_count; i++)
		say_waiver(doctor, stack->policies->waivers[i], times_now());
}

/* --- the clock ---------------------------------------------------------------------------------------------------- */

static int64_t changed_at(const char *path) {
	struct stat status;
	return stat(path, &status) == 0 ? (int64_t)status.st_mtim.tv_sec : 0;
}

void doctor_clock(struct doctor *doctor) {
	struct timex kernel = {.modes = 0};
	char at[TIMES_TEXT];
	const int64_t now = times_now(), sealed = changed_at(doctor->home->chain);
	const int64_t enrolled = doctor->enrolment ? doctor->enrolment->enrolled_at : 0;
	const int64_t latest = sealed > enrolled ? sealed : enrolled;
	const int state = adjtimex(&kernel);
	if (now + CLOCK_SLACK_S < latest)
		doctor_say(doctor, DOCTOR_PROBLEM, "timedatectl status",
			   "the clock is behind what was sealed here already, at %s", times_format(latest, at));
	if (state < 0)
		doctor_say(doctor, DOCTOR_UNSEEN, NULL, "the kernel does not say whether the clock is synchronised");
	else if (kernel.status & STA_UNSYNC)
		doctor_say(doctor, DOCTOR_WARNING, "timedatectl status", "the kernel's clock is not synchronised");
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "the kernel's clock is synchronised, within %ld ms",
			   kernel.maxerror / 1000);
}

/* --- the spool ---------------------------------------------------------------------------------------------------- */

static void say_room(struct doctor *doctor, int64_t bytes, size_t statements) {
	const int64_t limit = doctor->settings ? doctor->settings->spool_limit : SPOOL_LIMIT_DEFAULT;
	const int percent = (int)(bytes * 100 / (limit > 0 ? limit : 1));
	if (percent >= 80)
		doctor_say(doctor, percent >= 100 ? DOCTOR_PROBLEM : DOCTOR_WARNING,
			   "bring the collector back, or raise spool_limit",
			   "%zu statements take %d %% of the spool: a full one keeps no more rounds", statements,
			   percent);
	else
		doctor_say(doctor, DOCTOR_OK, NULL, "%zu statements, %" PRId64 " bytes, %d %% of the limit", statements,
			   bytes, percent);
}

static void say_queue(struct doctor *doctor) {
	CLEANUP(spool_list_done) struct spool_list queue = {0};
	char span[32];
	struct err err;
	if (!spool_list(doctor->home->queue, &queue, &err)) {
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
		return;
	}
	if (!queue.count)
		return;
	CLEANUP(free_ptr) char *first = file_join(doctor->home->queue, queue.names[0]);
	const int64_t since = changed_at(first), age = times_now() - since;
	if (since && age > WAITS_LONG_S)
		doctor_say(doctor, DOCTOR_WARNING, "journalctl -u vouch-ship",
			   "the oldest statement has waited for the collector for %s", doctor_span(age, span));
}

static void say_refused(struct doctor *doctor) {
	CLEANUP(spool_list_done) struct spool_list refused = {0};
	struct err err;
	CLEANUP(free_ptr) char *command = xasprintf("cat %s/*.reason", doctor->home->refused);
	if (!spool_list(doctor->home->refused, &refused, &err))
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
	else if (refused.count)
		doctor_say(doctor, DOCTOR_PROBLEM, command,
			   "the collector refused %zu: the chain has a gap there, for good", refused.count);
}

void doctor_spool(struct doctor *doctor) {
	int64_t bytes = 0;
	size_t statements = 0;
	struct err err;
	if (!spool_bytes(doctor->home, &bytes, &statements, &err)) {
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
		return;
	}
	say_room(doctor, bytes, statements);
	say_queue(doctor);
	say_refused(doctor);
}

/* --- who holds the locks ------------------------------------------------------------------------------------------ */

/* "1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF": the process, when it is this inode. The device is not
 * compared: overlay file systems show one here and another in stat(2). */
static long holder_in(char *line, const char *inode) {
	const char *words[6] = {NULL};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		words[i] = text_word(&line);
	if (!words[5] || strcmp(words[1], "FLOCK") != 0)
		return 0;
	const char *colon = strrchr(words[5], ':');
	return colon && !strcmp(colon + 1, inode) ? strtol(words[4], NULL, 10) : 0;
}

/* The process that has a file locked, by proc_locks(5); 0: none. The lock itself is never tried: that would be in
 * somebody's way. */
static long holder_of(const char *locks, const struct stat *file) {
	CLEANUP(free_ptr) char *inode = xasprintf("%" PRIu64, (uint64_t)file->st_ino);
	long holder = 0;
	while (*locks && !holder) {
		const size_t len = strcspn(locks, "\n");
		CLEANUP(free_ptr) char *line = xstrndup(locks, len);
		holder = holder_in(line, inode);
		locks += len + (locks[len] == '\n');
	}
	return holder;
}

static void say_lock(struct doctor *doctor, const char *locks, const char *path, const char *who, const char *next) {
	struct stat status;
	CLEANUP(buf_done) struct buf name = {0};
	struct err ignored;
	long holder = stat(path, &status) == 0 ? holder_of(locks, &status) : 0;
	if (!holder) {
		doctor_say(doctor, DOCTOR_WARNING, next, "no %s works in %s", who, doctor->home->folder);
		return;
	}
	CLEANUP(free_ptr) char *comm = xasprintf("/proc/%ld/comm", holder);
	(void)!file_read(comm, 64, &name, &ignored);
	CLEANUP(free_ptr) char *text = buf_take(&name);
	doctor_say(doctor, DOCTOR_OK, NULL, "process %ld (%s) %s", holder, text_trim(text),
		   !strcmp(who, "vouchd") ? "seals" : "ships");
}

void doctor_locks(struct doctor *doctor) {
	CLEANUP(buf_done) struct buf locks = {0};
	struct err err;
	if (access(doctor->home->lock, F_OK) != 0 && errno == EACCES) {
		err_errno(&err, errno, ERR_IO, doctor->home->lock, "look at");
		doctor_say_err(doctor, DOCTOR_PROBLEM, NULL, &err);
		return;
	}
	if (!file_read("/proc/locks", LOCKS_LARGEST, &locks, &err)) {
		doctor_say_err(doctor, DOCTOR_UNSEEN, NULL, &err);
		return;
	}
	say_lock(doctor, buf_str(&locks), doctor->home->lock, "vouchd", "systemctl start vouchd");
	say_lock(doctor, buf_str(&locks), doctor->home->ship_lock, "vouch-ship", "systemctl start vouch-ship");
}
