/* ntp: one query of SNTP (RFC 4330, RFC 5905 7.3) to one server. What goes out tells nothing of this host's clock: the
 * transmit timestamp is drawn, and an answer is believed only if it repeats it. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "sources/ntp.h"

#define TRIES 3
#define TRY_MS 2500
#define STRANGERS_MOST 100
#define SINCE_1900 2208988800U
#define MODE_CLIENT 3
#define MODE_SERVER 4
#define VERSION 4

static uint32_t u32_at(const unsigned char *data) {
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

struct moment {
	uint32_t seconds; /* since 1900, of whatever era */
	int64_t us;
};

static struct moment moment_at(const unsigned char *data) {
	return (struct moment){u32_at(data), (int64_t)(((uint64_t)u32_at(data + 4) * 1000000) >> 32)};
}

static struct moment moment_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (struct moment){(uint32_t)((uint64_t)now.tv_sec + SINCE_1900), now.tv_nsec / 1000};
}

/* a - b in microseconds, over the end of an era too. */
static int64_t between(struct moment a, struct moment b) {
	return (int64_t)(int32_t)(a.seconds - b.seconds) * 1000000 + a.us - b.us;
}

enum ntp_said ntp_read(const unsigned char sent[NTP_LEN], const void *bytes, size_t len) {
	const unsigned char *data = bytes;
	if (len != NTP_LEN || (data[0] & 7) != MODE_SERVER || memcmp(data + 24, sent + 40, 8) != 0)
		return NTP_STRANGER;
	if (data[1] == 0)
		return NTP_KISS;
	unsigned version = data[0] >> 3 & 7;
	return data[1] > 15 || version < 3 || version > VERSION || (u32_at(data + 40) | u32_at(data + 44)) == 0
		       ? NTP_MALFORMED
		       : NTP_TIME;
}

/* The server itself (stratum 1: four letters) or whom it follows (an address, or a digest of one). */
static json_t *refid_of(const unsigned char *data) {
	char text[INET_ADDRSTRLEN];
	if (data[1] == 1)
		return json_textn((const char *)data + 12, strnlen((const char *)data + 12, 4));
	return json_string(inet_ntop(AF_INET, data + 12, text, sizeof text) ? text : "");
}

static bool refuse_kiss(const struct ask *ask, const unsigned char *data, struct err *err) {
	char code[5] = "";
	memcpy(code, data + 12, 4);
	bool is_refusal = !strcmp(code, "DENY") || !strcmp(code, "RSTR") || !strcmp(code, "RATE");
	return err_set(err, is_refusal ? ERR_DENIED : ERR_UNPROVED, ask->name,
		       "the server gives no time: kiss-o'-death %s", code);
}

static bool read_answer(const struct ask *ask, enum ntp_said said, const unsigned char *data, struct moment asked,
			struct moment answered, struct answer *ret_answer, struct err *err) {
	if (said == NTP_KISS)
		return refuse_kiss(ask, data, err);
	if (said == NTP_MALFORMED)
		return err_set(err, ERR_MALFORMED, ask->name, "an answer whose fields cannot be");
	struct moment received = moment_at(data + 32), transmitted = moment_at(data + 40);
	CLEANUP(json_decref_p)
	json_t *value = json_pack("{s:i, s:i, s:o, s:I, s:I}", "stratum", data[1], "leap", data[0] >> 6, "refid",
				  refid_of(data), "offset_us",
				  (json_int_t)((between(received, asked) + between(transmitted, answered)) / 2),
				  "delay_us", (json_int_t)(between(answered, asked) - between(transmitted, received)));
	return answer_json(ask, value, ret_answer, err);
}

/* One query and its answer. */
static bool exchange(const struct ask *ask, int socket, unsigned *strangers, struct answer *ret_answer,
		     struct err *err) {
	unsigned char sent[NTP_LEN] = {VERSION << 3 | MODE_CLIENT}, data[NTP_LEN + 1];
	uint64_t until = probe_until(ask, TRY_MS);
	probe_random(sent + 40, 8);
	struct moment asked = moment_now();
	if (!probe_send(ask, socket, sent, sizeof sent, until, err))
		return false;
	while (*strangers <= STRANGERS_MOST) {
		size_t len = 0;
		if (!probe_receive(ask, socket, data, sizeof data, until, &len, err))
			return false;
		struct moment answered = moment_now();
		enum ntp_said said = ntp_read(sent, data, len);
		if (said != NTP_STRANGER)
			return read_answer(ask, said, data, asked, answered, ret_answer, err);
		++*strangers;
	}
	return err_set(err, ERR_MALFORMED, ask->name, "more than %d datagrams that answer something else",
		       STRANGERS_MOST);
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(close_fd) int socket = -1;
	struct probe_peer server;
	unsigned strangers = 0;
	struct err why = {0};
	if (!probe_peer_read(ask, ask->rest, strlen(ask->rest), "123", &server, err) ||
	    !probe_dial(ask, &server, SOCK_DGRAM, &socket, err))
		return false;
	for (int i = 0; i < TRIES; i++) {
		if (exchange(ask, socket, &strangers, ret_answer, &why))
			return true;
		if (why.code != ERR_TIMEOUT || time_us() >= ask->deadline_us)
			break;
	}
	*err = why;
	return why.code == ERR_TIMEOUT && strangers > 0
		       ? err_set(err, ERR_TIMEOUT, ask->name, "no answer, but %u datagrams that answer something else",
				 strangers)
		       : false;
}

const struct kind probe_ntp = {
	.prefix = "ntp:", .deadline_ms = PROBE_DEADLINE_MS, .helper = HELPER_PROBER, .is_slow = true, .look = look};
