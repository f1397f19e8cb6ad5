#include "agent/notice.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "core/journal_stream.h"
#include "core/mem.h"
#include "core/text.h"

static void print(const char *program, enum notice priority, const char *text) {
	if (journal_stream_is_ours())
		fprintf(stderr, "<%d>%s\n", (int)priority, text);
	else
		fprintf(stderr, "%s: %s\n", program, text);
}

void notice(const char *program, enum notice priority, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	text_replace_controls(text);
	print(program, priority, text);
}

static void add_field(struct iovec *fields, int *count, const char *name, const char *value) {
	char *text = xasprintf("%s=%s", name, value);
	text_replace_controls(text);
	fields[(*count)++] = (struct iovec){text, strlen(text)};
}

static bool send(const char *program, enum notice priority, const char *id, const struct notice_field *fields,
		 size_t count, const char *text) {
	struct iovec sent[NOTICE_FIELDS_MOST + 4];
	int n = 0;
	char number[2] = {(char)('0' + priority), '\0'};
	add_field(sent, &n, "MESSAGE", text);
	add_field(sent, &n, "MESSAGE_ID", id);
	add_field(sent, &n, "PRIORITY", number);
	add_field(sent, &n, "SYSLOG_IDENTIFIER", program);
	for (size_t i = 0; i < count && i < NOTICE_FIELDS_MOST; i++)
		if (fields[i].value)
			add_field(sent, &n, fields[i].name, fields[i].value);
	int error = sd_journal_sendv(sent, n);
	for (int i = 0; i < n; i++)
		free(sent[i].iov_base);
	return error >= 0;
}

void notice_about(const char *program, enum notice priority, const char *id, const struct notice_field *fields,
		  size_t count, const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	CLEANUP(free_ptr) char *text = xvasprintf(format, arguments);
	va_end(arguments);
	text_replace_controls(text);
	if (!journal_stream_is_ours() || !send(program, priority, id, fields, count, text))
		print(program, priority, text);
}

int notice_failed(const char *program, const struct err *err) {
	char text[640];
	notice(program, NOTICE_ERROR, "%s", err_text(err, text, sizeof text));
	return 2;
}
