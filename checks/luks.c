/* How the encrypted volumes that are open now are protected: the LUKS header of the device below each. A volume that is
 * closed is no row; whether what should be encrypted is, says the check volume. */
#include "core/check.h"
#include "core/row.h"
#include "core/text.h"

#define BLOCKS "dir:/sys/class/block"

static const struct check_param params[] = {{0}};

static const struct check_field fields[] = {
	{.name = "device",
	 .type = VALUE_STRING,
	 .about = "The device that is encrypted; a row for each of its key slots."},
	{.name = "version", .type = VALUE_INT, .about = "The LUKS version, 1 or 2."},
	{.name = "cipher",
	 .type = VALUE_STRING,
	 .about = "What the data is encrypted with, as aes-xts-plain64; none where a part of the device is not (yet)."},
	{.name = "slot", .type = VALUE_INT, .about = "The key slot's number."},
	{.name = "slots", .type = VALUE_INT, .about = "How many slots the device has in use."},
	{.name = "key_bits",
	 .type = VALUE_INT,
	 .unit = "bits",
	 .about = "The size of the volume's key; XTS has two in one."},
	{.name = "kdf",
	 .type = VALUE_STRING,
	 .about = "How the slot's passphrase is stretched: argon2id, argon2i, pbkdf2; not there for a slot without."},
	{.name = "hash", .type = VALUE_STRING, .about = "The hash of pbkdf2."},
	{.name = "iterations", .type = VALUE_INT, .about = "The iterations of pbkdf2."},
	{.name = "memory", .type = VALUE_INT, .unit = "KiB", .about = "The memory that argon2 takes."},
	{.name = "token",
	 .type = VALUE_STRING,
	 .about = "What holds the slot's key in a person's place: systemd-tpm2, systemd-fido2, clevis, ...; such a key "
		  "is "
		  "long and random."},
	{0},
};

static const char *const patterns[] = {BLOCKS, "file:/sys/class/block/dm-*/dm/uuid", "dir:/sys/class/block/dm-*/slaves",
				       "luks:/dev/*", NULL};

/* The name of a source about a mapping, "file:/sys/class/block/dm-0/dm/uuid". The caller frees. */
static char *about(const char *kind, const char *mapping, const char *attribute) {
	return xasprintf("%s:/sys/class/block/%s/%s", kind, mapping, attribute);
}

static bool is_luks(const struct sources *fetched, const char *mapping, bool *ret_is, struct err *err) {
	CLEANUP(free_ptr) char *name = about("file", mapping, "dm/uuid");
	const struct source *uuid;
	if (!source_maybe(fetched, name, &uuid, err))
		return false;
	*ret_is = uuid && text_starts(buf_str(&uuid->bytes), "CRYPT-LUKS");
	return true;
}

/* "luks:/dev/sda3": the one device that the mapping lies on. The caller frees. */
static bool header_of(const struct sources *fetched, const char *mapping, char **ret_name, struct err *err) {
	CLEANUP(free_ptr) char *folder = about("dir", mapping, "slaves");
	json_t *slaves;
	const char *device;
	if (!source_need_json(fetched, folder, &slaves, err))
		return false;
	if (json_array_size(slaves) != 1)
		return err_set(err, ERR_UNPROVED, folder, "%zu devices below it, where LUKS has one",
			       json_array_size(slaves));
	if (!json_get_string(json_array_get(slaves, 0), "name", folder, &device, err))
		return false;
	*ret_name = xasprintf("luks:/dev/%s", device);
	return true;
}

static void name_sources(const json_t *with, const struct sources *fetched, struct names *names) {
	struct err err;
	json_t *blocks = NULL, *block;
	size_t i;
	names_add(names, BLOCKS);
	if (!source_maybe_json(fetched, BLOCKS, &blocks, &err) || !blocks)
		return;
	json_array_foreach(blocks, i, block) {
		const char *mapping = json_string_value(json_object_get(block, "name"));
		CLEANUP(free_ptr) char *header = NULL;
		bool is = false;
		if (!mapping || !text_starts(mapping, "dm-"))
			continue;
		names_addf(names, "file:/sys/class/block/%s/dm/uuid", mapping);
		if (!is_luks(fetched, mapping, &is, &err) || !is)
			continue;
		names_addf(names, "dir:/sys/class/block/%s/slaves", mapping);
		if (header_of(fetched, mapping, &header, &err))
			names_add(names, header);
	}
}

