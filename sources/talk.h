/* The few words of mail, directory and database protocols that come before TLS: which of them a server speaks, and how
 * it is asked to go over to TLS. SMTP: RFC 5321, 3207; IMAP: RFC 3501; POP3: RFC 1939, 2449, 2595; FTP: RFC 959, 4217;
 * LDAP: RFC 4511 4.14; PostgreSQL and MySQL: the SSLRequest of their protocols. */
#pragma once

#include "sources/probe.h"

#define TALK_LARGEST 16384 /* bytes of one answer that are looked at */

enum talk_said {
	TALK_MORE, /* right so far, but cut */
	TALK_YES,
	TALK_NO,
	TALK_OTHER, /* not this protocol */
};
/* Reads one whole answer from its first byte. */
typedef enum talk_said talk_reader(const char *data, size_t len);

talk_reader talk_code;          /* SMTP, FTP: 2xx is yes, every other code no; lines "250-..." up to "250 ..." */
talk_reader talk_imap_greeting; /* "* OK", "* PREAUTH" */
talk_reader talk_imap_answer;   /* lines up to the one with the tag "a" */
talk_reader talk_pop3;          /* "+OK", "-ERR" */
talk_reader talk_pop3_list;     /* the same, "+OK" with lines up to "." */
talk_reader talk_ldap;          /* the ExtendedResponse to StartTLS: success is yes */
talk_reader talk_postgres;      /* 'S' is yes, 'N' no */
talk_reader talk_mysql;         /* the server's first packet: with CLIENT_SSL it is yes */

/* Whether one of an answer's lines has this word, whatever the case. */
bool talk_has_word(const char *data, size_t len, const char *word);

struct talk_step {
	const char *say; /* NULL: nothing, the server speaks */
	size_t len;
	talk_reader *read; /* NULL: no answer is waited for */
};
#define TALK_STEPS_MOST 4
struct talk_protocol {
	const char *name; /* "smtp", "imap", "pop3", "ftp", "ldap", "postgres", "mysql" */
	struct talk_step steps[TALK_STEPS_MOST];
};
/* len bytes of its name; NULL: none. */
const struct talk_protocol *talk_protocol_find(const char *name, size_t len);

/* One step: *bytes are the whole answer, or what there was of it (TALK_OTHER: among others the server closed before its
 * end; it is never TALK_MORE). */
MUST_CHECK bool talk_step(const struct ask *ask, int socket, const struct talk_step *step, uint64_t until_us,
			  struct buf *bytes, enum talk_said *ret_said, struct err *err);
/* All of them: TLS begins with the next byte. Else malformed: it does not go over to TLS. */
MUST_CHECK bool talk_to_tls(const struct ask *ask, int socket, const struct talk_protocol *protocol, uint64_t until_us,
			    struct err *err);
