/* The answer to a query of SNTP (RFC 4330). */
#pragma once

#include "sources/probe.h"

#define NTP_LEN 48

enum ntp_said {
	NTP_TIME,      /* the time */
	NTP_KISS,      /* kiss-o'-death: no time, and why */
	NTP_STRANGER,  /* no answer to this query: another length, mode or origin */
	NTP_MALFORMED, /* an answer whose fields cannot be */
};
enum ntp_said ntp_read(const unsigned char sent[NTP_LEN], const void *bytes, size_t len);
