#include "core/cosignature.h"

#define TIME_LEN 8
#define SIGNATURE_LEN 64

static void write_message(const char *text, size_t text_len, uint64_t time, struct buf *message) {
	buf_addf(message, "cosignature/v1\ntime %llu\n", (unsigned long long)time);
	buf_add(message, text, text_len);
}

bool cosignature_sign(const char *text, size_t text_len, const char *name, EVP_PKEY *key, int64_t time,
		      struct buf *lines, struct err *err) {
	CLEANUP(buf_done) struct buf message = {0};
	uint8_t bytes[TIME_LEN + KEY_SIGNATURE_LONGEST];
	size_t len;
	if (time <= 0)
		return err_set(err, ERR_USAGE, "cosignature", "a time before 1970");
	write_message(text, text_len, (uint64_t)time, &message);
	if (!key_sign(key, message.data, message.len, bytes + TIME_LEN, &len, err))
		return false;
	for (size_t i = 0; i < TIME_LEN; i++)
		bytes[i] = (uint8_t)((uint64_t)time >> (56 - 8 * i));
	return note_line_add(name, NOTE_COSIGNER, key, bytes, TIME_LEN + len, lines, err);
}

struct finding {
	const struct note_parts *parts;
	const struct note_verifier *cosigner;
	struct cosignature found;
};

static bool holds(const struct finding *finding, const struct note_line *line, uint64_t time) {
	CLEANUP(buf_done) struct buf message = {0};
	write_message(finding->parts->text, finding->parts->text_len, time, &message);
	return key_is_signed(finding->cosigner->key, message.data, message.len, line->signature + TIME_LEN,
			     SIGNATURE_LEN);
}

static bool check_line(void *context, const struct note_line *line, struct err *err) {
	struct finding *finding = context;
	if (!note_is_by(line, finding->cosigner))
		return true;
	if (line->signature_len != TIME_LEN + SIGNATURE_LEN)
		return err_set(err, ERR_REFUSED, line->name, "not a cosignature with its time: %zu bytes",
			       line->signature_len);
	struct cursor cursor = cursor_over(line->signature, TIME_LEN);
	const uint64_t high = cursor_u32be(&cursor), time = high << 32 | cursor_u32be(&cursor);
	if (time == 0 || time > INT64_MAX)
		return err_set(err, ERR_REFUSED, line->name, "the cosignature's time is none");
	if (!holds(finding, line, time))
		return err_set(err, ERR_REFUSED, line->name, "the cosignature does not hold");
	if (finding->found.is_there && finding->found.time <= (int64_t)time)
		return true;
	finding->found = (struct cosignature){true, (int64_t)time, line->line, line->line_len};
	return true;
}

bool cosignature_find(const struct note_parts *parts, const struct note_verifier *cosigner,
		      struct cosignature *ret_cosignature, struct err *err) {
	struct finding finding = {.parts = parts, .cosigner = cosigner};
	if (cosigner->type != NOTE_COSIGNER)
		return err_set(err, ERR_USAGE, cosigner->name, "not a witness's key");
	if (!note_lines(parts->lines, parts->lines_len, check_line, &finding, err))
		return false;
	*ret_cosignature = finding.found;
	return true;
}
