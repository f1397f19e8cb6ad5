/* vouch verify PACKAGE over a small package of which one file was replaced or patched: the first byte says which, the
 * second how. The manifest is not made anew: what it finds does not keep the rest from being read. */
#include "tests/unit/package_kit.h"
#include "verify/audit.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct kit *kit;
static char *folder;
static struct trusted trusted;

static void clean(void) { scratch_free(&folder); }

int LLVMFuzzerInitialize(int *argc, char ***argv) {
	static const char *const passes[KIT_RULES] = {"pass", "fail", "pass"}, *const change[KIT_RULES] = {"fail"};
	struct err err;
	kit = kit_new("A.8.15");
	for (int round = 0; round < 4; round++) {
		kit_name_checkpoint(kit);
		kit_round(kit, &kit->host,
			  round == 0   ? passes
			  : round == 2 ? change
				       : NULL,
			  7, round == 0, KIT_BEGIN + round * KIT_EVERY);
	}
	kit->entries[5].is_hidden = true;
	kit_anchor(kit, KIT_BEGIN + 4 * KIT_EVERY);
	kit_export(kit);
	folder = scratch_new();
	atexit(clean);
	kit_save(kit, folder);
	CLEANUP(free_ptr) char *trust = kit_text(kit_trust(kit));
	kit_must(trusted_read(trust, strlen(trust), "trust", &trusted, &err), &err);
	return 0;
}

/* Records of four bytes: where (two), and what to write there, or to leave out. */
static void patch(struct buf *bytes, const uint8_t *data, size_t size) {
	for (; size >= 4 && bytes->len > 0; data += 4, size -= 4) {
		const size_t at = (size_t)(data[0] << 8 | data[1]) % bytes->len;
		if (data[2] & 1)
			bytes->data[at] = (char)data[3];
		else
			bytes->data[at] = (char)(bytes->data[at] ^ (1 << data[3] % 8));
	}
}

static void put(const char *name, const struct buf *bytes) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	FILE *file = fopen(path, "wb");
	if (!file)
		abort();
	fwrite(buf_str(bytes), 1, bytes->len, file);
	fclose(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(package_free_p) struct package *package = NULL;
	CLEANUP(audit_done) struct audit audit = {0};
	struct err err;
	if (size < 2)
		return 0;
	const struct kit_file *file = &kit->files[data[0] % kit->file_count];
	if (data[1] & 1) {
		buf_add(&bytes, file->bytes.data, file->bytes.len);
		patch(&bytes, data + 2, size - 2);
	} else {
		buf_add(&bytes, data + 2, size - 2);
	}
	put(file->name, &bytes);
	if (package_open(folder, &package, &err))
		(void)!audit_run(&audit, package, &trusted, KIT_BEGIN, &err);
	put(file->name, &file->bytes);
	return 0;
}
