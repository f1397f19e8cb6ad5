/* Cipher suites and groups of TLS by number, with the names of IANA's registry. */
#pragma once

#include <stdint.h>

struct suite_name {
	uint16_t number;
	const char *name; /* NULL ends */
};
extern const struct suite_name suite_names[]; /* 0x13.. are those of TLS 1.3 alone */
extern const struct suite_name group_names[];
