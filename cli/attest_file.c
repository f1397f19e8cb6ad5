#include "cli/attest_file.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include "core/file.h"

#define CHUNK 65536

static const char *media_type_of(const char *name) {
	static const struct {
		const char *extension, *type;
	} types[] = {
		{"sarif", "application/sarif+json"},
		{"pdf", "application/pdf"},
		{"json", "application/json"},
		{"xml", "application/xml"},
		{"yaml", "application/yaml"},
		{"yml", "application/yaml"},
		{"csv", "text/csv"},
		{"txt", "text/plain"},
		{"log", "text/plain"},
		{"md", "text/markdown"},
		{"html", "text/html"},
		{"png", "image/png"},
		{"jpg", "image/jpeg"},
		{"jpeg", "image/jpeg"},
		{"zip", "application/zip"},
		{"gz", "application/gzip"},
		{"tar", "application/x-tar"},
		{"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
		{"odt", "application/vnd.oasis.opendocument.text"},
		{"ods", "application/vnd.oasis.opendocument.spreadsheet"},
		{"eml", "message/rfc822"},
	};
	const char *dot = strrchr(name, '.');
	for (size_t i = 0; dot && i < ARRAY_LEN(types); i++)
		if (!strcasecmp(dot + 1, types[i].extension))
			return types[i].type;
	return "application/octet-stream";
}

static void free_context(EVP_MD_CTX **context) { EVP_MD_CTX_free(*context); }

/* Of a file that does not travel, whatever its size. */
static bool digest_of(const char *path, struct attestation_file *file, struct err *err) {
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();
	static unsigned char chunk[CHUNK];
	ssize_t len;
	if (fd < 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (!context || EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1)
		abort();
	while ((len = read(fd, chunk, sizeof chunk)) > 0) {
		if (EVP_DigestUpdate(context, chunk, (size_t)len) != 1)
			abort();
		file->size += len;
	}
	if (len < 0)
		return err_errno(err, errno, ERR_IO, path, "read");
	return EVP_DigestFinal_ex(context, file->sha256.bytes, NULL) == 1 ||
	       err_set(err, ERR_CRYPTO, path, "SHA-256 failed");
}

static bool content_of(const char *path, struct attestation_file *file, struct err *err) {
	if (!file_read(path, ATTESTATION_FILE_LARGEST, &file->content, err))
		return false;
	file->has_content = true;
	file->size = (int64_t)file->content.len;
	file->sha256 = hash_of(buf_str(&file->content), file->content.len);
	return true;
}

bool attest_file(const char *path, const char *media_type, bool with_content, struct attestation_file *ret_file,
		 struct err *err) {
	struct attestation_file file = {0};
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	if (!(with_content ? content_of(path, &file, err) : digest_of(path, &file, err))) {
		buf_done(&file.content);
		return false;
	}
	file.name = xstrdup(name);
	file.media_type = xstrdup(media_type ? media_type : media_type_of(name));
	*ret_file = file;
	return true;
}
