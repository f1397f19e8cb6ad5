/* Logins of readers in browsers: in memory, each with an end. */
#pragma once

#include "core/hash.h"

#define SESSIONS_MOST 1024 /* the oldest goes */
#define SESSION_TEXT 44    /* base64url of 32 random bytes, and NUL */

struct sessions;
struct sessions *sessions_new(void);
void sessions_free(struct sessions *sessions);
DEFINE_CLEANUP(struct sessions, sessions_free)
/* Begins one and writes its secret. token: the reader's, as the store keeps it: a reader that is removed or made anew
 * has no session any more. */
MUST_CHECK bool session_begin(struct sessions *sessions, const char *reader, const struct hash *token, int64_t until,
			      char ret_secret[SESSION_TEXT], struct err *err);
/* Whose it is; NULL when there is none or it has ended. Borrowed until the next call. */
const char *session_reader(const struct sessions *sessions, const char *secret, int64_t now, struct hash *ret_token);
void session_end(struct sessions *sessions, const char *secret);

/* 43 characters of base64url from 32 random bytes: tokens and session secrets. */
MUST_CHECK bool secret_make(char ret_secret[SESSION_TEXT], struct err *err);
