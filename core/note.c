#include "core/note.h"

#include "core/base64.h"
#include "core/json.h"
#include "core/merkle.h"
#include "core/text.h"

#define RAW_LEN 32
#define SIGNATURE_LEN 64
#define DASH "\xe2\x80\x94 " /* U+2014 and a space begin each signature line */

static bool refuse(struct err *err, const char *why) { return err_set(err, ERR_REFUSED, "checkpoint", "%s", why); }

/* Key names: not empty, no plus, no space of Unicode's, no control character, valid UTF-8. */
static bool is_unicode_space(const char *at) {
	static const char *const spaces[] = {"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\xa8",
					     "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80"};
	for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
		if (text_starts(at, spaces[i]))
			return true;
	return text_starts(at, "\xe2\x80") && (unsigned char)at[2] >= 0x80 && (unsigned char)at[2] <= 0x8a;
}

static bool is_utf8(const char *text, size_t len) {
	json_t *string = json_stringn(text, len);
	json_decref(string);
	return string != NULL;
}

static bool is_name(const char *name) {
	for (const char *at = name; *at; at++)
		if ((unsigned char)*at <= 0x20 || *at == 0x7f || *at == '+' || is_unicode_space(at))
			return false;
	return *name && is_utf8(name, strlen(name));
}

/* SHA-256(name || 0x0a || type || raw public key), the first four bytes, big endian. */
static uint32_t note_key_id(const char *name, uint8_t type, const uint8_t raw[32]) {
	struct hash hash = hash_of_parts((const void *const[]){name, "\n", &type, raw},
					 (const size_t[]){strlen(name), 1, 1, RAW_LEN}, 4);
	struct cursor cursor = cursor_over(hash.bytes, HASH_LEN);
	return cursor_u32be(&cursor);
}

void note_verifier_free(struct note_verifier *verifier) {
	if (!verifier)
		return;
	free(verifier->name);
	EVP_PKEY_free(verifier->key);
	free(verifier);
}

/* base64(type || raw public key) of the vkey's third part. */
static bool read_vkey_key(const char *text, uint8_t type, uint8_t raw[RAW_LEN], EVP_PKEY **ret_key, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!base64_decode(text, strlen(text), "vkey", &bytes, err))
		return false;
	if (bytes.len != 1 + RAW_LEN || (uint8_t)bytes.data[0] != type)
		return err_set(err, ERR_MALFORMED, "vkey", "not an Ed25519 key of a %s (type 0x%02x)",
			       type == NOTE_LOG ? "log" : "witness", (unsigned)type);
	memcpy(raw, bytes.data + 1, RAW_LEN);
	*ret_key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, raw, RAW_LEN);
	return *ret_key ? true : err_set(err, ERR_CRYPTO, "vkey", "not an Ed25519 key");
}

static bool read_vkey(const char *vkey, uint8_t type, struct note_verifier **ret_verifier, struct err *err) {
	const char *first = strchr(vkey, '+'), *second = first ? strchr(first + 1, '+') : NULL;
	uint8_t raw[RAW_LEN];
	char id[9];
	if (!second || second - first != 9)
		return err_set(err, ERR_MALFORMED, "vkey", "not <name>+<8 hexadecimal digits>+<key>");
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = xcalloc(1, sizeof *verifier);
	verifier->name = xstrndup(vkey, (size_t)(first - vkey));
	if (!is_name(verifier->name))
		return err_set(err, ERR_MALFORMED, "vkey", "not a key name");
	if (!read_vkey_key(second + 1, type, raw, &verifier->key, err))
		return false;
	verifier->type = type;
	verifier->id = note_key_id(verifier->name, type, raw);
	snprintf(id, sizeof id, "%08x", (unsigned)verifier->id);
	if (strncmp(first + 1, id, 8) != 0)
		return err_set(err, ERR_MALFORMED, "vkey", "the key id is not that of name and key");
	*ret_verifier = verifier;
	verifier = NULL;
	return true;
}

bool note_verifier_read(const char *vkey, struct note_verifier **ret_verifier, struct err *err) {
	return read_vkey(vkey, NOTE_LOG, ret_verifier, err);
}

bool note_cosigner_read(const char *vkey, struct note_verifier **ret_cosigner, struct err *err) {
	return read_vkey(vkey, NOTE_COSIGNER, ret_cosigner, err);
}

static char *write_vkey(const char *name, uint8_t type, EVP_PKEY *key) {
	uint8_t typed[1 + RAW_LEN] = {type};
	struct err ignored;
	if (!is_name(name) || !key_raw_public(key, typed + 1, &ignored))
		return NULL;
	CLEANUP(free_ptr) char *text = base64_encode(typed, sizeof typed);
	return xasprintf("%s+%08x+%s", name, (unsigned)note_key_id(name, type, typed + 1), text);
}

