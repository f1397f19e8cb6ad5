#include "sources/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "sources/fetch.h"
#include "sources/kind.h"

/* What "openssh-key-v1", the cipher "none" and the kdf "none" are in Base64, at the beginning of each such key. */
static const char openssh_plain[] = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ";

static const struct label {
	const char *begin, *format;
	enum { ENCRYPTED_NO, ENCRYPTED_YES, ENCRYPTED_BY_HEADER, ENCRYPTED_INSIDE } encrypted;
} labels[] = {
	{"-----BEGIN OPENSSH PRIVATE KEY-----", "openssh", ENCRYPTED_INSIDE},
	{"-----BEGIN ENCRYPTED PRIVATE KEY-----", "pem", ENCRYPTED_YES},
	{"-----BEGIN PRIVATE KEY-----", "pem", ENCRYPTED_NO},
	{"-----BEGIN RSA PRIVATE KEY-----", "pem", ENCRYPTED_BY_HEADER},
	{"-----BEGIN EC PRIVATE KEY-----", "pem", ENCRYPTED_BY_HEADER},
	{"-----BEGIN DSA PRIVATE KEY-----", "pem", ENCRYPTED_BY_HEADER},
};

static bool starts(const char *at, const char *end, const char *text) {
	size_t len = strlen(text);
	return (size_t)(end - at) >= len && !memcmp(at, text, len);
}

/* at: behind the label. */
static bool is_encrypted(const struct label *label, const char *at, const char *end) {
	while (at < end && strchr("\r\n \t", *at) && *at)
		at++;
	switch (label->encrypted) {
	case ENCRYPTED_INSIDE:
		return !starts(at, end, openssh_plain);
	case ENCRYPTED_BY_HEADER:
		return starts(at, end, "Proc-Type: 4,ENCRYPTED");
	default:
		return label->encrypted == ENCRYPTED_YES;
	}
}

json_t *keyfile_parse(const char *data, size_t len) {
	const char *end = data + len, *format = NULL;
	bool encrypted = true;
	for (const char *at = data; at < end && (at = memchr(at, '-', (size_t)(end - at))); at++)
		for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
			if (!starts(at, end, labels[i].begin))
				continue;
			bool is = is_encrypted(&labels[i], at + strlen(labels[i].begin), end);
			if (!format || (encrypted && !is))
				format = labels[i].format;
			encrypted &= is;
		}
	if (!format)
		return json_pack("{s:b}", "key", 0);
	return json_pack("{s:b,s:s,s:b}", "key", 1, "format", format, "encrypted", encrypted);
}

static bool read_whole(const struct ask *ask, int fd, char *data, size_t room, size_t *ret_len, struct err *err) {
	size_t len = 0;
	while (len < room) {
		ssize_t got = read(fd, data + len, room - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, ERR_UNREADABLE, ask->name, "read");
		if (got == 0)
			break;
		len += (size_t)got;
	}
	*ret_len = len;
	return true;
}

static bool look_keyfile(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	struct stat status;
	CLEANUP(json_decref_p) json_t *value = NULL;
	size_t len = 0;
	CLEANUP(close_fd) int fd = place_open(ask->place, ask->rest, O_RDONLY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_UNREADABLE, ask->name, "open");
	if (!S_ISREG(status.st_mode))
		return err_set(err, ERR_UNREADABLE, ask->name, "not a file");
	char *data = xmalloc(KEYFILE_LARGEST + 1);
	bool is_read = read_whole(ask, fd, data, KEYFILE_LARGEST + 1, &len, err);
	if (is_read)
		value = len > KEYFILE_LARGEST ? json_pack("{s:b}", "key", 0) : keyfile_parse(data, len);
	explicit_bzero(data, is_read ? len : KEYFILE_LARGEST + 1);
	free(data);
	return is_read && answer_json(ask, value, ret_answer, err);
}

const struct kind kind_keyfile = {
	.prefix = "keyfile:", .helper = HELPER_FS, .deadline_ms = FETCH_DEADLINE_MS, .look = look_keyfile};
