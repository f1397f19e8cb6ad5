/* What a listener speaks: told from what it says first, or, where it waits to be spoken to, from its answers to a few
 * small questions, each over a connection of its own. What it says is looked at and forgotten: only classes stay.
 *
 * {"service":"tls"|"ssh"|"smtp"|"lmtp"|"imap"|"pop3"|"ftp"|"telnet"|"vnc"|"mysql"|"postgres"|"ldap"|"redis"|"http"|
 *  "dns"|null,"starttls":bool|null,"cleartext":bool|null}
 *
 * service null: it answers, but nothing that is known here, or not at all. starttls: whether it goes over to TLS when
 * asked; null where the protocol has no such thing. cleartext: true: it takes passwords without TLS, as far as it says;
 * false: it takes none without; null: it cannot be told from here, or the protocol is none for which that is asked. A
 * mail server may treat its own host as safe: that it lets this host log in without TLS is believed only where it has
 * no TLS at all. */
#pragma once

#include "sources/probe.h"

#define GREETING_MS 1000 /* for it to speak first, and for each answer */

enum greeting {
	GREETING_MORE,    /* cut */
	GREETING_UNKNOWN, /* the rest as named above */
	GREETING_SSH,
	GREETING_MAIL_OR_FTP, /* "220": SMTP, LMTP, FTP */
	GREETING_IMAP,
	GREETING_POP3,
	GREETING_TELNET,
	GREETING_VNC,
	GREETING_MYSQL,
};
/* What says this unasked; at least one byte. */
enum greeting greeting_class(const char *data, size_t len);