/* The cipher of all segments; "none" as soon as one is not encrypted or they differ. */
static const char *cipher_of(const json_t *header) {
	const char *cipher = NULL;
	json_t *segment;
	size_t i;
	json_array_foreach(json_object_get(header, "segments"), i, segment) {
		const char *one = json_string_value(json_object_get(segment, "cipher"));
		if (!one || (cipher && strcmp(cipher, one) != 0))
			return "none";
		cipher = one;
	}
	return cipher ? cipher : "none";
}

/* The type of the token that has this slot's key, or NULL. */
static const char *token_of(const json_t *header, int64_t slot) {
	json_t *token, *one;
	size_t i, k;
	json_array_foreach(json_object_get(header, "tokens"), i, token) json_array_foreach(
		json_object_get(token, "keyslots"), k,
		one) if (json_integer_value(one) == slot) return json_string_value(json_object_get(token, "type"));
	return NULL;
}

static bool add_slot(json_t *rows, const json_t *header, const json_t *slot, const char *where, struct err *err) {
	static const char *const numbers[] = {"iterations", "memory"};
	const char *kdf = json_string_value(json_object_get(slot, "kdf"));
	int64_t version, number, key_bits;
	if (!json_get_int(header, "version", where, &version, err) ||
	    !json_get_int(slot, "slot", where, &number, err) || !json_get_int(slot, "key_bits", where, &key_bits, err))
		return false;
	json_t *row = row_add(rows);
	row_text(row, "device", where + strlen("luks:"));
	row_int(row, "version", version);
	row_text(row, "cipher", cipher_of(header));
	row_int(row, "slot", number);
	row_int(row, "slots", (int64_t)json_array_size(json_object_get(header, "keyslots")));
	row_int(row, "key_bits", key_bits);
	row_text(row, "kdf", kdf);
	row_text(row, "hash", json_string_value(json_object_get(slot, "hash")));
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (json_object_get(slot, numbers[i]))
			row_int(row, numbers[i], json_integer_value(json_object_get(slot, numbers[i])));
	row_text(row, "token", token_of(header, number));
	return true;
}

static bool add_device(json_t *rows, const struct sources *fetched, const char *mapping, struct err *err) {
	CLEANUP(free_ptr) char *name = NULL;
	json_t *header, *slots, *slot;
	size_t i;
	if (!header_of(fetched, mapping, &name, err) || !source_need_json(fetched, name, &header, err))
		return false;
	if (!json_is_true(json_object_get(header, "luks")))
		return err_set(err, ERR_UNPROVED, name, "no header on the device of %s: it is detached", mapping);
	if (!json_get_array(header, "keyslots", name, &slots, err))
		return false;
	json_array_foreach(slots, i, slot) {
		const char *type = json_string_value(json_object_get(slot, "type"));
		bool is_key = !type || strcmp(type, "reencrypt") != 0;
		if (is_key && !add_slot(rows, header, slot, name, err))
			return false;
	}
	return true;
}

static bool run(const json_t *with, const struct sources *fetched, struct observation *ret_observation,
		struct err *err) {
	CLEANUP(json_decref_p) json_t *rows = json_array();
	json_t *blocks = NULL, *block;
	size_t i;
	if (!source_maybe_json(fetched, BLOCKS, &blocks, err))
		return false;
	if (!blocks)
		return err_set(err, ERR_UNPROVED, BLOCKS, "no /sys here to see the kernel's devices in");
	json_array_foreach(blocks, i, block) {
		const char *mapping = json_string_value(json_object_get(block, "name"));
		bool is = false;
		if (!mapping || !text_starts(mapping, "dm-"))
			continue;
		if (!is_luks(fetched, mapping, &is, err) || (is && !add_device(rows, fetched, mapping, err)))
			return false;
	}
	ret_observation->rows = json_incref(rows);
	return true;
}

const struct check check_luks = {
	.name = "luks",
	.about = "How the encrypted volumes that are open are protected, by their LUKS headers.",
	.params = params,
	.fields = fields,
	.patterns = patterns,
	.sources = name_sources,
	.run = run,
};
