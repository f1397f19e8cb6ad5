/* Requests to a witness from anybody. Its log is the worked example's, whose key nobody else has: a request that is
 * answered with a cosignature is over that log's checkpoint. What is read is written again byte for byte. */
#include <unistd.h>

#include "core/add_checkpoint.h"
#include "witness/witness.h"

#define VKEY "collector.example/evidence+c4dd0ff5+AT1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct witness *new_witness(void) {
	static const char *const logs[] = {VKEY};
	static char folder[] = "/tmp/vouch-fuzz-XXXXXX";
	EVP_PKEY *key = NULL;
	struct witness *witness = NULL;
	struct err err;
	if (!mkdtemp(folder) || !key_make_ed25519(&key, &err))
		abort();
	const struct witness_settings settings = {folder, "fuzz", key, logs, 1};
	if (!witness_open(&settings, &witness, &err))
		abort();
	return witness;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static struct witness *witness;
	CLEANUP(witness_answer_done) struct witness_answer answer = {0};
	CLEANUP(buf_done) struct buf again = {0};
	struct add_checkpoint request;
	struct err err;
	if (!witness)
		witness = new_witness();
	witness_add(witness, (const char *)data, size, 1795280400, &answer);
	if (answer.status == 200 && !strstr(answer.event, ": cosigned size 3, "))
		abort();
	if (!add_checkpoint_read((const char *)data, size, &request, &err))
		return 0;
	add_checkpoint_write(&request, &again);
	if (again.len != size || memcmp(again.data, data, size) != 0)
		abort();
	return 0;
}
