/* GET /api/v1/attestations: what was attested, the newest first. */
#include "collector/api.h"
#include "collector/store_attestations.h"
#include "core/text.h"
#include "core/times.h"

#define LIMIT_STANDARD 100
#define LIMIT_MOST 1000

struct listing {
	json_t *rows;
	size_t limit;
	int64_t last, now;
	bool has_more;
};

static void listing_done(struct listing *listing) { json_decref(listing->rows); }

static void set_time(json_t *object, const char *name, int64_t instant) {
	char text[TIMES_TEXT];
	json_object_set_new(object, name, json_string(times_format(instant, text)));
}

static json_t *split(const char *controls) {
	json_t *array = json_array();
	for (const char *at = controls; *at;) {
		const size_t len = strcspn(at, ",");
		json_array_append_new(array, json_textn(at, len));
		at += len + (at[len] == ',');
	}
	return array;
}

static json_t *file_json(const struct store_attestation *attestation) {
	json_t *file = json_object();
	json_object_set_new(file, "name", json_text(attestation->file_name));
	json_object_set_new(file, "size", json_integer(attestation->file_size));
	json_object_set_new(file, "sha256", json_text(attestation->file_sha256));
	json_object_set_new(file, "mediaType", json_text(attestation->media_type));
	json_object_set_new(file, "included", json_boolean(attestation->has_content));
	return file;
}

static const char *state_of(const struct store_attestation *attestation, int64_t now) {
	if (attestation->is_revoked)
		return "revoked";
	return attestation->until > now ? "valid" : "expired";
}

static void add_row(void *context, const struct store_attestation *attestation) {
	struct listing *listing = context;
	listing->has_more = json_array_size(listing->rows) == listing->limit;
	if (listing->has_more)
		return;
	json_t *row = json_object();
	json_object_set_new(row, "controls", split(attestation->controls));
	json_object_set_new(row, "author", json_text(attestation->author));
	json_object_set_new(row, "note", json_text(attestation->note));
	if (attestation->file_name[0])
		json_object_set_new(row, "file", file_json(attestation));
	set_time(row, "collectedAt", attestation->collected);
	set_time(row, "expiresAt", attestation->expires);
	set_time(row, "receivedAt", attestation->received);
	json_object_set_new(row, "statement", json_text(attestation->statement));
	json_object_set_new(row, "host", json_text(attestation->host));
	json_object_set_new(row, "state", json_string(state_of(attestation, listing->now)));
	json_object_set_new(row, "identity", json_string(attestation->is_ended ? "ended" : "current"));
	json_array_append_new(listing->rows, row);
	listing->last = attestation->index;
}

/* A number of the query; false: answered with 400. */
static bool read_number(struct visit *visit, const char *name, unsigned long long most,
			unsigned long long *ret_number) {
	CLEANUP(free_ptr) char *text = http_query(visit->request, name);
	if (!text || (text_to_u64(text, most, ret_number) && *ret_number > 0))
		return true;
	http_error(visit->request, 400, "%s is not a number from 1 to %llu", name, most);
	return false;
}

static bool read_control(struct visit *visit, char **ret_control) {
	char *control = http_query(visit->request, "control");
	if (!control || catalogue_find(visit->collector->catalogue, control)) {
		*ret_control = control;
		return true;
	}
	free(control);
	http_error(visit->request, 400, "there is no such control");
	return false;
}

/* Index 0 is an enrolment's, so that no attestation has it. */
void api_attestations(struct visit *visit) {
	static const char *const known[] = {"control", "limit", "after", NULL};
	unsigned long long limit = LIMIT_STANDARD, after = 0;
	CLEANUP(free_ptr) char *unknown = http_query_unknown(visit->request, known);
	CLEANUP(free_ptr) char *control = NULL;
	CLEANUP(json_decref_p) json_t *answer = json_object();
	struct err err;
	if (unknown) {
		http_error(visit->request, 400, "there is no parameter \"%s\"", unknown);
		return;
	}
	if (!read_number(visit, "limit", LIMIT_MOST, &limit) || !read_number(visit, "after", INT64_MAX, &after) ||
	    !read_control(visit, &control))
		return;
	CLEANUP(listing_done)
	struct listing listing = {.rows = json_array(), .limit = (size_t)limit, .now = visit->now};
	if (!store_attestations(visit->collector->store, control, (int64_t)after, (int64_t)limit + 1, add_row, &listing,
				&err)) {
		http_fault(visit->request, &err);
		return;
	}
	CLEANUP(free_ptr) char *next = xasprintf("%lld", (long long)listing.last);
	json_object_set(answer, "attestations", listing.rows);
	json_object_set_new(answer, "next", listing.has_more ? json_string(next) : json_null());
	http_json(visit->request, 200, answer);
}
