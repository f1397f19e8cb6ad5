/* A parcel's manifest from bytes, and one whose payload is these bytes and is signed: what is read can be written and
 * read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "core/dsse.h"
#include "core/parcel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static EVP_PKEY *key;

static void write_again(const struct parcel *parcel) {
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(parcel_done) struct parcel again = {0};
	struct err err;
	if (!parcel_write(parcel, key, &text, &err) || !parcel_read(text.data, text.len, key, "again", &again, &err) ||
	    strcmp(parcel->host, again.host) != 0 || parcel->made_at != again.made_at || parcel->seen != again.seen ||
	    parcel->bytes != again.bytes)
		abort();
}

static void read_signed(const uint8_t *data, size_t size) {
	CLEANUP(dsse_free_p) struct dsse *envelope = NULL;
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(parcel_done) struct parcel parcel = {0};
	struct err err = {0};
	if (!dsse_seal(PARCEL_TYPE, data, size, key, "", &envelope, &err))
		return;
	dsse_write(envelope, &text);
	if (parcel_read(text.data, text.len, key, "parcel", &parcel, &err))
		write_again(&parcel);
	else if (!err.code || !err.why[0])
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	struct err err = {0};
	CLEANUP(parcel_done) struct parcel parcel = {0};
	if (!key && !key_make_ed25519(&key, &err))
		abort();
	if (parcel_read((const char *)data, size, key, "parcel", &parcel, &err)) /* nobody signed it */
		abort();
	read_signed(data, size);
	return 0;
}
