/* The register of active probes: the file in which somebody answers for each (core/approvals.h). */
#include "core/approvals.h"
#include "core/check.h"
#include "core/etc.h"
#include "core/row.h"

#define USUAL "file:/etc/vouch/approvals"
#define OWN "file:" VOUCH_SYSCONFDIR "/approvals"
#define NOW "now:"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "what", .type = VALUE_STRING, .about = "file (one row) or approval (one for each line of it)."},
	{.name = "path", .type = VALUE_STRING, .about = "Of the file: where it is, if it is there."},
	{.name = "exists",
	 .type = VALUE_BOOL,
	 .about = "Of the file: whether it is there; without it no probe is made at all."},
	{.name = "uid", .type = VALUE_INT, .about = "Of the file: whose it is."},
	{.name = "mode", .type = VALUE_MODE, .about = "Of the file: who may read and write it."},
	{.name = "well_formed",
	 .type = VALUE_BOOL,
	 .about = "Of the file: whether it is what such a file is; one with a fault approves nothing."},
	{.name = "fault", .type = VALUE_STRING, .about = "Of the file: the first fault and its line."},
	{.name = "probe", .type = VALUE_STRING, .about = "Of an approval: what may be probed."},
	{.name = "by",
	 .type = VALUE_STRING,
	 .about = "Of an approval: who answers for it.",
	 .privacy = PRIVACY_PERSONAL},
	{.name = "until", .type = VALUE_STRING, .about = "Of an approval: its last day, UTC."},
	{.name = "reason", .type = VALUE_STRING, .about = "Of an approval: its why."},
	{.name = "ended", .type = VALUE_BOOL, .about = "Of an approval: whether its last day has passed."},
	{.name = "left",
	 .type = VALUE_DURATION,
	 .unit = "s",
	 .about = "Of an approval: how long it still holds.",
	 .is_volatile = true},
	{0},
};

static const char *const patterns[] = {OWN, USUAL, NOW, ETC_SOURCE, NULL};

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	names_add(names, OWN);
	names_add(names, USUAL);
	names_add(names, NOW);
	names_add(names, ETC_SOURCE);
}

static void add_approval(json_t *rows, const struct approval *approval, int64_t now) {
	json_t *row = row_add(rows);
	row_text(row, "what", "approval");
	row_text(row, "probe", approval->probe);
	row_text(row, "by", approval->by);
	row_text(row, "until", approval->until);
	row_text(row, "reason", approval->why);
	row_bool(row, "ended", now >= approval->ends);
	row_int(row, "left", now >= approval->ends ? 0 : approval->ends - now);
}

/* A file with a fault approves nothing: that is said of it, and is no failed look. */
static void add_content(json_t *rows, json_t *row, const struct source *source, int64_t now) {
	CLEANUP(approvals_free_p) struct approvals *approvals = NULL;
	struct err fault;
	bool is_read = approvals_read(source->bytes.data, source->bytes.len, source->name, &approvals, &fault);
	row_bool(row, "well_formed", is_read);
	if (!is_read) {
		CLEANUP(free_ptr) char *text = xasprintf("line %u: %s", fault.line, fault.why);
		row_text(row, "fault", text);
	}
	for (size_t i = 0; is_read && i < approvals_count(approvals); i++)
		add_approval(rows, approvals_at(approvals, i), now);
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	const struct source *source = NULL;
	int64_t now = 0;
	if (!source_maybe(fetched, OWN, &source, err) || (!source && !etc_maybe(fetched, USUAL, &source, err)) ||
	    !source_now(fetched, &now, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "what", "file");
	row_bool(row, "exists", source != NULL);
	if (source) {
		row_text(row, "path", strchr(source->name, ':') + 1);
		CLEANUP(free_ptr) char *mode = xasprintf("%04o", (unsigned)source->meta.mode & 07777);
		if (!source->meta.known)
			return err_set(err, ERR_UNPROVED, source->name, "whose it is was not seen");
		row_int(row, "uid", source->meta.uid);
		row_text(row, "mode", mode);
		add_content(rows, row, source, now);
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_approvals = {
	.name = "approvals",
	.about = "The register of active probes: the file itself, and who answers for what until when.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
