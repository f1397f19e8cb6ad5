#include "sources/kind.h"

#include <time.h>
#include <unistd.h>

#include "core/file.h"
#include "core/text.h"

const struct kind *kind_find(const struct kind *const *kinds, const char *name) {
	for (; *kinds; kinds++)
		if ((*kinds)->is_whole ? !strcmp(name, (*kinds)->prefix) : text_starts(name, (*kinds)->prefix))
			return *kinds;
	return NULL;
}

uint64_t time_us(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

bool ask_in_time(const struct ask *ask, struct err *err) {
	return time_us() < ask->deadline_us || err_set(err, ERR_TIMEOUT, ask->name, "not done before its deadline");
}

bool answer_json(const struct ask *ask, const json_t *value, struct answer *ret_answer, struct err *err) {
	struct buf bytes = {0};
	if (value && !json_canonical(value, &bytes, err)) {
		buf_done(&bytes);
		return false;
	}
	if (!value || bytes.len > SOURCE_LARGEST) {
		buf_done(&bytes);
		return value ? err_set(err, ERR_UNREADABLE, ask->name, "over the cap of %u bytes", SOURCE_LARGEST)
			     : err_set(err, ERR_MALFORMED, ask->name, "holds what JSON cannot say");
	}
	*ret_answer = (struct answer){.bytes = bytes};
	return true;
}

bool answer_shaped(const struct ask *ask, const json_t *value, struct answer *answer, struct err *err) {
	struct answer shaped;
	if (!answer_json(ask, value, &shaped, err))
		return false;
	answer_done(answer);
	*answer = shaped;
	return true;
}

bool answer_read(const struct ask *ask, const struct answer *answer, struct buf *ret_bytes, struct err *err) {
	if (!answer->is_file)
		return err_set(err, ERR_UNREADABLE, ask->name, "not answered with an open file");
	return kind_read_fd(answer->file, ask->name, SOURCE_LARGEST, ret_bytes, err);
}

bool kind_read_fd(int fd, const char *where, size_t cap, struct buf *ret_bytes, struct err *err) {
	if (file_read_fd(fd, where, cap, ret_bytes, err))
		return true;
	if (err->code == ERR_TOO_BIG)
		err->code = ERR_UNREADABLE;
	return false;
}

void answer_done(struct answer *answer) {
	buf_done(&answer->bytes);
	if (answer->is_file)
		close_fd(&answer->file);
	*answer = (struct answer){0};
}
