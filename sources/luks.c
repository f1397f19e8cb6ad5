#include "sources/luks.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/text.h"
#include "sources/fetch.h"
#include "sources/kind.h"

#define MAGIC "LUKS\xba\xbe"
#define SECOND_MAGIC "SKUL\xba\xbe"
#define MAGIC_LEN 6
#define HEADER_SMALLEST 0x4000U /* of version 2; a power of two up to LUKS_HEADER_LARGEST */
#define SECTOR 512
#define V1_SIZE 592
#define V1_SLOTS 8
#define V1_SLOT_USED 0x00ac71f3U
#define V1_SLOT_FREE 0x0000deadU

static uint64_t read_u64be(struct cursor *cursor) {
	uint64_t high = cursor_u32be(cursor);
	return high << 32 | cursor_u32be(cursor);
}

/* A text in a field of fixed size, padded with NUL bytes. */
static json_t *read_text(struct cursor *cursor, size_t size) {
	const char *text = (const char *)cursor_bytes(cursor, size);
	return text ? json_textn(text, strnlen(text, size)) : json_string("");
}

/* The part of version 2 before its JSON. */
struct binary {
	const unsigned char *magic, *label, *uuid, *subsystem;
	unsigned version;
	uint64_t size, sequence, offset;
};

enum { LABEL_SIZE = 48, ALGORITHM_SIZE = 32, SALT_SIZE = 64, UUID_SIZE = 40, SUBSYSTEM_SIZE = 48 };

/* From LUKS_FIRST bytes. */
static struct binary read_binary(const void *data) {
	struct cursor cursor = cursor_over(data, LUKS_FIRST);
	struct binary binary = {0};
	binary.magic = cursor_bytes(&cursor, MAGIC_LEN);
	binary.version = cursor_u16be(&cursor);
	binary.size = read_u64be(&cursor);
	binary.sequence = read_u64be(&cursor);
	binary.label = cursor_bytes(&cursor, LABEL_SIZE);
	cursor_bytes(&cursor, ALGORITHM_SIZE + SALT_SIZE);
	binary.uuid = cursor_bytes(&cursor, UUID_SIZE);
	binary.subsystem = cursor_bytes(&cursor, SUBSYSTEM_SIZE);
	binary.offset = read_u64be(&cursor);
	return binary;
}

static bool is_size(uint64_t size) {
	return size >= HEADER_SMALLEST && size <= LUKS_HEADER_LARGEST && (size & (size - 1)) == 0;
}

bool luks_size(const void *first, const char *where, size_t *ret_size, struct err *err) {
	struct binary binary = read_binary(first);
	if (memcmp(binary.magic, MAGIC, MAGIC_LEN) != 0) {
		*ret_size = 0;
		return true;
	}
	if (binary.version != 1 && binary.version != 2)
		return err_set(err, ERR_MALFORMED, where, "a LUKS header of version %u", binary.version);
	if (binary.version == 2 && !is_size(binary.size))
		return err_set(err, ERR_MALFORMED, where, "a LUKS2 header of %llu bytes",
			       (unsigned long long)binary.size);
	*ret_size = binary.version == 1 ? LUKS_FIRST : (size_t)binary.size * 2;
	return true;
}

/* One of version 1's eight. False when it is neither used nor free. */
static bool read_slot_v1(struct cursor *cursor, int slot, const char *cipher, const char *hash, int64_t key_bits,
			 json_t *slots) {
	uint32_t state = cursor_u32be(cursor), iterations = cursor_u32be(cursor);
	cursor_bytes(cursor, 32 + 4 + 4); /* salt, where its material lies, stripes */
	if (state == V1_SLOT_USED)
		json_array_append_new(slots, json_pack("{s:i,s:s,s:I,s:s,s:s,s:s,s:I}", "slot", slot, "type", "luks1",
						       "key_bits", (json_int_t)key_bits, "cipher", cipher, "kdf",
						       "pbkdf2", "hash", hash, "iterations", (json_int_t)iterations));
	return state == V1_SLOT_USED || state == V1_SLOT_FREE;
}

