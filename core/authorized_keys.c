#include "core/authorized_keys.h"

#include <ctype.h>

#include "core/base64.h"
#include "core/hash.h"
#include "core/lines.h"
#include "core/row.h"
#include "core/text.h"

/* A text of RFC 4251 5: its length, then its bytes; NULL where there is none. */
static const unsigned char *next_text(struct cursor *cursor, uint32_t *ret_len) {
	*ret_len = cursor_u32be(cursor);
	return cursor->bad || *ret_len > (size_t)(cursor->end - cursor->at) ? NULL : cursor_bytes(cursor, *ret_len);
}

/* The bits of an integer of RFC 4251 5. */
static int64_t bits_of(const unsigned char *number, uint32_t len) {
	uint32_t skip = 0;
	while (skip < len && number[skip] == 0)
		skip++;
	if (skip == len)
		return 0;
	int64_t bits = (int64_t)(len - skip) * 8;
	for (unsigned char top = number[skip]; !(top & 0x80); top = (unsigned char)(top << 1))
		bits--;
	return bits;
}

/* 0: not known for this type. */
static int64_t size_of(const char *type, struct cursor *cursor) {
	const unsigned char *number;
	uint32_t len;
	if (strstr(type, "ed25519"))
		return 256;
	if (strstr(type, "nistp256"))
		return 256;
	if (strstr(type, "nistp384"))
		return 384;
	if (strstr(type, "nistp521"))
		return 521;
	if (strcmp(type, "ssh-rsa") != 0 && strcmp(type, "ssh-dss") != 0)
		return 0;
	if (!strcmp(type, "ssh-rsa") && !next_text(cursor, &len)) /* the exponent stands first */
		return 0;
	number = next_text(cursor, &len);
	return number ? bits_of(number, len) : 0;
}

static bool is_type(const char *word, size_t len) {
	static const char *const starts[] = {"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "webauthn-sk-"};
	for (size_t i = 0; i < ARRAY_LEN(starts); i++)
		if (len > strlen(starts[i]) && !strncmp(word, starts[i], strlen(starts[i])))
			return true;
	return false;
}

static void add_fingerprint(json_t *row, const struct buf *blob) {
	struct hash hash = hash_of(blob->data, blob->len);
	CLEANUP(free_ptr) char *text = base64_encode(hash.bytes, sizeof hash.bytes);
	text[strcspn(text, "=")] = '\0';
	CLEANUP(free_ptr) char *fingerprint = xasprintf("SHA256:%s", text);
	row_text(row, "fingerprint", fingerprint);
}

/* "TYPE BLOB COMMENT" into the row. */
static bool take_key(json_t *row, const char *at) {
	size_t type_len = strcspn(at, " \t");
	if (!is_type(at, type_len))
		return false;
	CLEANUP(free_ptr) char *type = xstrndup(at, type_len);
	CLEANUP(buf_done) struct buf blob = {0};
	struct err ignored;
	const char *text = at + type_len + strspn(at + type_len, " \t");
	size_t text_len = strcspn(text, " \t");
	if (text_len == 0 || !base64_decode(text, text_len, "key", &blob, &ignored))
		return false;
	struct cursor cursor = cursor_over(blob.data, blob.len);
	uint32_t inner_len;
	const unsigned char *inner = next_text(&cursor, &inner_len);
	if (!inner || inner_len != type_len || memcmp(inner, type, type_len) != 0)
		return false;
	int64_t bits = size_of(type, &cursor);
	row_text(row, "type", type);
	if (bits > 0)
		row_int(row, "bits", bits);
	add_fingerprint(row, &blob);
	const char *comment = text + text_len + strspn(text + text_len, " \t");
	row_text(row, "comment", *comment ? comment : NULL);
	return true;
}

/* Behind the options, which end at the first blank outside of quotes; their names into the row. */
static const char *take_options(json_t *row, const char *at) {
	const char *from = at;
	bool quoted = false, in_value = false;
	for (; *at && (quoted || (*at != ' ' && *at != '\t')); at++) {
		if (*at == '\\' && at[1] == '"') {
			at++;
			continue;
		}
		quoted ^= *at == '"';
		bool ends = !quoted && *at == ',';
		if ((*at == '=' && !in_value && !quoted) || (ends && !in_value)) {
			CLEANUP(free_ptr) char *name = xstrndup(from, (size_t)(at - from));
			row_text_append(row, "options", name);
		}
		in_value = !ends && (in_value || *at == '=');
		from = ends ? at + 1 : from;
	}
	if (!in_value && at > from) {
		CLEANUP(free_ptr) char *name = xstrndup(from, (size_t)(at - from));
		row_text_append(row, "options", name);
	}
	return at + strspn(at, " \t");
}

/* New reference. */
static json_t *row_of(const char *text, unsigned line) {
	json_t *row = json_object();
	json_object_set_new(row, "options", json_array());
	bool understood = take_key(row, text) || take_key(row, take_options(row, text));
	if (!understood)
		json_object_clear(row);
	row_int(row, "line", line);
	row_bool(row, "understood", understood);
	return row;
}

bool authorized_keys_read(const char *where, const char *data, size_t len, json_t *list, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(where, data, len);
	char *line;
	size_t count = 0;
	while ((line = lines_next(&lines))) {
		char *text = text_trim(line);
		if (!*text || *text == '#')
			continue;
		if (++count > AUTHORIZED_KEYS_MOST)
			return err_set_at(err, ERR_MALFORMED, where, lines.number, 0, "more than %d keys",
					  AUTHORIZED_KEYS_MOST);
		json_array_append_new(list, row_of(text, lines.number));
	}
	return lines_ok(&lines, err);
}
