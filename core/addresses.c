#include "core/addresses.h"

#include <arpa/inet.h>

#include "core/lines.h"
#include "core/text.h"

static void add(json_t *addresses, const char *address) {
	static const char *const own[] = {"127.0.0.0/8", "169.254.0.0/16", "::1", "fe80::/10"};
	struct network network;
	size_t i;
	const json_t *other;
	for (i = 0; i < ARRAY_LEN(own); i++)
		if (network_parse(own[i], &network) && network_has(&network, address))
			return;
	json_array_foreach(addresses, i, other) {
		if (!strcmp(json_string_value(other), address))
			return;
	}
	json_array_append_new(addresses, json_string(address));
}

/* "|-- 10.0.0.5", and below it "/32 host LOCAL" where it is the host's own. */
static void read_trie_line(char *line, char address[INET_ADDRSTRLEN], json_t *addresses) {
	struct in_addr four;
	char *text = text_trim(line);
	if (text_starts(text, "|-- ") && inet_pton(AF_INET, text + 4, &four) == 1)
		inet_ntop(AF_INET, &four, address, INET_ADDRSTRLEN);
	else if (!strcmp(text, "/32 host LOCAL") && *address)
		add(addresses, address);
}

/* "fd000000000000000000000000000002 04 40 00 82 eth0". */
static bool read_inet6_line(char *line, json_t *addresses) {
	struct in6_addr six;
	char text[INET6_ADDRSTRLEN];
	const char *word = text_word(&line);
	if (!word || strlen(word) != 32 || strspn(word, "0123456789abcdef") != 32)
		return false;
	for (size_t i = 0; i < 16; i++) {
		const char digits[3] = {word[2 * i], word[2 * i + 1], '\0'};
		six.s6_addr[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	inet_ntop(AF_INET6, &six, text, sizeof text);
	add(addresses, text);
	return true;
}

static bool read_source(const struct source *source, bool is_six, json_t *addresses, struct err *err) {
	CLEANUP(lines_done) struct lines lines = lines_over(source->name, source->bytes.data, source->bytes.len);
	char address[INET_ADDRSTRLEN] = "", *line;
	while ((line = lines_next(&lines))) {
		if (!is_six)
			read_trie_line(line, address, addresses);
		else if (!read_inet6_line(line, addresses))
			return err_set_at(err, ERR_MALFORMED, source->name, lines.number, 0, "not an address");
	}
	return lines_ok(&lines, err);
}

bool addresses_need(const struct sources *fetched, json_t **ret_addresses, struct err *err) {
	const struct source *four = NULL, *six = NULL;
	CLEANUP(json_decref_p) json_t *addresses = json_array();
	if (!source_maybe(fetched, ADDRESSES_IPV4_SOURCE, &four, err) ||
	    !source_maybe(fetched, ADDRESSES_IPV6_SOURCE, &six, err))
		return false;
	if (!four && !six)
		return err_set(err, ERR_UNPROVED, ADDRESSES_IPV4_SOURCE, "the kernel shows no addresses here");
	if ((four && !read_source(four, false, addresses, err)) || (six && !read_source(six, true, addresses, err)))
		return false;
	*ret_addresses = json_incref(addresses);
	return true;
}

static int parse_address(const char *text, unsigned char bytes[16]) {
	return inet_pton(AF_INET, text, bytes) == 1 ? AF_INET : inet_pton(AF_INET6, text, bytes) == 1 ? AF_INET6 : 0;
}

bool network_parse(const char *text, struct network *ret_network) {
	struct network network = {0};
	const char *slash = strchr(text, '/');
	CLEANUP(free_ptr) char *address = xstrndup(text, slash ? (size_t)(slash - text) : strlen(text));
	network.family = parse_address(address, network.bytes);
	unsigned long long most = network.family == AF_INET ? 32 : 128, prefix = most;
	if (!network.family || (slash && !text_to_u64(slash + 1, most, &prefix)))
		return false;
	network.prefix = (unsigned)prefix;
	*ret_network = network;
	return true;
}

bool network_has(const struct network *network, const char *address) {
	unsigned char bytes[16] = {0};
	if (parse_address(address, bytes) != network->family)
		return false;
	unsigned whole = network->prefix / 8, rest = network->prefix % 8;
	if (memcmp(bytes, network->bytes, whole) != 0)
		return false;
	return rest == 0 || (bytes[whole] ^ network->bytes[whole]) >> (8 - rest) == 0;
}
