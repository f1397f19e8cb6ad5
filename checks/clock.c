/* What the kernel itself thinks of its clock.
 *
 * The bit STA_UNSYNC alone may be stale: it stays clear for hours after the daemon that disciplined the clock has died.
 * maxerror tells earlier: the kernel lets it grow by 500 us a second until somebody resets it. */
#include "core/check.h"

#define CLOCK "adjtimex:"
#define UNSYNC 0x40 /* STA_UNSYNC, timex(2) */
#define ERROR 5     /* TIME_ERROR */

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "state", .type = VALUE_STRING, .about = "ok, insert, delete, leap, wait (leap seconds), or error."},
	{.name = "synchronised",
	 .type = VALUE_BOOL,
	 .about = "Whether the kernel holds its clock for synchronised: neither STA_UNSYNC nor TIME_ERROR."},
	{.name = "maxerror",
	 .type = VALUE_INT,
	 .unit = "us",
	 .about = "The largest error that the kernel allows for; grows by 500 a second when nobody disciplines.",
	 .is_volatile = true},
	{.name = "esterror",
	 .type = VALUE_INT,
	 .unit = "us",
	 .about = "The error that the daemon estimated.",
	 .is_volatile = true},
	{0},
};

static const char *const patterns[] = {CLOCK, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, CLOCK);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	static const char *const states[] = {"ok", "insert", "delete", "leap", "wait", "error"};
	json_t *clock = NULL;
	int64_t state = 0, status = 0, maxerror = 0, esterror = 0;
	if (!source_need_json(fetched, CLOCK, &clock, err) || !json_get_int(clock, "state", CLOCK, &state, err) ||
	    !json_get_int(clock, "status", CLOCK, &status, err) ||
	    !json_get_int(clock, "maxerror", CLOCK, &maxerror, err) ||
	    !json_get_int(clock, "esterror", CLOCK, &esterror, err))
		return false;
	if (state < 0 || state > ERROR)
		return err_set(err, ERR_MALFORMED, CLOCK, "no such state of a clock");
	bool is_synchronised = !(status & UNSYNC) && state != ERROR;
	ret_observation->rows =
		json_pack("[{s:b, s:I, s:I, s:s}]", "synchronised", is_synchronised, "maxerror", (json_int_t)maxerror,
			  "esterror", (json_int_t)esterror, "state", states[state]);
	return true;
}

const struct check check_clock = {
	.name = "clock",
	.about = "Whether the kernel's clock is synchronised, and how far it may be off.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
