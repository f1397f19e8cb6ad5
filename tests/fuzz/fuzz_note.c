/* Notes and checkpoints from anybody. The verifier is the worked example's log, whose key nobody else has: a note that
 * opens says what that log signed. */
#include "core/note.h"

#define VKEY "collector.example/evidence+c4dd0ff5+AT1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_unsigned(const char *text, size_t len) {
	struct err err;
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0}, second = {0};
	CLEANUP(buf_done) struct buf again = {0};
	if (!checkpoint_read(text, len, &checkpoint, &err))
		return;
	checkpoint_write(&checkpoint, &again);
	if (again.len > len || memcmp(again.data, text, again.len) != 0 ||
	    !checkpoint_read(again.data, again.len, &second, &err))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct note_verifier *verifier;
	struct err err;
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	CLEANUP(note_verifier_free_p) struct note_verifier *read = NULL;
	if (!verifier && !note_verifier_read(VKEY, &verifier, &err))
		abort();
	CLEANUP(free_ptr) char *text = xstrndup((const char *)data, size);
	read_unsigned((const char *)data, size);
	if (note_verifier_read(text, &read, &err)) {
		CLEANUP(free_ptr) char *vkey = note_vkey(read->name, read->key);
		if (!vkey || strncmp(vkey, text, strlen(read->name) + 10) != 0)
			abort();
	}
	if (checkpoint_open((const char *)data, size, verifier, &checkpoint, &err) && checkpoint.size != 3)
		abort();
	return 0;
}
