/* What the journal's entries say of themselves, by a sample of those of the last day: whole percents, rounded down. */
#include "core/events.h"
#include "core/row.h"

#define WHERE "journal:events"

static const struct check_param params[] = {
	EVENTS_PARAM,
	{"least", VALUE_INT, false, "Of fewer entries nothing is said: the look fails as unproved. Default 20."},
	{0},
};

static const struct check_field fields[] = {
	{"entries", VALUE_INT, NULL, "How many were drawn.", PRIVACY_PUBLIC, true},
	{"host", VALUE_INT, NULL, "Percent with this machine's id and a host name.", PRIVACY_PUBLIC, true},
	{"boot", VALUE_INT, NULL, "Percent with the id of a boot.", PRIVACY_PUBLIC, true},
	{"who", VALUE_INT, NULL, "Percent with a user's number, of those that are not the kernel's or audit's.",
	 PRIVACY_PUBLIC, true},
	{"program", VALUE_INT, NULL, "Percent with a program's name, of the same.", PRIVACY_PUBLIC, true},
	{"time_off", VALUE_INT, NULL,
	 "How many have a time of their own that is further than a minute from that of their receipt.", PRIVACY_PUBLIC,
	 true},
	{"audit", VALUE_INT, NULL, "How many are audit records.", PRIVACY_PUBLIC, true},
	{"auid_unset", VALUE_INT, NULL, "Percent of those without a login's user (auid 4294967295).", PRIVACY_PUBLIC,
	 true},
	{0},
};

static const char *const patterns[] = {EVENTS_PATTERN, NULL};

static void sources(const json_t *with, const struct sources *fetched, struct names *names) { events_ask(with, names); }

struct sample {
	int64_t entries, kernel, audit, host, boot, who, program, off, unset;
};

static bool read_sample(const json_t *value, struct sample *sample, struct err *err) {
	json_t *of;
	return json_get_object(value, "sample", WHERE, &of, err) &&
	       json_get_int(of, "entries", WHERE, &sample->entries, err) &&
	       json_get_int(of, "kernel", WHERE, &sample->kernel, err) &&
	       json_get_int(of, "audit", WHERE, &sample->audit, err) &&
	       json_get_int(of, "host", WHERE, &sample->host, err) &&
	       json_get_int(of, "boot", WHERE, &sample->boot, err) &&
	       json_get_int(of, "who", WHERE, &sample->who, err) &&
	       json_get_int(of, "program", WHERE, &sample->program, err) &&
	       json_get_int(of, "source_time_off", WHERE, &sample->off, err) &&
	       json_get_int(of, "auid_unset", WHERE, &sample->unset, err);
}

/* Counts that a journal of 96 slots of three entries can come to. */
static bool is_sane(const struct sample *sample) {
	const int64_t all[] = {sample->kernel, sample->audit,   sample->host, sample->boot,
			       sample->who,    sample->program, sample->off,  sample->unset};
	if (sample->entries < 0 || sample->entries > 1000000)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (all[i] < 0 || all[i] > sample->entries)
			return false;
	return sample->kernel + sample->audit <= sample->entries;
}

static void row_percent(json_t *row, const char *field, int64_t part, int64_t of) {
	if (of > 0)
		row_int(row, field, part * 100 / of);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	struct sample sample;
	json_t *value;
	if (!events_read(with, fetched, &value, err) || !read_sample(value, &sample, err))
		return false;
	if (!is_sane(&sample))
		return err_set(err, ERR_MALFORMED, WHERE, "a sample whose counts cannot be");
	if (sample.entries < param_int(with, "least", 20))
		return err_set(err, ERR_UNPROVED, WHERE,
			       "too few entries were drawn from the last day to speak of shares");
	int64_t of_programs = sample.entries - sample.kernel - sample.audit;
	if (sample.entries > 0) {
		json_t *row = row_add(rows);
		row_int(row, "entries", sample.entries);
		row_percent(row, "host", sample.host, sample.entries);
		row_percent(row, "boot", sample.boot, sample.entries);
		row_percent(row, "who", sample.who, of_programs);
		row_percent(row, "program", sample.program, of_programs);
		row_int(row, "time_off", sample.off);
		row_int(row, "audit", sample.audit);
		row_percent(row, "auid_unset", sample.unset, sample.audit);
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_journal_fields = {
	.name = "journal_fields",
	.about = "What entries of the journal say of themselves: who, which program, host, boot and time; by a sample "
		 "of "
		 "the last day.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.paths = events_ask,
	.sources = sources,
	.run = run,
};
