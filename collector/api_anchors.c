/* GET /api/v1/anchors: checkpoints that others signed, from the folder that the anchor process writes. */
#include "collector/anchor.h"
#include "collector/api.h"
#include "core/base64.h"
#include "core/file.h"
#include "core/text.h"

#define LIMIT_STANDARD 100
#define LIMIT_MOST 1000
#define ANSWER_MOST ((size_t)8 << 20) /* bytes of files in an answer; one anchor more than that, at most */
#define TIMESTAMPS_MOST 64
#define RESPONSE_LARGEST ((size_t)64 << 10)
#define CERTIFICATES_LARGEST ((size_t)256 << 10)

struct asked {
	uint64_t after; /* a size; 0: from the first */
	size_t limit;
};

/* False: answered with 400. */
static bool read_number(struct visit *visit, const char *name, unsigned long long most, unsigned long long *number) {
	CLEANUP(free_ptr) char *text = http_query(visit->request, name);
	if (!text || (text_to_u64(text, most, number) && *number > 0))
		return true;
	http_error(visit->request, 400, "%s is not a number from 1 to %llu", name, most);
	return false;
}

static bool read_asked(struct visit *visit, struct asked *asked) {
	static const char *const known[] = {"limit", "after", NULL};
	unsigned long long after = 0, limit = LIMIT_STANDARD;
	CLEANUP(free_ptr) char *unknown = http_query_unknown(visit->request, known);
	if (unknown) {
		http_error(visit->request, 400, "there is no parameter \"%s\"", unknown);
		return false;
	}
	if (!read_number(visit, "after", MERKLE_SIZE_LARGEST, &after) ||
	    !read_number(visit, "limit", LIMIT_MOST, &limit))
		return false;
	*asked = (struct asked){after, (size_t)limit};
	return true;
}

/* The n-th time stamp with its certificates. ERR_ABSENT: there is none; it is there when both of its files are. */
static bool timestamp_json(const char *folder, unsigned n, json_t **ret_object, size_t *bytes, struct err *err) {
	CLEANUP(free_ptr) char *response_path = xasprintf("%s/timestamp-%u.tsr", folder, n);
	CLEANUP(free_ptr) char *certificates_path = xasprintf("%s/timestamp-%u.pem", folder, n);
	CLEANUP(buf_done) struct buf response = {0}, certificates = {0};
	if (!file_read(response_path, RESPONSE_LARGEST, &response, err) ||
	    !file_read(certificates_path, CERTIFICATES_LARGEST, &certificates, err))
		return false;
	CLEANUP(free_ptr) char *encoded = base64_encode(response.data, response.len);
	json_t *object = json_object();
	json_object_set_new(object, "certificates", json_text(buf_str(&certificates)));
	json_object_set_new(object, "response", json_string(encoded));
	*bytes += response.len + certificates.len;
	*ret_object = object;
	return true;
}

static bool timestamps_json(const char *folder, json_t *array, size_t *bytes, struct err *err) {
	struct err fault;
	for (unsigned n = 1; n <= TIMESTAMPS_MOST; n++) {
		json_t *object;
		if (!timestamp_json(folder, n, &object, bytes, &fault)) {
			if (fault.code == ERR_ABSENT)
				return true;
			*err = fault;
			return false;
		}
		json_array_append_new(array, object);
	}
	return true;
}

static bool anchor_json(const char *anchors, uint64_t size, json_t *array, size_t *bytes, struct err *err) {
	CLEANUP(free_ptr) char *folder = anchor_path(anchors, size);
	CLEANUP(free_ptr) char *path = file_join(folder, "checkpoint");
	CLEANUP(buf_done) struct buf note = {0};
	CLEANUP(json_decref_p) json_t *timestamps = json_array();
	if (!file_read(path, NOTE_LARGEST, &note, err) || !timestamps_json(folder, timestamps, bytes, err))
		return false;
	json_t *object = json_object();
	json_object_set_new(object, "checkpoint", json_text(buf_str(&note)));
	json_object_set_new(object, "size", json_integer((json_int_t)size));
	json_object_set(object, "timestamps", timestamps);
	json_array_append_new(array, object);
	*bytes += note.len;
	return true;
}

/* The sizes behind `after`, as many as are asked for and as fit. */
static bool gather(const char *anchors, const struct asked *asked, json_t *array, char **ret_next, struct err *err) {
	CLEANUP(free_ptr) uint64_t *sizes = NULL;
	size_t count = 0, first = 0, bytes = 0;
	if (!anchor_sizes(anchors, &sizes, &count, err))
		return false;
	while (first < count && sizes[first] <= asked->after)
		first++;
	for (size_t i = first; i < count; i++) {
		if (i - first == asked->limit || bytes > ANSWER_MOST) {
			*ret_next = xasprintf("%llu", (unsigned long long)sizes[i - 1]);
			return true;
		}
		if (!anchor_json(anchors, sizes[i], array, &bytes, err))
			return false;
	}
	return true;
}

void api_anchors(struct visit *visit) {
	CLEANUP(json_decref_p) json_t *answer = json_object();
	CLEANUP(free_ptr) char *next = NULL;
	struct asked asked;
	struct err err;
	json_t *array = json_array();
	json_object_set_new(answer, "anchors", array);
	if (!read_asked(visit, &asked))
		return;
	if (!gather(visit->collector->anchors, &asked, array, &next, &err)) {
		http_fault(visit->request, &err);
		return;
	}
	json_object_set_new(answer, "next", next ? json_text(next) : json_null());
	http_json(visit->request, 200, answer);
}
