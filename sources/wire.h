/* What crosses the border between who asks for a source and the hand that looks: one request type, one reply type, over
 * a SOCK_SEQPACKET socket, so that a message is whole or not there. Numbers are of the host's own byte order: both ends
 * are on it.
 *
 * A request is a 4-byte number that the reply repeats, and behind it the name, 1 to SOURCE_NAME_LONGEST bytes without a
 * NUL. It brings one descriptor where the kind takes one (watch: of a path), else none.
 *
 * A reply is the number, a code (enum err_code; 0: looked), the errno behind it (0: none), whether the descriptor is
 * the file itself (1) or a sealed memfd that holds what was found (0), and behind these, of a failure the reason's
 * text, at most WIRE_WHY bytes without a NUL, of a file its metadata as it lies in memory: who asks may be in a user
 * namespace that does not know the owner. A reply with code 0 brings exactly one descriptor, any other none. */
#pragma once

#include "sources/kind.h"

#define WIRE_REQUEST_LARGEST (4 + SOURCE_NAME_LONGEST)
#define WIRE_WHY 320
#define WIRE_LARGEST (SOURCE_LARGEST + 4096) /* bytes found: a source's, and what its kind puts before them */

struct wire_request {
	uint32_t number;
	char name[SOURCE_NAME_LONGEST + 1];
	int sent; /* the descriptor that came along; -1: none; owned */
};

/* Reading bytes that a stranger sent. False, with *ret_error an errno (EINVAL: shorter than a name, with a NUL or a
 * control character, not UTF-8; EMSGSIZE: longer than the cap); ret_request->number is set where there was one. */
bool wire_request_read(const void *data, size_t len, struct wire_request *ret_request, int *ret_error);

enum wire_got { WIRE_GOT, WIRE_CLOSED, WIRE_BAD };
/* Waits for the next request. Descriptors beyond the first are closed and make it WIRE_BAD (EINVAL), as do a message
 * that was cut and whatever wire_request_read() refuses. */
enum wire_got wire_receive(int socket, struct wire_request *ret_request, int *ret_error);
/* Whether a request with this name would be taken. */
bool wire_is_name(const char *name, size_t len);
/* Asks; never waits: -1 and EAGAIN when the socket is full. */
int wire_ask(int socket, uint32_t number, const char *name, int send_fd);

/* The answer to a request: err NULL where answer is good (its bytes become a sealed memfd). Takes over nothing. False
 * when the other end is gone. */
bool wire_reply(int socket, uint32_t number, const struct answer *answer, const struct err *err, int error);

struct wire_answer {
	uint32_t number;
	struct answer answer; /* where err.code is ERR_NONE; owned; bytes read out of the memfd, under WIRE_LARGEST */
	struct err err;       /* where: name is put in by the caller */
};
/* Takes the next reply without waiting: WIRE_BAD with errno EAGAIN when there is none yet, EPROTO for what is no reply:
 * a helper is believed in what it saw, not in the shape of its messages. */
enum wire_got wire_take(int socket, struct wire_answer *ret_answer);
