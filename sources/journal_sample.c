#include "sources/journal_sample.h"

#include <string.h>

#include "core/text.h"
#include "sources/journal_open.h"

#define DAY_US (86400ULL * 1000000)
#define FIELDS_MOST 256 /* of one entry */

enum fact {
	FACT_HOST_NAME,
	FACT_MACHINE,
	FACT_BOOT,
	FACT_UID,
	FACT_PROGRAM,
	FACT_KERNEL,
	FACT_AUDIT,
	FACT_AUID_UNSET,
};

struct sample {
	json_int_t entries, kernel, audit, host, boot, who, program, source_time, source_time_off, auid_unset;
};

struct entry {
	unsigned facts; /* bits */
	uint64_t at, source_time;
};

/* prefix: "FIELD=", or a whole "FIELD=value". */
static const struct {
	const char *prefix;
	bool is_whole;
	enum fact fact;
} known[] = {
	{"_HOSTNAME=", false, FACT_HOST_NAME},
	{"_BOOT_ID=", false, FACT_BOOT},
	{"_UID=", false, FACT_UID},
	{"_EXE=", false, FACT_PROGRAM},
	{"_COMM=", false, FACT_PROGRAM},
	{"_TRANSPORT=kernel", true, FACT_KERNEL},
	{"_TRANSPORT=audit", true, FACT_AUDIT},
	{"_AUDIT_LOGINUID=4294967295", true, FACT_AUID_UNSET},
	{"_AUDIT_FIELD_AUID=4294967295", true, FACT_AUID_UNSET},
};

static bool has(const struct entry *entry, enum fact fact) { return entry->facts >> fact & 1; }

static bool begins(const char *data, size_t len, const char *prefix, bool is_whole) {
	size_t size = strlen(prefix);
	return (is_whole ? len == size : len > size) && !memcmp(data, prefix, size);
}

static void take_field(struct entry *entry, const char *data, size_t len, const char *machine) {
	static const char of_machine[] = "_MACHINE_ID=", of_source[] = "_SOURCE_REALTIME_TIMESTAMP=";
	unsigned long long time;
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (begins(data, len, known[i].prefix, known[i].is_whole))
			entry->facts |= 1U << known[i].fact;
	if (begins(data, len, of_machine, false) && len - strlen(of_machine) == strlen(machine) &&
	    !memcmp(data + strlen(of_machine), machine, strlen(machine)))
		entry->facts |= 1U << FACT_MACHINE;
	if (!begins(data, len, of_source, false) || len > 64)
		return;
	CLEANUP(free_ptr) char *text = xstrndup(data + strlen(of_source), len - strlen(of_source));
	if (text_to_u64(text, INT64_MAX, &time))
		entry->source_time = time;
}

static void add(struct sample *sample, const struct entry *entry) {
	bool is_kernel = has(entry, FACT_KERNEL), is_audit = has(entry, FACT_AUDIT);
	uint64_t apart =
		entry->at > entry->source_time ? entry->at - entry->source_time : entry->source_time - entry->at;
	sample->entries++;
	sample->kernel += is_kernel;
	sample->audit += is_audit;
	sample->host += has(entry, FACT_HOST_NAME) && has(entry, FACT_MACHINE);
	sample->boot += has(entry, FACT_BOOT);
	sample->who += !is_kernel && !is_audit && has(entry, FACT_UID);
	sample->program += !is_kernel && !is_audit && has(entry, FACT_PROGRAM);
	sample->source_time += entry->source_time != 0;
	sample->source_time_off += entry->source_time != 0 && apart > JOURNAL_LAG_MOST * 1000000ULL;
	sample->auid_unset += is_audit && has(entry, FACT_AUID_UNSET);
}

static int take_entry(sd_journal *journal, const char *machine, struct sample *sample, uint64_t *ret_at) {
	struct entry entry = {0};
	const void *data;
	size_t len, fields = 0;
	int more = sd_journal_get_realtime_usec(journal, &entry.at);
	sd_journal_restart_data(journal);
	while (more >= 0 && fields++ < FIELDS_MOST &&
	       (more = sd_journal_enumerate_available_data(journal, &data, &len)) > 0)
		take_field(&entry, data, len, machine);
	if (more < 0)
		return more;
	add(sample, &entry);
	*ret_at = entry.at;
	return 0;
}

/* The first entries at or behind a time; none that was drawn before. */
static int take_slot(sd_journal *journal, const char *machine, uint64_t from, struct sample *sample, uint64_t *drawn) {
	int more = sd_journal_seek_realtime_usec(journal, from > *drawn ? from : *drawn + 1);
	for (size_t i = 0; more >= 0 && i < JOURNAL_SAMPLE_EACH; i++) {
		if ((more = sd_journal_next(journal)) <= 0)
			break;
		more = take_entry(journal, machine, sample, drawn);
	}
	return more;
}

bool journal_sample_read(const struct ask *ask, sd_journal *journal, const char *machine, uint64_t until,
			 json_t **ret_value, struct err *err) {
	struct sample sample = {0};
	uint64_t from = until > DAY_US ? until - DAY_US : 0, drawn = 0;
	for (size_t i = 0; i < JOURNAL_SAMPLE_SLOTS; i++) {
		uint64_t slot = from + i * (DAY_US / JOURNAL_SAMPLE_SLOTS);
		if (!ask_in_time(ask, err))
			return false;
		if (drawn > slot + DAY_US / JOURNAL_SAMPLE_SLOTS)
			continue; /* nothing in this slot: what comes next was drawn */
		int error = take_slot(journal, machine, slot, &sample, &drawn);
		if (error < 0)
			return journal_fault(ask, error, "sample", err);
	}
	*ret_value = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "entries", sample.entries, "kernel",
			       sample.kernel, "audit", sample.audit, "host", sample.host, "boot", sample.boot, "who",
			       sample.who, "program", sample.program, "source_time", sample.source_time,
			       "source_time_off", sample.source_time_off, "auid_unset", sample.auid_unset);
	return true;
}