char *note_vkey(const char *name, EVP_PKEY *key) { return write_vkey(name, NOTE_LOG, key); }

char *note_cosigner_vkey(const char *name, EVP_PKEY *key) { return write_vkey(name, NOTE_COSIGNER, key); }

/* No control character but the newline, UTF-8, a newline at the end. */
static bool is_text(const char *text, size_t len) {
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 && text[i] != '\n')
			return false;
	return len > 0 && text[len - 1] == '\n' && is_utf8(text, len);
}

bool note_line_add(const char *name, uint8_t type, EVP_PKEY *key, const void *signature, size_t len, struct buf *lines,
		   struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	uint8_t raw[RAW_LEN], prefix[4];
	if (!is_name(name))
		return err_set(err, ERR_USAGE, "note", "not a key name");
	if (!key_raw_public(key, raw, err))
		return false;
	const uint32_t id = note_key_id(name, type, raw);
	for (size_t i = 0; i < 4; i++)
		prefix[i] = (uint8_t)(id >> (24 - 8 * i));
	buf_add(&bytes, prefix, sizeof prefix);
	buf_add(&bytes, signature, len);
	CLEANUP(free_ptr) char *encoded = base64_encode(bytes.data, bytes.len);
	buf_addf(lines, DASH "%s %s\n", name, encoded);
	return true;
}

bool note_sign(const char *text, const char *name, EVP_PKEY *key, struct buf *note, struct err *err) {
	CLEANUP(buf_done) struct buf line = {0};
	uint8_t signature[KEY_SIGNATURE_LONGEST];
	size_t len;
	if (!is_text(text, strlen(text)))
		return err_set(err, ERR_USAGE, "note", "not a note's text");
	if (!key_sign(key, text, strlen(text), signature, &len, err) ||
	    !note_line_add(name, NOTE_LOG, key, signature, len, &line, err))
		return false;
	buf_addf(note, "%s\n%s", text, buf_str(&line));
	return true;
}

/* One signature line, without its newline: name, key id, the bytes behind it. */
struct line {
	char *name;
	uint32_t id;
	struct buf bytes;      /* key id and signature */
	const char *signature; /* within bytes */
	size_t signature_len;
};

static void line_done(struct line *line) {
	free(line->name);
	buf_done(&line->bytes);
}

static bool line_read(const char *text, size_t len, struct line *line) {
	struct err ignored;
	if (len < strlen(DASH) || memcmp(text, DASH, strlen(DASH)) != 0)
		return false;
	text += strlen(DASH);
	len -= strlen(DASH);
	const char *space = memchr(text, ' ', len);
	if (!space)
		return false;
	size_t name_len = (size_t)(space - text);
	line->name = xstrndup(text, name_len);
	if (!is_name(line->name) ||
	    !base64_decode(space + 1, len - name_len - 1, "checkpoint", &line->bytes, &ignored) || line->bytes.len < 5)
		return false;
	struct cursor cursor = cursor_over(line->bytes.data, line->bytes.len);
	line->id = cursor_u32be(&cursor);
	line->signature = line->bytes.data + 4;
	line->signature_len = line->bytes.len - 4;
	return true;
}

bool note_lines(const char *lines, size_t len, note_visit visit, void *context, struct err *err) {
	const char *at = lines, *end = lines + len;
	for (size_t count = 0; at < end; count++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		CLEANUP(line_done) struct line line = {0};
		if (count == NOTE_SIGNATURES_MOST)
			return refuse(err, "more signatures than the cap");
		if (!newline || !line_read(at, (size_t)(newline - at), &line))
			return refuse(err, "a signature line is malformed");
		const struct note_line visited = {line.name,          line.id, line.signature,
						  line.signature_len, at,      (size_t)(newline + 1 - at)};
		at = newline + 1;
		if (!visit(context, &visited, err))
			return false;
	}
	return true;
}

bool note_is_by(const struct note_line *line, const struct note_verifier *verifier) {
	return line->id == verifier->id && !strcmp(line->name, verifier->name);
}

/* Where the empty line is that parts text and signatures: the last "\n\n"; NULL when there is none. */
static const char *last_empty_line(const char *note, size_t len) {
	for (size_t i = len; i >= 2; i--)
		if (note[i - 1] == '\n' && note[i - 2] == '\n')
			return note + i - 1;
	return NULL;
}