static bool parse_v1(const void *data, const char *where, json_t **ret_value, struct err *err) {
	struct cursor cursor = cursor_over(data, V1_SIZE);
	CLEANUP(json_decref_p) json_t *slots = json_array();
	cursor_bytes(&cursor, MAGIC_LEN + 2);
	CLEANUP(json_decref_p) json_t *name = read_text(&cursor, 32);
	CLEANUP(json_decref_p) json_t *mode = read_text(&cursor, 32);
	CLEANUP(json_decref_p) json_t *hash = read_text(&cursor, 32);
	CLEANUP(free_ptr) char *cipher = xasprintf("%s-%s", json_string_value(name), json_string_value(mode));
	cursor_u32be(&cursor); /* where what is encrypted begins */
	int64_t key_bits = (int64_t)cursor_u32be(&cursor) * 8;
	cursor_bytes(&cursor, 20 + 32); /* digest and salt */
	uint32_t iterations = cursor_u32be(&cursor);
	CLEANUP(json_decref_p) json_t *uuid = read_text(&cursor, UUID_SIZE);
	for (int slot = 0; slot < V1_SLOTS; slot++)
		if (!read_slot_v1(&cursor, slot, cipher, json_string_value(hash), key_bits, slots))
			return err_set(err, ERR_MALFORMED, where, "key slot %d is neither used nor free", slot);
	*ret_value = json_pack("{s:b,s:i,s:O,s:s,s:s,s:[{s:s,s:s,s:i}],s:O,s:[{s:s,s:O,s:I}],s:[],s:[]}", "luks", 1,
			       "version", 1, "uuid", uuid, "label", "", "subsystem", "", "segments", "type", "crypt",
			       "cipher", cipher, "sector_size", SECTOR, "keyslots", slots, "digests", "kdf", "pbkdf2",
			       "hash", hash, "iterations", (json_int_t)iterations, "tokens", "requirements");
	return true;
}

/* Members of one object under other names in another: only what is named here gets out. */
struct member {
	const char *from, *to;
	json_type type;
};

/* False when one of them is missing or of another type. */
static bool take(const json_t *from, json_t *to, const struct member *members, size_t count) {
	for (size_t i = 0; i < count; i++) {
		json_t *value = json_object_get(from, members[i].from);
		if (!value || json_typeof(value) != members[i].type)
			return false;
		json_object_set(to, members[i].to, value);
	}
	return true;
}

static bool take_kdf(const json_t *kdf, json_t *to) {
	static const struct member pbkdf2[] = {{"type", "kdf", JSON_STRING},
					       {"hash", "hash", JSON_STRING},
					       {"iterations", "iterations", JSON_INTEGER}},
				   argon2[] = {{"type", "kdf", JSON_STRING},
					       {"time", "time", JSON_INTEGER},
					       {"memory", "memory", JSON_INTEGER},
					       {"cpus", "cpus", JSON_INTEGER}};
	const char *type = json_string_value(json_object_get(kdf, "type"));
	if (type && text_starts(type, "argon2"))
		return take(kdf, to, argon2, ARRAY_LEN(argon2));
	return take(kdf, to, pbkdf2, ARRAY_LEN(pbkdf2));
}

static bool take_slot(const char *number, const json_t *from, json_t *list) {
	static const struct member slot[] = {{"type", "type", JSON_STRING}};
	static const struct member area[] = {{"encryption", "cipher", JSON_STRING}};
	unsigned long long at;
	const char *type = json_string_value(json_object_get(from, "type"));
	const json_t *key_size = json_object_get(from, "key_size");
	CLEANUP(json_decref_p) json_t *to = json_object();
	if (!text_to_u64(number, 1024, &at) || !take(from, to, slot, ARRAY_LEN(slot)) || !json_is_integer(key_size) ||
	    json_integer_value(key_size) < 0 || json_integer_value(key_size) > UINT16_MAX)
		return false;
	json_object_set_new(to, "slot", json_integer((json_int_t)at));
	json_object_set_new(to, "key_bits", json_integer(json_integer_value(key_size) * 8));
	bool is_key = strcmp(type, "reencrypt") != 0;
	if (is_key && (!take(json_object_get(from, "area"), to, area, ARRAY_LEN(area)) ||
		       !take_kdf(json_object_get(from, "kdf"), to)))
		return false;
	json_array_append(list, to);
	return true;
}

static bool take_segment(const char *number, const json_t *from, json_t *list) {
	static const struct member crypt[] = {{"type", "type", JSON_STRING},
					      {"encryption", "cipher", JSON_STRING},
					      {"sector_size", "sector_size", JSON_INTEGER}};
	const char *type = json_string_value(json_object_get(from, "type"));
	CLEANUP(json_decref_p) json_t *to = json_object();
	if (!type || !take(from, to, crypt, strcmp(type, "crypt") ? 1 : ARRAY_LEN(crypt)))
		return false;
	json_array_append(list, to);
	return true;
}

