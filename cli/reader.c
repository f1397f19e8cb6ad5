#include "cli/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"

#define TOKEN_LARGEST 4096
#define PAGES_MOST 10000

static const char *given(const char *option, const char *variable) {
	const char *environment = getenv(variable);
	if (option)
		return option;
	return environment && *environment ? environment : NULL;
}

static bool read_token(const char *path, char **ret_token, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	CLEANUP(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) != 0)
		return err_errno(err, errno, ERR_IO, path, "open");
	if (status.st_mode & 077)
		return err_set(err, ERR_REFUSED, path, "group or others may read it: mode %04o, should be 0600",
			       (unsigned)(status.st_mode & 07777));
	if (!file_read_fd(fd, path, TOKEN_LARGEST, &bytes, err))
		return false;
	CLEANUP(free_ptr) char *text = buf_take(&bytes);
	const char *token = text_trim(text);
	if (!*token || strpbrk(token, " \t\r\n"))
		return err_set(err, ERR_MALFORMED, path, "it does not hold one token");
	*ret_token = xstrdup(token);
	return true;
}

bool reader_open(struct reader *reader, struct err *err) {
	reader->collector = given(reader->collector, "VOUCH_COLLECTOR");
	reader->ca = given(reader->ca, "VOUCH_CA");
	reader->token_file = given(reader->token_file, "VOUCH_TOKEN_FILE");
	if (!reader->collector || !reader->ca || !reader->token_file)
		return err_set(err, ERR_USAGE, "connection", "--collector, --ca and --token-file are needed");
	if (access(reader->ca, R_OK) != 0)
		return err_errno(err, errno, ERR_IO, reader->ca, "open");
	if (!read_token(reader->token_file, &reader->token, err))
		return false;
	const struct http_peer peer = {.base = reader->collector, .ca = reader->ca, .bearer = reader->token};
	return http_open(&peer, &reader->http, err);
}

void reader_done(struct reader *reader) {
	http_close(reader->http);
	free(reader->token);
}

bool reader_get_if(struct reader *reader, const char *path, bool *ret_is_there, struct buf *ret_bytes,
		   struct err *err) {
	struct http_answer answer = {0};
	const struct http_request request = {.path = path};
	if (!http_ask(reader->http, &request, &answer, err))
		return false;
	*ret_is_there = answer.status != 404;
	if (*ret_is_there && !http_is_ok(&answer, path, err)) {
		http_answer_done(&answer);
		return false;
	}
	if (*ret_is_there)
		*ret_bytes = answer.body;
	else
		http_answer_done(&answer);
	return true;
}

bool reader_get(struct reader *reader, const char *path, struct buf *ret_bytes, struct err *err) {
	struct http_answer answer = {0};
	const struct http_request request = {.path = path};
	if (!http_ask(reader->http, &request, &answer, err))
		return false;
	if (!http_is_ok(&answer, path, err)) {
		http_answer_done(&answer);
		return false;
	}
	*ret_bytes = answer.body;
	return true;
}

static bool get_json(struct reader *reader, const char *path, json_t **ret_value, struct err *err) {
	CLEANUP(buf_done) struct buf bytes = {0};
	return reader_get(reader, path, &bytes, err) &&
	       json_read(bytes.data, bytes.len, HTTP_ANSWER_LARGEST, path, ret_value, err);
}

bool reader_get_all(struct reader *reader, const char *path, const char *member, json_t **ret_array, struct err *err) {
	CLEANUP(json_decref_p) json_t *all = json_array();
	CLEANUP(free_ptr) char *page_path = xstrdup(path);
	for (size_t page = 0; page < PAGES_MOST; page++) {
		CLEANUP(json_decref_p) json_t *object = NULL;
		json_t *items;
		if (!get_json(reader, page_path, &object, err) || !json_get_array(object, member, path, &items, err))
			return false;
		json_array_extend(all, items);
		const char *next = json_string_value(json_object_get(object, "next"));
		if (!next || !*next) {
			*ret_array = json_incref(all);
			return true;
		}
		CLEANUP(free_ptr) char *after = text_percent_encode(next);
		free(page_path);
		page_path = xasprintf("%s%cafter=%s", path, strchr(path, '?') ? '&' : '?', after);
	}
	return err_set(err, ERR_TOO_BIG, path, "more than %d pages", PAGES_MOST);
}
