#include "sources/dns_message.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

#define HEAD 12
#define FLAGS_ASK 0x0120 /* recursion desired, AD understood (RFC 6840 5.7) */
#define FLAG_ANSWER 0x8000
#define FLAGS_OPCODE 0x7800
#define FLAG_CUT 0x0200
#define FLAG_RA 0x0080
#define FLAG_AD 0x0020
#define CODE_ERROR 15 /* extended DNS error, RFC 8914 */

static const struct {
	const char *name;
	uint16_t type;
} types[] = {{"A", 1},        {"NS", 2},     {"CNAME", 5},  {"SOA", 6},     {"PTR", 12},   {"MX", 15},
	     {"TXT", 16},     {"AAAA", 28},  {"SRV", 33},   {"NAPTR", 35},  {"DNAME", 39}, {"DS", 43},
	     {"SSHFP", 44},   {"RRSIG", 46}, {"NSEC", 47},  {"DNSKEY", 48}, {"TLSA", 52},  {"CDS", 59},
	     {"CDNSKEY", 60}, {"SVCB", 64},  {"HTTPS", 65}, {"CAA", 257}};

static const char *const rcodes[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
				     "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};

bool dns_type_read(const char *text, uint16_t *ret_type) {
	unsigned long long number;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (!strcmp(types[i].name, text)) {
			*ret_type = types[i].type;
			return true;
		}
	if (!text_starts(text, "TYPE") || !text_to_u64(text + 4, 65535, &number) || number == 0)
		return false;
	*ret_type = (uint16_t)number;
	return true;
}

static json_t *type_name(unsigned type) {
	char text[16];
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].type == type)
			return json_string(types[i].name);
	snprintf(text, sizeof text, "TYPE%u", type);
	return json_string(text);
}

static void add_u16(struct buf *bytes, unsigned value) {
	buf_add(bytes, (unsigned char[]){(unsigned char)(value >> 8), (unsigned char)value}, 2);
}

bool dns_write(uint16_t id, const char *name, uint16_t type, struct buf *query) {
	unsigned char wire[NS_MAXCDNAME];
	if (strlen(name) >= NS_MAXDNAME || ns_name_pton(name, wire, sizeof wire) < 0)
		return false;
	size_t len = 0;
	while (wire[len])
		len += wire[len] + 1U;
	add_u16(query, id);
	add_u16(query, FLAGS_ASK);
	buf_add(query, "\0\1\0\0\0\0\0\1", 8); /* one question, one additional record */
	buf_add(query, wire, len + 1);
	add_u16(query, type);
	add_u16(query, ns_c_in);
	buf_add(query, "\0", 1); /* OPT: the root's name, size, no flags, no options */
	add_u16(query, ns_t_opt);
	add_u16(query, DNS_UDP);
	buf_add(query, "\0\0\0\0\0\0", 6);
	return true;
}

static unsigned u16_at(const unsigned char *data) { return (unsigned)data[0] << 8 | data[1]; }

/* The bytes of the question, by the query's own. */
static size_t question_length(const struct buf *query) {
	const unsigned char *data = (const unsigned char *)query->data;
	size_t at = HEAD;
	while (data[at])
		at += data[at] + 1U;
	return at + 5 - HEAD;
}

/* Names are equal whatever their letters' case. */
static bool is_same_name(const unsigned char *a, const unsigned char *b, size_t len) {
	for (size_t i = 0; i < len; i++)
		if (a[i] != b[i] && ((a[i] ^ b[i]) != 0x20 || (a[i] | 0x20) < 'a' || (a[i] | 0x20) > 'z'))
			return false;
	return true;
}

bool dns_is_answer(const struct buf *query, const void *bytes, size_t len) {
	const unsigned char *data = bytes, *asked = (const unsigned char *)query->data;
	if (len < HEAD || memcmp(data, asked, 2) != 0 ||
	    (u16_at(data + 2) & (FLAG_ANSWER | FLAGS_OPCODE)) != FLAG_ANSWER)
		return false;
	unsigned questions = u16_at(data + 4), rcode = data[3] & 15;
	if (questions == 0) /* who cannot or will not read the question need not repeat it */
		return rcode == ns_r_formerr || rcode == ns_r_servfail || rcode == ns_r_notimpl ||
		       rcode == ns_r_refused;
	size_t length = question_length(query);
	return questions == 1 && len >= HEAD + length && is_same_name(data + HEAD, asked + HEAD, length - 4) &&
	       memcmp(data + HEAD + length - 4, asked + HEAD + length - 4, 4) == 0;
}

