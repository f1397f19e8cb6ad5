#include "collector/networks.h"

#include "core/addresses.h"

#define NETWORK_LONGEST (INET6_ADDRSTRLEN + 4)

/* Bits behind the prefix: "192.0.2.7/24". */
static bool has_host_bits(const struct network *network) {
	const unsigned bits = network->family == AF_INET ? 32 : 128;
	for (unsigned bit = network->prefix; bit < bits; bit++)
		if (network->bytes[bit / 8] & (0x80 >> (bit % 8)))
			return true;
	return false;
}

static size_t count_of(const char *networks) {
	size_t count = *networks != '\0';
	for (; *networks; networks++)
		count += *networks == ' ';
	return count;
}

bool networks_add(struct buf *networks, const char *network, struct err *err) {
	struct network parsed;
	if (strlen(network) >= NETWORK_LONGEST || !network_parse(network, &parsed))
		return err_set(err, ERR_USAGE, "--cidr", "a network such as 192.0.2.0/24 or 2001:db8::/32");
	if (has_host_bits(&parsed))
		return err_set(err, ERR_USAGE, "--cidr", "%s has bits behind its prefix: which network is meant?",
			       network);
	if (count_of(buf_str(networks)) == NETWORKS_MOST)
		return err_set(err, ERR_USAGE, "--cidr", "more than %d networks", NETWORKS_MOST);
	buf_addf(networks, "%s%s", networks->len ? " " : "", network);
	return true;
}

bool networks_have(const char *networks, const char *address) {
	while (*networks) {
		const size_t len = strcspn(networks, " ");
		CLEANUP(free_ptr) char *text = xstrndup(networks, len);
		struct network network;
		if (network_parse(text, &network) && network_has(&network, address))
			return true;
		networks += len + (networks[len] == ' ');
	}
	return false;
}
