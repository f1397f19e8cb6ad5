#include "core/attestation.h"

#include "core/base64.h"
#include "core/statement.h"
#include "core/text.h"
#include "core/times.h"

void attestation_free(struct attestation *attestation) {
	if (!attestation)
		return;
	json_decref(attestation->controls);
	free(attestation->author);
	free(attestation->note);
	free(attestation->file.name);
	free(attestation->file.media_type);
	buf_done(&attestation->file.content);
	free(attestation);
}

/* The standard's themes, and how many controls each has: organizational, people, physical, technological. A test holds
 * this to the catalogue. */
bool attestation_is_control(const char *id) {
	static const struct {
		const char *prefix;
		unsigned count;
	} themes[] = {{"A.5.", 37}, {"A.6.", 8}, {"A.7.", 14}, {"A.8.", 34}};
	unsigned long long number;
	for (size_t i = 0; i < ARRAY_LEN(themes); i++)
		if (text_starts(id, themes[i].prefix) &&
		    text_to_u64(id + strlen(themes[i].prefix), themes[i].count, &number) && number > 0)
			return true;
	return false;
}

/* What a body's members are. Writing and reading both go through it, so nothing is sealed that a reader would refuse.
 */

static bool is_printable(const char *text, bool may_have_lines) {
	CLEANUP(free_ptr) char *copy = xstrdup(text);
	CLEANUP(free_ptr) char *replaced = NULL;
	for (char *at = copy; may_have_lines && *at; at++)
		if (*at == '\n' || *at == '\t')
			*at = ' ';
	replaced = xstrdup(copy);
	text_replace_controls(replaced);
	return !strcmp(copy, replaced);
}

/* A text that is not empty, not over its cap, and has no control characters. */
static bool text_holds(const json_t *object, const char *name, size_t largest, bool may_have_lines, const char *where,
		       struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	if (!text[strspn(text, " \t\n")])
		return err_set(err, ERR_MALFORMED, where, "\"%s\" is empty", name);
	if (strlen(text) > largest)
		return err_set(err, ERR_TOO_BIG, where, "\"%s\" is longer than %zu bytes", name, largest);
	return is_printable(text, may_have_lines) ||
	       err_set(err, ERR_MALFORMED, where, "\"%s\" has control characters", name);
}

static bool controls_hold(const json_t *object, const char *where, struct err *err) {
	json_t *controls, *control;
	size_t index;
	if (!json_get_array(object, "controls", where, &controls, err))
		return false;
	if (json_array_size(controls) == 0)
		return err_set(err, ERR_MALFORMED, where, "\"controls\" is empty");
	json_array_foreach(controls, index, control) {
		const char *id = json_string_value(control);
		if (!id || !attestation_is_control(id))
			return err_set(err, ERR_MALFORMED, where, "there is no control \"%.32s\"", id ? id : "");
		for (size_t i = 0; i < index; i++)
			if (json_equal(json_array_get(controls, i), control))
				return err_set(err, ERR_MALFORMED, where, "%s stands in \"controls\" twice", id);
	}
	return true;
}

