/* What servers say before TLS, from any bytes: one yes or no at most, and what is cut may become more. */
#include <stdlib.h>

#include "sources/greeting.h"
#include "sources/talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
	static talk_reader *const readers[] = {talk_code,      talk_imap_greeting, talk_imap_answer, talk_pop3,
					       talk_pop3_list, talk_ldap,          talk_postgres,    talk_mysql};
	const char *text = (const char *)data;
	if (size == 0 || size > TALK_LARGEST)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		enum talk_said whole = readers[i](text, size), half = readers[i](text, size / 2);
		if (half == TALK_OTHER && (whole == TALK_YES || whole == TALK_NO))
			abort();
		if (readers[i] == talk_code && whole == TALK_YES && data[0] != '2')
			abort();
	}
	if (greeting_class(text, size / 2 + 1) == GREETING_UNKNOWN && greeting_class(text, size) == GREETING_SSH)
		abort();
	volatile bool sink = talk_has_word(text, size, "STARTTLS");
	(void)sink;
	return 0;
}
