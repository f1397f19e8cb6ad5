/* One record of an audit log: a line, "type=PATH msg=audit(1795334381.901:6182): item=0 name=...". What auditd appends
 * with log_format=ENRICHED, behind a byte 0x1d, is not read: it is what the numbers before it say. */
#pragma once

#include "core/buf.h"

struct who_record {
	char type[32];
	int64_t at_ms;
	uint64_t serial;      /* with at_ms it names the event that the record is of */
	const char *at, *end; /* its fields */
};

/* The record in a line without its newline; borrowed. False: it is none. */
bool who_record_read(const char *line, size_t len, struct who_record *ret_record);
/* The first field of this name, as it stands: in quotation marks of either kind, which are left out, or up to the next
 * blank. False: there is none. What user space says (msg='...') is one value, whose fields who_record_inner() gives. */
bool who_record_field(const struct who_record *record, const char *name, const char **ret_at, size_t *ret_len,
		      bool *ret_quoted);
/* As a number in base 10 or 16. False: there is none, or it is no number. */
bool who_record_number(const struct who_record *record, const char *name, int base, uint64_t *ret_number);
/* As a name that somebody else chose: what is not in quotation marks is hexadecimal. New text, cut at its first NUL;
 * NULL: there is none, "(null)", or not hexadecimal. */
char *who_record_name(const struct who_record *record, const char *name);
/* The fields inside of msg='...', as a record of their own. */
bool who_record_inner(const struct who_record *record, struct who_record *ret_inner);