static bool take_digest(const char *number, const json_t *from, json_t *list) {
	CLEANUP(json_decref_p) json_t *to = json_object();
	if (!take_kdf(from, to))
		return false;
	json_array_append(list, to);
	return true;
}

static bool take_token(const char *number, const json_t *from, json_t *list) {
	json_t *type = json_object_get(from, "type"), *slots = json_object_get(from, "keyslots"), *slot;
	CLEANUP(json_decref_p) json_t *numbers = json_array();
	size_t i;
	json_array_foreach(slots, i, slot) {
		unsigned long long one;
		if (!json_is_string(slot) || !text_to_u64(json_string_value(slot), 1024, &one))
			return false;
		json_array_append_new(numbers, json_integer((json_int_t)one));
	}
	if (!json_is_string(type) || !json_is_array(slots))
		return false;
	json_array_append_new(list, json_pack("{s:O,s:O}", "type", type, "keyslots", numbers));
	return true;
}

static int by_number(const void *a, const void *b) {
	const char *one = *(const char *const *)a, *other = *(const char *const *)b;
	size_t one_len = strlen(one), other_len = strlen(other);
	return one_len != other_len ? (one_len < other_len ? -1 : 1) : strcmp(one, other);
}

/* An object whose keys are numbers, as a list in their order. */
static bool take_all(const json_t *json, const char *key, const char *where, json_t *value,
		     bool (*take_one)(const char *number, const json_t *from, json_t *list), struct err *err) {
	json_t *from, *one;
	const char *number;
	size_t count = 0;
	if (!json_get_object(json, key, where, &from, err))
		return false;
	CLEANUP(free_ptr) const char **numbers = xcalloc(json_object_size(from) + 1, sizeof *numbers);
	CLEANUP(json_decref_p) json_t *list = json_array();
	json_object_foreach(from, number, one) numbers[count++] = number;
	if (count > 0)
		qsort(numbers, count, sizeof *numbers, by_number);
	for (size_t i = 0; i < count; i++)
		if (!take_one(numbers[i], json_object_get(from, numbers[i]), list))
			return err_set(err, ERR_MALFORMED, where, "\"%s\" %s is not as LUKS2 has it", key, numbers[i]);
	json_object_set(value, key, list);
	return true;
}

static bool take_requirements(const json_t *json, const char *where, json_t *value, struct err *err) {
	json_t *config, *one;
	size_t index;
	if (!json_get_object(json, "config", where, &config, err))
		return false;
	json_t *mandatory = json_object_get(json_object_get(config, "requirements"), "mandatory");
	CLEANUP(json_decref_p) json_t *list = json_array();
	if (mandatory && !json_is_array(mandatory))
		return err_set(err, ERR_MALFORMED, where, "the requirements are no list");
	json_array_foreach(mandatory, index, one) {
		if (!json_is_string(one))
			return err_set(err, ERR_MALFORMED, where, "a requirement is no text");
		json_array_append(list, one);
	}
	json_object_set(value, "requirements", list);
	return true;
}

static bool is_zero(const char *data, size_t len) {
	return len == 0 || (data[0] == '\0' && !memcmp(data, data + 1, len - 1));
}

/* Whether the second copy is that of the first. */
static bool is_copy(const struct binary *first, const struct binary *second) {
	return !memcmp(second->magic, SECOND_MAGIC, MAGIC_LEN) && second->version == first->version &&
	       second->size == first->size && second->sequence == first->sequence && first->offset == 0 &&
	       second->offset == first->size && !memcmp(first->label, second->label, LABEL_SIZE) &&
	       !memcmp(first->uuid, second->uuid, UUID_SIZE) &&
	       !memcmp(first->subsystem, second->subsystem, SUBSYSTEM_SIZE);
}

static bool parse_v2(const char *data, const char *where, json_t **ret_value, struct err *err) {
	struct binary first = read_binary(data), second = read_binary(data + first.size);
	const char *area = data + LUKS_FIRST;
	size_t room = (size_t)first.size - LUKS_FIRST, len = strnlen(area, room);
	if (!is_copy(&first, &second) || memcmp(area, area + first.size, room) != 0)
		return err_set(err, ERR_MALFORMED, where,
			       "the two copies of the LUKS2 header differ: being written, or damaged");
	if (len == room || !is_zero(area + len, room - len))
		return err_set(err, ERR_MALFORMED, where, "the header's JSON does not end in zeros");
	CLEANUP(json_decref_p) json_t *json = NULL;
	if (!json_read(area, len, room, where, &json, err))
		return false;
	struct cursor label = cursor_over(first.label, LABEL_SIZE), uuid = cursor_over(first.uuid, UUID_SIZE),
		      subsystem = cursor_over(first.subsystem, SUBSYSTEM_SIZE);
	CLEANUP(json_decref_p)
	json_t *value =
		json_pack("{s:b,s:i,s:o,s:o,s:o}", "luks", 1, "version", 2, "uuid", read_text(&uuid, UUID_SIZE),
			  "label", read_text(&label, LABEL_SIZE), "subsystem", read_text(&subsystem, SUBSYSTEM_SIZE));
	if (!take_all(json, "segments", where, value, take_segment, err) ||
	    !take_all(json, "keyslots", where, value, take_slot, err) ||
	    !take_all(json, "digests", where, value, take_digest, err) ||
	    !take_all(json, "tokens", where, value, take_token, err) || !take_requirements(json, where, value, err))
		return false;
	*ret_value = json_incref(value);
	return true;
}

