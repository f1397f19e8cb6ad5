#include "agent/identity.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "core/lines.h"
#include "core/text.h"
#include "core/times.h"

#define MACHINE_ID "/etc/machine-id"
#define OS_RELEASE "file:/etc/os-release"
#define KERNEL_HOST_NAME "file:/proc/sys/kernel/hostname"
#define HOST_NAME "file:/etc/hostname"
#define BOOT_ID "file:/proc/sys/kernel/random/boot_id"
#define ID_BYTES 16
#define ID_DIGITS 32
#define FUTURE_SLACK 60 /* seconds that the machine id may be ahead: clocks are set while a host begins */

/* vouch's application id: random, and never to be changed, or every host would get another id. */
static const unsigned char application_id[ID_BYTES] = {0x1b, 0x8a, 0xf5, 0x4a, 0xfc, 0x7a, 0x69, 0x67,
						       0xb1, 0xc4, 0x9f, 0x83, 0x9b, 0x75, 0xde, 0x3d};

static const char *const patterns[] = {
	"file:" MACHINE_ID, "stat:" MACHINE_ID, OS_RELEASE, KERNEL_HOST_NAME, HOST_NAME, BOOT_ID, NULL};

static void ask(const json_t *params, const struct sources *fetched, struct names *names) {
	for (size_t i = 0; patterns[i]; i++)
		names_add(names, patterns[i]);
}

const struct check identity_check = {
	.name = "identity", .about = "who the host is", .patterns = patterns, .sources = ask};

static int hex_digit(char c) {
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool machine_id_bytes(const char *text, unsigned char ret_bytes[ID_BYTES]) {
	for (size_t i = 0; i < ID_BYTES; i++) {
		int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
		if (low < 0)
			return false;
		ret_bytes[i] = (unsigned char)(high << 4 | low);
	}
	return !text[ID_DIGITS] || !strcmp(text + ID_DIGITS, "\n");
}

/* Marks the bytes as a random UUID (RFC 4122 4.4) and writes them. */
static void write_uuid(unsigned char id[ID_BYTES], char ret_uuid[IDENTITY_UUID]) {
	id[6] = (unsigned char)((id[6] & 0x0f) | 0x40);
	id[8] = (unsigned char)((id[8] & 0x3f) | 0x80);
	snprintf(ret_uuid, IDENTITY_UUID, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0],
		 id[1], id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12], id[13], id[14],
		 id[15]);
}

bool identity_uuid(const char *machine_id, char ret_uuid[IDENTITY_UUID]) {
	unsigned char key[ID_BYTES], id[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (!machine_id_bytes(machine_id, key))
		return false;
	if (!HMAC(EVP_sha256(), key, sizeof key, application_id, sizeof application_id, id, &len) || len < ID_BYTES)
		return false;
	write_uuid(id, ret_uuid);
	return true;
}

bool identity_draw(char **ret_uuid, struct err *err) {
	unsigned char id[ID_BYTES];
	char uuid[IDENTITY_UUID];
	if (RAND_bytes(id, sizeof id) != 1)
		return err_set(err, ERR_CRYPTO, "host id", "the random generator failed");
	write_uuid(id, uuid);
	*ret_uuid = xstrdup(uuid);
	return true;
}

/* The bytes of a source that was read, or NULL. */
static const struct source *read_source(const struct sources *fetched, const char *name) {
	const struct source *source = sources_get(fetched, name);
	return source && source->err.code == ERR_NONE ? source : NULL;
}

char *identity_host_id(const struct sources *fetched) {
	char uuid[IDENTITY_UUID] = "";
	const struct source *source = read_source(fetched, "file:" MACHINE_ID);
	if (source && identity_uuid(buf_str(&source->bytes), uuid))
		return xstrdup(uuid);
	return xstrdup("");
}

/* As it may stand in a statement: UTF-8 without control characters. */
static char *presentable(const char *text) {
	CLEANUP(json_decref_p) json_t *string = json_text(text);
	char *copy = xstrdup(json_string_value(string));
	text_replace_controls(copy);
	return copy;
}

/* The first line of a source without the white space around it, or NULL when there is none. */
static char *first_line(const struct sources *fetched, const char *name) {
	const struct source *source = read_source(fetched, name);
	if (!source)
		return NULL;
	struct lines lines = lines_over(name, source->bytes.data, source->bytes.len);
	char *line = lines_next(&lines);
	char *text = line ? presentable(text_trim(line)) : NULL;
	lines_done(&lines);
	if (text && *text)
		return text;
	free(text);
	return NULL;
}

char *identity_host_name(const struct sources *fetched) {
	char *name = first_line(fetched, KERNEL_HOST_NAME);
	if (!name)
		name = first_line(fetched, HOST_NAME);
	return name ? name : xstrdup("");
}

char *identity_boot_id(const struct sources *fetched) {
	char *id = first_line(fetched, BOOT_ID);
	return id ? id : xstrdup("");
}

/* os-release(5): KEY=value, perhaps in quotes. */
static void os_release_line(char *line, char **id, char **version) {
	char **target = text_starts(line, "ID=") ? id : text_starts(line, "VERSION_ID=") ? version : NULL;
	if (!target)
		return;
	char *value = text_trim(strchr(line, '=') + 1);
	size_t len = strlen(value);
	if (len >= 2 && (*value == '"' || *value == '\'') && value[len - 1] == *value) {
		value[len - 1] = '\0';
		value++;
	}
	free(*target);
	*target = presentable(value);
}

char *identity_os(const struct sources *fetched) {
	CLEANUP(free_ptr) char *id = NULL;
	CLEANUP(free_ptr) char *version = NULL;
	const struct source *source = read_source(fetched, OS_RELEASE);
	if (!source)
		return xstrdup("");
	struct lines lines = lines_over(OS_RELEASE, source->bytes.data, source->bytes.len);
	for (char *line = lines_next(&lines); line; line = lines_next(&lines))
		os_release_line(line, &id, &version);
	lines_done(&lines);
	return xasprintf("%s%s%s", id ? id : "", id && version ? " " : "", version ? version : "");
}

int64_t identity_host_age(const struct sources *fetched, int64_t now) {
	struct err err;
	json_t *value;
	int64_t written;
	if (!source_need_json(fetched, "stat:" MACHINE_ID, &value, &err) ||
	    !json_get_int(value, "mtime", "stat:" MACHINE_ID, &written, &err))
		return -1;
	if (written > now + FUTURE_SLACK)
		return -1;
	return written < now ? now - written : 0;
}