bool dns_is_cut(const void *bytes, size_t len) {
	return len >= HEAD && (u16_at((const unsigned char *)bytes + 2) & FLAG_CUT);
}

/* The data of one record, read from its first byte to its last. */
struct record {
	const ns_msg *message;
	const unsigned char *at, *end;
	bool is_bad;
	struct buf text;
};

static unsigned long take(struct record *record, size_t len) {
	unsigned long value = 0;
	if ((size_t)(record->end - record->at) < len) {
		record->is_bad = true;
		return 0;
	}
	for (; len > 0; len--)
		value = value << 8 | *record->at++;
	return value;
}

static void add_number(struct record *record, size_t len) { buf_addf(&record->text, "%lu ", take(record, len)); }

static void add_name(struct record *record) {
	char name[NS_MAXDNAME];
	int used = record->is_bad ? -1
				  : ns_name_uncompress(ns_msg_base(*record->message), ns_msg_end(*record->message),
						       record->at, name, sizeof name);
	if (used < 0 || used > record->end - record->at) {
		record->is_bad = true;
		return;
	}
	record->at += used;
	buf_adds(&record->text, name);
}

static void add_quoted(struct record *record, size_t len) {
	if ((size_t)(record->end - record->at) < len) {
		record->is_bad = true;
		return;
	}
	buf_adds(&record->text, "\"");
	for (; len > 0; len--, record->at++)
		if (*record->at < 0x20 || *record->at > 0x7e)
			buf_addf(&record->text, "\\%03u", *record->at);
		else
			buf_addf(&record->text, *record->at == '"' || *record->at == '\\' ? "\\%c" : "%c", *record->at);
	buf_adds(&record->text, "\"");
}

static void add_address(struct record *record, int family, size_t len) {
	char text[INET6_ADDRSTRLEN];
	if ((size_t)(record->end - record->at) != len || !inet_ntop(family, record->at, text, sizeof text)) {
		record->is_bad = true;
		return;
	}
	record->at += len;
	buf_adds(&record->text, text);
}

static void add_strings(struct record *record) {
	do {
		buf_adds(&record->text, record->text.len > 0 ? " " : "");
		add_quoted(record, take(record, 1));
	} while (!record->is_bad && record->at < record->end);
}

static void add_authority(struct record *record) {
	add_name(record);
	buf_adds(&record->text, " ");
	add_name(record);
	for (int i = 0; i < 5; i++)
		buf_addf(&record->text, " %lu", take(record, 4));
}

static void add_caa(struct record *record) {
	add_number(record, 1);
	size_t len = take(record, 1);
	add_quoted(record, len);
	buf_adds(&record->text, " ");
	add_quoted(record, (size_t)(record->end - record->at));
}

static void add_unknown(struct record *record) {
	buf_addf(&record->text, "\\# %zu ", (size_t)(record->end - record->at));
	while (record->at < record->end)
		buf_addf(&record->text, "%02x", *record->at++);
}

static void add_data(struct record *record, unsigned type) {
	switch (type) {
	case ns_t_a:
		add_address(record, AF_INET, 4);
		break;
	case ns_t_aaaa:
		add_address(record, AF_INET6, 16);
		break;
	case ns_t_ns:
	case ns_t_cname:
	case ns_t_ptr:
	case ns_t_dname:
		add_name(record);
		break;
	case ns_t_srv:
		add_number(record, 2);
		add_number(record, 2); /* fall through */
	case ns_t_mx:
		add_number(record, 2);
		add_name(record);
		break;
	case ns_t_txt:
		add_strings(record);
		break;
	case ns_t_soa:
		add_authority(record);
		break;
	case 257:
		add_caa(record);
		break;
	default:
		add_unknown(record);
	}
}

static bool read_record(ns_msg *message, int index, const char *where, json_t *answers, struct err *err) {
	ns_rr rr;
	struct record record = {.message = message};
	if (ns_parserr(message, ns_s_an, index, &rr) != 0 || ns_rr_class(rr) != ns_c_in)
		return err_set(err, ERR_MALFORMED, where, "answer %d is no record", index + 1);
	record.at = ns_rr_rdata(rr);
	record.end = record.at + ns_rr_rdlen(rr);
	add_data(&record, ns_rr_type(rr));
	CLEANUP(free_ptr) char *text = buf_take(&record.text);
	if (record.is_bad || record.at != record.end)
		return err_set(err, ERR_MALFORMED, where, "the data of answer %d is not of its type", index + 1);
	json_array_append_new(answers, json_pack("{s:o, s:o, s:o}", "name", json_text(ns_rr_name(rr)), "type",
						 type_name(ns_rr_type(rr)), "data", json_text(text)));
	return true;
}