bool luks_parse(const void *data, size_t len, const char *where, json_t **ret_value, struct err *err) {
	size_t size;
	if (len < LUKS_FIRST)
		return err_set(err, ERR_MALFORMED, where, "cut short");
	if (!luks_size(data, where, &size, err))
		return false;
	if (size == 0 || len < size)
		return err_set(err, ERR_MALFORMED, where, size ? "cut short" : "no LUKS header");
	return size == LUKS_FIRST ? parse_v1(data, where, ret_value, err) : parse_v2(data, where, ret_value, err);
}

/* From offset on, as much as there is up to len. */
static bool read_at(const struct ask *ask, int fd, void *data, size_t len, off_t offset, size_t *ret_got,
		    struct err *err) {
	size_t got = 0;
	while (got < len) {
		ssize_t more = pread(fd, (char *)data + got, len - got, offset + (off_t)got);
		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "read");
		if (more == 0)
			break;
		got += (size_t)more;
	}
	*ret_got = got;
	return true;
}

/* A first copy that was overwritten must not pass for a device that was never encrypted. */
static bool has_no_second(const struct ask *ask, int fd, struct err *err) {
	for (uint64_t offset = HEADER_SMALLEST; offset <= LUKS_HEADER_LARGEST; offset *= 2) {
		char magic[MAGIC_LEN] = "";
		size_t got;
		if (!read_at(ask, fd, magic, sizeof magic, (off_t)offset, &got, err))
			return false;
		if (got == sizeof magic && !memcmp(magic, SECOND_MAGIC, MAGIC_LEN))
			return err_set(err, ERR_MALFORMED, ask->name,
				       "no LUKS header at the beginning, but the second copy of one at %llu",
				       (unsigned long long)offset);
	}
	return true;
}

/* Devices are opened only once it is known that they are disks. */
static bool open_disk(const struct ask *ask, int *ret_fd, struct err *err) {
	struct stat status;
	char again[64];
	CLEANUP(close_fd) int path = place_open(ask->place, ask->rest, O_PATH);
	if (path < 0 || fstat(path, &status) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open");
	if (!S_ISBLK(status.st_mode) && !S_ISREG(status.st_mode))
		return err_set(err, ERR_UNREADABLE, ask->name, "not a block device or a file but %s",
			       mode_type_name(status.st_mode));
	snprintf(again, sizeof again, "/proc/self/fd/%d", path);
	int fd = open(again, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_UNPROVED, ask->name, "open: no /proc");
	if (fd < 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open");
	*ret_fd = fd;
	return true;
}

static bool look_luks(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(close_fd) int fd = -1;
	CLEANUP(free_ptr) char *data = NULL;
	CLEANUP(json_decref_p) json_t *value = NULL;
	char first[LUKS_FIRST] = "";
	size_t got, size;
	if (!open_disk(ask, &fd, err) || !read_at(ask, fd, first, sizeof first, 0, &got, err))
		return false;
	if (got < SECTOR)
		return err_set(err, ERR_UNREADABLE, ask->name, "holds %zu bytes, less than a sector", got);
	if (!luks_size(first, ask->name, &size, err))
		return false;
	if (size == 0) {
		value = json_pack("{s:b}", "luks", 0);
		return has_no_second(ask, fd, err) && answer_json(ask, value, ret_answer, err);
	}
	data = xmalloc(size);
	return read_at(ask, fd, data, size, 0, &got, err) && luks_parse(data, got, ask->name, &value, err) &&
	       answer_json(ask, value, ret_answer, err);
}

const struct kind kind_luks = {
	.prefix = "luks:", .helper = HELPER_FS, .deadline_ms = FETCH_DEADLINE_MS, .look = look_luks};