bool note_split(const char *note, size_t len, struct note_parts *ret_parts, struct err *err) {
	if (len > NOTE_LARGEST)
		return refuse(err, "larger than the cap on notes");
	if (!note || !is_text(note, len))
		return refuse(err, "not a signed note: control characters, not UTF-8, or no newline at the end");
	const char *empty = last_empty_line(note, len);
	if (!empty)
		return refuse(err, "not a signed note: no signatures");
	const size_t text_len = (size_t)(empty - note);
	*ret_parts = (struct note_parts){note, text_len, empty + 1, len - text_len - 1};
	return true;
}

struct opening {
	const struct note_verifier *verifier;
	const struct note_parts *parts;
	bool is_signed;
};

static bool check_line(void *context, const struct note_line *line, struct err *err) {
	struct opening *opening = context;
	if (!note_is_by(line, opening->verifier))
		return true;
	if (!key_is_signed(opening->verifier->key, opening->parts->text, opening->parts->text_len, line->signature,
			   line->signature_len))
		return refuse(err, "the log's signature does not hold");
	opening->is_signed = true;
	return true;
}

bool note_open(const char *note, size_t len, const struct note_verifier *verifier, struct buf *ret_text,
	       struct err *err) {
	struct note_parts parts;
	struct opening opening = {verifier, &parts, false};
	if (verifier->type != NOTE_LOG)
		return err_set(err, ERR_USAGE, "checkpoint", "not a log's key");
	if (!note_split(note, len, &parts, err) || !note_lines(parts.lines, parts.lines_len, check_line, &opening, err))
		return false;
	if (!opening.is_signed)
		return refuse(err, "no signature by this log");
	buf_add(ret_text, parts.text, parts.text_len);
	return true;
}

void checkpoint_write(const struct checkpoint *checkpoint, struct buf *text) {
	CLEANUP(free_ptr) char *root = base64_encode(checkpoint->root.bytes, HASH_LEN);
	buf_addf(text, "%s\n%llu\n%s\n", checkpoint->origin, (unsigned long long)checkpoint->size, root);
}

/* The next line without its newline; NULL when there is none. The caller frees. */
static char *take_line(const char **at, const char *end) {
	const char *newline = *at < end ? memchr(*at, '\n', (size_t)(end - *at)) : NULL;
	if (!newline)
		return NULL;
	char *line = xstrndup(*at, (size_t)(newline - *at));
	*at = newline + 1;
	return line;
}

bool note_hash_read(const char *text, struct hash *ret_hash) {
	struct err ignored;
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!base64_decode(text, strlen(text), "checkpoint", &bytes, &ignored) || bytes.len != HASH_LEN)
		return false;
	CLEANUP(free_ptr) char *again = base64_encode(bytes.data, bytes.len);
	if (strcmp(again, text) != 0)
		return false;
	memcpy(ret_hash->bytes, bytes.data, HASH_LEN);
	return true;
}

bool checkpoint_read(const char *text, size_t len, struct checkpoint *ret_checkpoint, struct err *err) {
	const char *at = text, *end = text + len;
	CLEANUP(free_ptr) char *origin = take_line(&at, end);
	CLEANUP(free_ptr) char *size = take_line(&at, end);
	CLEANUP(free_ptr) char *root = take_line(&at, end);
	unsigned long long number;
	struct hash hash;
	if (!origin || !size || !root || (len > 0 && memchr(text, '\0', len)))
		return refuse(err, "not origin, size and root");
	if (!is_name(origin))
		return refuse(err, "the origin is not a name");
	if (!text_to_u64(size, MERKLE_SIZE_LARGEST, &number))
		return refuse(err, "the size is not a number, or too large");
	if (!note_hash_read(root, &hash))
		return refuse(err, "the root is not a SHA-256 in base64");
	for (char *extension; at < end; free(extension)) {
		extension = take_line(&at, end);
		if (!extension || !*extension) {
			free(extension);
			return refuse(err, "an extension line is empty or cut off");
		}
	}
	*ret_checkpoint = (struct checkpoint){origin, number, hash};
	origin = NULL;
	return true;
}

void checkpoint_done(struct checkpoint *checkpoint) {
	free(checkpoint->origin);
	*checkpoint = (struct checkpoint){0};
}

bool checkpoint_open(const char *note, size_t len, const struct note_verifier *verifier,
		     struct checkpoint *ret_checkpoint, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	if (!note_open(note, len, verifier, &text, err) || !checkpoint_read(buf_str(&text), text.len, &checkpoint, err))
		return false;
	if (strcmp(checkpoint.origin, verifier->name) != 0)
		return refuse(err, "the origin is not the log's name");
	*ret_checkpoint = checkpoint;
	checkpoint = (struct checkpoint){0};
	return true;
}