static int by_text(const void *a, const void *b) {
	static const char *const members[] = {"name", "type", "data"};
	int order = 0;
	for (size_t i = 0; order == 0 && i < ARRAY_LEN(members); i++)
		order = strcmp(json_string_value(json_object_get(*(json_t *const *)a, members[i])),
			       json_string_value(json_object_get(*(json_t *const *)b, members[i])));
	return order;
}

/* Servers turn equal records round from answer to answer. New reference. */
static json_t *sorted(const json_t *list) {
	size_t count = json_array_size(list);
	json_t **items = xcalloc(count + 1, sizeof(json_t *)), *result = json_array();
	for (size_t i = 0; i < count; i++)
		items[i] = json_array_get(list, i);
	qsort(items, count, sizeof(json_t *), by_text);
	for (size_t i = 0; i < count; i++)
		json_array_append(result, items[i]);
	free(items);
	return result;
}

/* What stands in OPT: the upper bits of the code, and the first extended error. */
struct extension {
	unsigned upper;
	int error; /* -1: none */
};

static bool read_extension(ns_msg *message, const char *where, struct extension *ret_extension, struct err *err) {
	struct extension extension = {.error = -1};
	bool is_seen = false;
	for (int i = 0; i < ns_msg_count(*message, ns_s_ar); i++) {
		ns_rr rr;
		if (ns_parserr(message, ns_s_ar, i, &rr) != 0)
			return err_set(err, ERR_MALFORMED, where, "additional record %d is none", i + 1);
		if (ns_rr_type(rr) != ns_t_opt)
			continue;
		if (is_seen)
			return err_set(err, ERR_MALFORMED, where, "more than one OPT record");
		is_seen = true;
		extension.upper = (unsigned)(ns_rr_ttl(rr) >> 24);
		struct cursor cursor = cursor_over(ns_rr_rdata(rr), ns_rr_rdlen(rr));
		while (!cursor.bad && cursor.at < cursor.end) {
			unsigned code = cursor_u16be(&cursor), len = cursor_u16be(&cursor);
			const unsigned char *data = cursor_bytes(&cursor, len);
			if (data && code == CODE_ERROR && len >= 2 && extension.error < 0)
				extension.error = (int)u16_at(data);
		}
		if (cursor.bad)
			return err_set(err, ERR_MALFORMED, where, "the OPT record is cut");
	}
	*ret_extension = extension;
	return true;
}

static json_t *rcode_name(unsigned rcode) {
	char text[16];
	snprintf(text, sizeof text, "RCODE%u", rcode);
	return json_string(rcode < ARRAY_LEN(rcodes) ? rcodes[rcode] : rcode == 16 ? "BADVERS" : text);
}

bool dns_read(const void *data, size_t len, const char *where, json_t **ret_value, struct err *err) {
	ns_msg message;
	struct extension extension;
	CLEANUP(json_decref_p) json_t *answers = json_array();
	if (len > DNS_LARGEST || ns_initparse(data, (int)len, &message) != 0)
		return err_set(err, ERR_MALFORMED, where, "not a whole DNS message");
	int count = ns_msg_count(message, ns_s_an);
	if (count > DNS_ANSWERS_MOST)
		return err_set(err, ERR_UNREADABLE, where, "more than %d answers", DNS_ANSWERS_MOST);
	for (int i = 0; i < count; i++)
		if (!read_record(&message, i, where, answers, err))
			return false;
	if (!read_extension(&message, where, &extension, err))
		return false;
	unsigned flags = u16_at((const unsigned char *)data + 2);
	*ret_value = json_pack("{s:o, s:b, s:b, s:o, s:o}", "rcode", rcode_name(extension.upper << 4 | (flags & 15)),
			       "ra", (flags & FLAG_RA) != 0, "ad", (flags & FLAG_AD) != 0, "ede",
			       extension.error < 0 ? json_null() : json_integer(extension.error), "answers",
			       sorted(answers));
	return true;
}