/* RFC 2045 5.1: type/subtype, each a token. */
static bool media_type_holds(const json_t *file, const char *where, struct err *err) {
	static const char token[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-";
	const char *text;
	if (!text_holds(file, "mediaType", ATTESTATION_MEDIA_TYPE_LARGEST, false, where, err) ||
	    !json_get_string(file, "mediaType", where, &text, err))
		return false;
	size_t type = strspn(text, token);
	size_t subtype = type && text[type] == '/' ? strspn(text + type + 1, token) : 0;
	return (subtype && !text[type + 1 + subtype]) ||
	       err_set(err, ERR_MALFORMED, where, "\"mediaType\" is not type/subtype");
}

static bool name_holds(const json_t *file, const char *where, struct err *err) {
	const char *name;
	if (!text_holds(file, "name", ATTESTATION_NAME_LARGEST, false, where, err) ||
	    !json_get_string(file, "name", where, &name, err))
		return false;
	return !strchr(name, '/') || err_set(err, ERR_MALFORMED, where, "\"name\" is not that of a file in a folder");
}

static bool digest_of(const json_t *file, const char *where, struct hash *ret_hash, struct err *err) {
	const char *hex;
	if (!json_get_string(file, "sha256", where, &hex, err))
		return false;
	return hash_from_hex(hex, ret_hash) ||
	       err_set(err, ERR_MALFORMED, where, "\"sha256\" is not a SHA-256 in lower-case hexadecimal");
}

static bool content_of(const json_t *file, const char *where, struct buf *ret_content, struct err *err) {
	const char *text;
	if (!json_get_string(file, "content", where, &text, err))
		return false;
	if (strlen(text) / 4 * 3 > ATTESTATION_FILE_LARGEST + 2U)
		return err_set(err, ERR_TOO_BIG, where, "\"content\" is more than %u bytes", ATTESTATION_FILE_LARGEST);
	return base64_decode(text, strlen(text), where, ret_content, err);
}

static bool content_holds(const json_t *file, int64_t size, const struct hash *sha256, const char *where,
			  struct err *err) {
	CLEANUP(buf_done) struct buf content = {0};
	if (!content_of(file, where, &content, err))
		return false;
	if (content.len > ATTESTATION_FILE_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "\"content\" is more than %u bytes", ATTESTATION_FILE_LARGEST);
	struct hash hash = hash_of(buf_str(&content), content.len);
	if ((int64_t)content.len != size || !hash_equal(&hash, sha256))
		return err_set(err, ERR_MALFORMED, where, "\"content\" is not the file of this size and digest");
	return true;
}

static bool file_holds(const json_t *object, const char *where, struct err *err) {
	json_t *file;
	struct hash sha256;
	int64_t size;
	if (!json_object_get(object, "file"))
		return true;
	if (!json_get_object(object, "file", where, &file, err) || !name_holds(file, where, err) ||
	    !media_type_holds(file, where, err) || !json_get_int(file, "size", where, &size, err) ||
	    !digest_of(file, where, &sha256, err))
		return false;
	if (size < 0)
		return err_set(err, ERR_MALFORMED, where, "\"size\" is less than 0");
	return !json_object_get(file, "content") || content_holds(file, size, &sha256, where, err);
}

static bool instant_of(const json_t *object, const char *name, const char *where, int64_t *ret_instant,
		       struct err *err) {
	const char *text;
	if (!json_get_string(object, name, where, &text, err))
		return false;
	return times_parse(text, ret_instant) || err_set(err, ERR_MALFORMED, where, "\"%s\" is not a time", name);
}

static bool times_hold(const json_t *object, const char *where, struct err *err) {
	int64_t collected = 0, expires = 0;
	if (!instant_of(object, "collectedAt", where, &collected, err) ||
	    !instant_of(object, "expiresAt", where, &expires, err))
		return false;
	if (expires <= collected)
		return err_set(err, ERR_MALFORMED, where, "it expires before it was collected");
	return expires - collected <= ATTESTATION_VALID_MOST ||
	       err_set(err, ERR_TOO_BIG, where, "it would stand for more than two years");
}

static bool attestation_holds(const json_t *object, const char *where, struct err *err) {
	if (!json_is_object(object))
		return err_set(err, ERR_MALFORMED, where, "an attestation is not a JSON object");
	return controls_hold(object, where, err) &&
	       text_holds(object, "author", ATTESTATION_AUTHOR_LARGEST, false, where, err) &&
	       text_holds(object, "note", ATTESTATION_NOTE_LARGEST, true, where, err) &&
	       file_holds(object, where, err) && times_hold(object, where, err);
}

/* Writing. A text that is NULL is left out, and missed. */

static void set_text(json_t *object, const char *name, const char *text) {
	if (text)
		json_object_set_new(object, name, json_text(text));
}

static void set_time(json_t *object, const char *name, int64_t instant) {
	char text[TIMES_TEXT];
	json_object_set_new(object, name, json_string(times_format(instant, text)));
}

static json_t *file_json(const struct attestation_file *file) {
	json_t *object = json_object();
	char hex[HASH_HEX];
	set_text(object, "name", file->name);
	set_text(object, "mediaType", file->media_type);
	json_object_set_new(object, "size", json_integer(file->size));
	json_object_set_new(object, "sha256", json_string(hash_hex(&file->sha256, hex)));
	if (file->has_content) {
		CLEANUP(free_ptr) char *text = base64_encode(buf_str(&file->content), file->content.len);
		json_object_set_new(object, "content", json_string(text));
	}
	return object;
}

bool attestation_write(const struct attestation *attestation, struct buf *body, struct err *err) {
	CLEANUP(json_decref_p) json_t *object = json_object();
	json_object_set(object, "controls", attestation->controls);
	set_text(object, "author", attestation->author);
	set_text(object, "note", attestation->note);
	set_time(object, "collectedAt", attestation->collected);
	set_time(object, "expiresAt", attestation->expires);
	if (attestation->file.name)
		json_object_set_new(object, "file", file_json(&attestation->file));
	return attestation_holds(object, "attestation", err) && json_canonical(object, body, err);
}

/* Reading, of an object that holds. */

static char *take_text(const json_t *object, const char *name) {
	return xstrdup(json_string_value(json_object_get(object, name)));
}

static bool take_file(const json_t *file, const char *where, struct attestation_file *into, struct err *err) {
	into->name = take_text(file, "name");
	into->media_type = take_text(file, "mediaType");
	into->size = json_integer_value(json_object_get(file, "size"));
	into->has_content = json_object_get(file, "content") != NULL;
	return digest_of(file, where, &into->sha256, err) &&
	       (!into->has_content || content_of(file, where, &into->content, err));
}

static bool is_canonical(const json_t *object, const void *body, size_t len, const char *where, struct err *err) {
	CLEANUP(buf_done) struct buf canonical = {0};
	if (!json_canonical(object, &canonical, err))
		return false;
	return (canonical.len == len && !memcmp(canonical.data, body, len)) ||
	       err_set(err, ERR_MALFORMED, where, "the bytes are not the canonical ones");
}

bool attestation_read(const void *body, size_t len, const char *where, struct attestation **ret_attestation,
		      struct err *err) {
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(attestation_free_p) struct attestation *attestation = xcalloc(1, sizeof *attestation);
	if (!json_read(body, len, STATEMENT_BODY_LARGEST, where, &object, err) ||
	    !attestation_holds(object, where, err) || !is_canonical(object, body, len, where, err))
		return false;
	const json_t *file = json_object_get(object, "file");
	attestation->controls = json_incref(json_object_get(object, "controls"));
	attestation->author = take_text(object, "author");
	attestation->note = take_text(object, "note");
	if (!instant_of(object, "collectedAt", where, &attestation->collected, err) ||
	    !instant_of(object, "expiresAt", where, &attestation->expires, err) ||
	    (file && !take_file(file, where, &attestation->file, err)))
		return false;
	*ret_attestation = attestation;
	attestation = NULL;
	return true;
}
