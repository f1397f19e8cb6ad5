#include "core/proof.h"

#include "core/base64.h"
#include "core/lines.h"
#include "core/text.h"

#define HEADER "c2sp.org/tlog-proof@v1"
#define WHERE "receipt"

void proof_done(struct proof *proof) {
	free(proof->checkpoint);
	*proof = (struct proof){0};
}

void proof_write(const struct proof *proof, struct buf *text) {
	buf_addf(text, HEADER "\nindex %llu\n", (unsigned long long)proof->index);
	for (size_t i = 0; i < proof->path_len; i++) {
		CLEANUP(free_ptr) char *hash = base64_encode(proof->path[i].bytes, HASH_LEN);
		buf_addf(text, "%s\n", hash);
	}
	buf_addf(text, "\n%s", proof->checkpoint);
}

static bool malformed(const struct lines *lines, struct err *err, const char *why) {
	return err_set_at(err, ERR_MALFORMED, WHERE, lines->number, 0, "%s", why);
}

/* The header, an `extra` line that nothing signs and that is passed over, and the index. */
static bool read_head(struct lines *lines, struct proof *proof, struct err *err) {
	unsigned long long index;
	const char *line = lines_next(lines);
	if (!line || strcmp(line, HEADER) != 0)
		return malformed(lines, err, "does not begin with " HEADER);
	line = lines_next(lines);
	if (line && text_starts(line, "extra ")) {
		CLEANUP(buf_done) struct buf extra = {0};
		if (!base64_decode(line + 6, strlen(line + 6), WHERE, &extra, err))
			return false;
		line = lines_next(lines);
	}
	if (!line || !text_starts(line, "index ") || !text_to_u64(line + 6, MERKLE_SIZE_LARGEST, &index))
		return malformed(lines, err, "no index");
	proof->index = index;
	return true;
}

static bool read_hash(const char *line, struct hash *ret_hash, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	if (!base64_decode(line, strlen(line), WHERE, &bytes, err))
		return false;
	if (bytes.len != HASH_LEN)
		return err_set(err, ERR_MALFORMED, WHERE, "a line of the path is not a SHA-256");
	memcpy(ret_hash->bytes, bytes.data, HASH_LEN);
	return true;
}

static bool read_path(struct lines *lines, struct proof *proof, struct err *err) {
	const char *line;
	while ((line = lines_next(lines)) && *line) {
		if (proof->path_len == MERKLE_PATH_LONGEST)
			return malformed(lines, err, "the path is longer than any tree's");
		if (!read_hash(line, &proof->path[proof->path_len], err))
			return false;
		proof->path_len++;
	}
	return line ? true : malformed(lines, err, "no checkpoint");
}

bool proof_read(const char *text, size_t len, struct proof *ret_proof, struct err *err) {
	if (len > PROOF_LARGEST)
		return err_set(err, ERR_TOO_BIG, WHERE, "larger than the cap of %d bytes", PROOF_LARGEST);
	CLEANUP(lines_done) struct lines lines = lines_over(WHERE, text, len);
	CLEANUP(proof_done) struct proof proof = {0};
	if (len > 0 && memchr(text, '\0', len))
		return err_set(err, ERR_MALFORMED, WHERE, "NUL byte");
	if (!read_head(&lines, &proof, err) || !read_path(&lines, &proof, err))
		return false;
	if (lines.at == lines.end)
		return malformed(&lines, err, "no checkpoint");
	proof.checkpoint = xstrndup(lines.at, (size_t)(lines.end - lines.at));
	*ret_proof = proof;
	proof = (struct proof){0};
	return true;
}

bool proof_verify(const struct proof *proof, const void *entry, size_t entry_len, const struct note_verifier *verifier,
		  struct checkpoint *ret_checkpoint, struct err *err) {
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	if (!checkpoint_open(proof->checkpoint, strlen(proof->checkpoint), verifier, &checkpoint, err))
		return false;
	struct hash leaf = merkle_leaf(entry, entry_len);
	if (!merkle_is_included(&leaf, proof->index, checkpoint.size, proof->path, proof->path_len, &checkpoint.root))
		return err_set(err, ERR_REFUSED, "inclusion", "the path does not lead from the entry to the root");
	if (ret_checkpoint) {
		*ret_checkpoint = checkpoint;
		checkpoint = (struct checkpoint){0};
	}
	return true;
}
