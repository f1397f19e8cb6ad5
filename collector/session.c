#include "collector/session.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "core/base64.h"

struct session {
	struct hash secret; /* SHA-256 of it */
	struct hash token;
	int64_t until;
	char *reader; /* NULL: free */
};

struct sessions {
	struct session all[SESSIONS_MOST];
	size_t next; /* the one that goes when all are taken */
};

struct sessions *sessions_new(void) {
	return xcalloc(1, sizeof(struct sessions));
}

static void session_clear(struct session *session) {
	free(session->reader);
	*session = (struct session){0};
}

void sessions_free(struct sessions *sessions) {
	for (size_t i = 0; sessions && i < SESSIONS_MOST; i++)
		session_clear(&sessions->all[i]);
	free(sessions);
}

bool secret_make(char ret_secret[SESSION_TEXT], struct err *err) {
	unsigned char bytes[32];
	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return err_set(err, ERR_CRYPTO, "secret", "no random bytes");
	CLEANUP(free_ptr) char *text = base64_encode(bytes, sizeof bytes);
	OPENSSL_cleanse(bytes, sizeof bytes);
	for (char *at = text; *at; at++)
		*at = *at == '+' ? '-' : *at == '/' ? '_' : *at;
	memcpy(ret_secret, text, SESSION_TEXT - 1); /* without the padding */
	ret_secret[SESSION_TEXT - 1] = '\0';
	return true;
}

static struct session *free_slot(struct sessions *sessions) {
	for (size_t i = 0; i < SESSIONS_MOST; i++)
		if (!sessions->all[i].reader)
			return &sessions->all[i];
	struct session *oldest = &sessions->all[sessions->next];
	sessions->next = (sessions->next + 1) % SESSIONS_MOST;
	session_clear(oldest);
	return oldest;
}

bool session_begin(struct sessions *sessions, const char *reader, const struct hash *token, int64_t until,
		   char ret_secret[SESSION_TEXT], struct err *err) {
	if (!secret_make(ret_secret, err))
		return false;
	*free_slot(sessions) = (struct session){
		.secret = hash_of(ret_secret, strlen(ret_secret)),
		.token = *token,
		.until = until,
		.reader = xstrdup(reader),
	};
	return true;
}

static struct session *find(const struct sessions *sessions, const char *secret) {
	const struct hash hash = hash_of(secret, strlen(secret));
	const struct session *found = NULL;
	for (size_t i = 0; i < SESSIONS_MOST; i++) {
		const struct session *session = &sessions->all[i];
		if (session->reader && CRYPTO_memcmp(session->secret.bytes, hash.bytes, HASH_LEN) == 0)
			found = session;
	}
	return (struct session *)found;
}

const char *session_reader(const struct sessions *sessions, const char *secret, int64_t now, struct hash *ret_token) {
	const struct session *session = find(sessions, secret);
	if (!session || session->until <= now)
		return NULL;
	*ret_token = session->token;
	return session->reader;
}

void session_end(struct sessions *sessions, const char *secret) {
	struct session *session = find(sessions, secret);
	if (session)
		session_clear(session);
}
