#include "core/add_checkpoint.h"

#include "core/base64.h"
#include "core/text.h"

#define OLD "old "
#define LINE_LONGEST 64 /* a proof's line has 44 characters, the size at most 19 digits */

void add_checkpoint_write(const struct add_checkpoint *request, struct buf *body) {
	buf_addf(body, OLD "%llu\n", (unsigned long long)request->old);
	for (size_t i = 0; i < request->proof_len; i++) {
		CLEANUP(free_ptr) char *hash = base64_encode(request->proof[i].bytes, HASH_LEN);
		buf_addf(body, "%s\n", hash);
	}
	buf_adds(body, "\n");
	buf_add(body, request->note, request->note_len);
}

static bool malformed(struct err *err, const char *why) {
	return err_set(err, ERR_MALFORMED, "add-checkpoint", "%s", why);
}

/* The next line without its newline; false when there is none, or a longer one, or it holds NUL. */
static bool take_line(const char **at, const char *end, char line[LINE_LONGEST]) {
	const char *newline = memchr(*at, '\n', (size_t)(end - *at));
	const size_t len = newline ? (size_t)(newline - *at) : LINE_LONGEST;
	if (len >= LINE_LONGEST || memchr(*at, '\0', len))
		return false;
	memcpy(line, *at, len);
	line[len] = '\0';
	*at = newline + 1;
	return true;
}

static bool read_proof(const char **at, const char *end, struct add_checkpoint *request, struct err *err) {
	char line[LINE_LONGEST];
	while (take_line(at, end, line)) {
		if (!line[0])
			return true;
		if (request->proof_len == ADD_CHECKPOINT_PROOF_MOST)
			return malformed(err, "more than 63 lines of proof");
		if (!note_hash_read(line, &request->proof[request->proof_len++]))
			return malformed(err, "a line of the proof is not a SHA-256 in base64");
	}
	return malformed(err, "no empty line before the checkpoint");
}

bool add_checkpoint_read(const char *body, size_t len, struct add_checkpoint *ret_request, struct err *err) {
	struct add_checkpoint request = {0};
	const char *at = body ? body : "", *end = at + len;
	char line[LINE_LONGEST];
	unsigned long long old;
	if (len > ADD_CHECKPOINT_LARGEST)
		return malformed(err, "larger than the cap");
	if (!take_line(&at, end, line) || !text_starts(line, OLD) ||
	    !text_to_u64(line + strlen(OLD), MERKLE_SIZE_LARGEST, &old))
		return malformed(err, "does not begin with the old size");
	if (!read_proof(&at, end, &request, err))
		return false;
	request.old = old;
	request.note = at;
	request.note_len = (size_t)(end - at);
	*ret_request = request;
	return true;
}
