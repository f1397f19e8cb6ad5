/* A collector that answers requests with what it is told to, each on a connection of its own: TLS 1.3 on loopback, in a
 * child process. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/key.h"

struct tls_server {
	int port;
	pid_t process;
};

/* A self-signed certificate for 127.0.0.1. */
static inline X509 *tls_certificate(EVP_PKEY *key) {
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);
	X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
	if (!X509_set_version(certificate, 2) || !ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) ||
	    !X509_gmtime_adj(X509_getm_notBefore(certificate), -60) ||
	    !X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) || !X509_set_pubkey(certificate, key) ||
	    !X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"test", -1, -1, 0) ||
	    !X509_set_issuer_name(certificate, name) || !X509_add_ext(certificate, names, -1) ||
	    !X509_sign(certificate, key, EVP_sha256()))
		abort();
	X509_EXTENSION_free(names);
	return certificate;
}

/* Reads one request, whole. */
static inline void tls_read_request(SSL *ssl) {
	CLEANUP(buf_done) struct buf request = {0};
	size_t wanted = SIZE_MAX;
	while (request.len < wanted) {
		int got = SSL_read(ssl, buf_room(&request, 65536), 65536);
		if (got <= 0)
			return;
		request.len += (size_t)got;
		buf_room(&request, 0); /* ends it with a NUL */
		const char *text = buf_str(&request), *end = strstr(text, "\r\n\r\n");
		const char *length = end ? strcasestr(text, "content-length:") : NULL;
		if (end)
			wanted = (size_t)(end + 4 - text) + (length ? strtoul(length + 15, NULL, 10) : 0);
	}
}

static inline void tls_serve(int listener, EVP_PKEY *key, X509 *certificate, const char *answer) {
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(context, certificate);
	SSL_CTX_use_PrivateKey(context, key);
	SSL *ssl = SSL_new(context);
	int connection = accept(listener, NULL, NULL);
	SSL_set_fd(ssl, connection);
	if (SSL_accept(ssl) == 1) {
		tls_read_request(ssl);
		SSL_write(ssl, answer, (int)strlen(answer));
		SSL_shutdown(ssl);
	}
	close(connection);
	SSL_free(ssl);
	SSL_CTX_free(context);
}

/* answers: whole HTTP answers, status line first; NULL behind the last. */
static inline struct tls_server tls_server_start(EVP_PKEY *key, X509 *certificate, const char *const answers[]) {
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, len) != 0 || listen(listener, 4) != 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) != 0)
		abort();
	pid_t process = fork();
	if (process == 0) {
		signal(SIGPIPE, SIG_IGN);
		alarm(20);
		for (size_t i = 0; answers[i]; i++)
			tls_serve(listener, key, certificate, answers[i]);
		_exit(0);
	}
	close(listener);
	return (struct tls_server){.port = ntohs(address.sin_port), .process = process};
}

static inline void tls_server_stop(const struct tls_server *server) {
	kill(server->process, SIGKILL);
	waitpid(server->process, NULL, 0);
}
