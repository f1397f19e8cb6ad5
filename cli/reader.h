/* The reader's side of a collector: connection options that verbs share, and its JSON. */
#pragma once

#include "agent/http.h"
#include "cli/cli.h"
#include "core/json.h"

struct reader {
	const char *collector, *ca, *token_file; /* from options, else VOUCH_COLLECTOR, VOUCH_CA, VOUCH_TOKEN_FILE */
	char *token;
	struct http *http;
};
/* The options' rows, for a verb's table. */
#define READER_ROWS(reader)                                                                                            \
	{"collector", 0, OPTION_TEXT, &(reader).collector}, {"ca", 0, OPTION_TEXT, &(reader).ca}, {                    \
		"token-file", 0, OPTION_TEXT, &(reader).token_file                                                     \
	}
#define READER_USAGE                                                                                                   \
	"  --collector URL    the readers' address, such as https://collector.example:8444 (VOUCH_COLLECTOR)\n"        \
	"  --ca FILE          the collector's CA certificate, PEM (VOUCH_CA)\n"                                        \
	"  --token-file FILE  holds a reader's token; 0600 (VOUCH_TOKEN_FILE)\n"

/* Connect. A token file that group or others may read is refused. */
MUST_CHECK bool reader_open(struct reader *reader, struct err *err);
void reader_done(struct reader *reader);
/* GET; the bytes of a 200. *ret_bytes must be empty. */
MUST_CHECK bool reader_get(struct reader *reader, const char *path, struct buf *ret_bytes, struct err *err);
/* The same; false in *ret_is_there where the answer is 404. */
MUST_CHECK bool reader_get_if(struct reader *reader, const char *path, bool *ret_is_there, struct buf *ret_bytes,
			      struct err *err);
/* All pages of a list: the arrays under `member`, joined. New reference. path may have a query already. */
MUST_CHECK bool reader_get_all(struct reader *reader, const char *path, const char *member, json_t **ret_array,
			       struct err *err);
