/* The agents' listener. */
#include <openssl/ssl.h>

#include "collector/est.h"
#include "collector/listen.h"
#include "collector/peer.h"
#include "collector/route.h"
#include "core/gzip.h"
#include "core/times.h"

static inline void x509_free_p(X509 **certificate) { X509_free(*certificate); }

static void answer_log(struct visit *visit) {
	CLEANUP(json_decref_p) json_t *answer = json_object();
	json_object_set_new(answer, "origin", json_string(log_origin(visit->collector->log)));
	json_object_set_new(answer, "vkey", json_string(log_vkey(visit->collector->log)));
	http_json(visit->request, 200, answer);
}

static void refuse_statements(struct visit *visit, const struct err *err) {
	switch (err->code) {
	case ERR_TOO_BIG:
		http_error(visit->request, 413, "%s", err->why);
		break;
	case ERR_DENIED:
		http_error(visit->request, 403, "%s", err->why);
		break;
	case ERR_MALFORMED:
		http_error(visit->request, 400, "%s", err->why);
		break;
	default:
		http_fault(visit->request, err);
	}
	collector_say(visit->collector, "agents: host %s: request refused: %s", visit->peer->host, err->why);
}

static double seconds_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The first reason among the answers, for the event's line. */
static void say_received(struct visit *visit, const struct receive_tally *before, const struct buf *answers) {
	const struct receive_tally *after = &visit->collector->tally;
	const char *reason = strstr(buf_str(answers), "\"reason\":\"");
	int len = reason ? (int)strcspn(reason + 10, "\"\\") : 0;
	collector_say(
		visit->collector, "agents: host %s: %llu logged, %llu known, %llu refused, %llu to be retried%s%.*s",
		visit->peer->host, (unsigned long long)(after->logged - before->logged),
		(unsigned long long)(after->known - before->known),
		(unsigned long long)(after->refused - before->refused),
		(unsigned long long)(after->retry - before->retry), reason ? ": " : "", len, reason ? reason + 10 : "");
}

static void say_finding(void *context, const struct store_finding *finding) {
	collector_say(context, "finding: host %s: %s: %s", finding->host, finding->kind, finding->text);
}

/* Findings behind the last that was said. */
static void say_findings(struct visit *visit, int64_t last) {
	struct err err;
	if (!store_findings(visit->collector->store, NULL, last, INT64_MAX, say_finding, visit->collector, &err))
		collector_say(visit->collector, "findings cannot be said: %s", err.why);
}

/* The request's lines, as they were before they were compressed. False: answered. */
static bool read_lines(struct visit *visit, struct buf *lines) {
	const char *encoding = http_asked(visit->request, "Content-Encoding");
	CLEANUP(buf_done) struct buf body = {0};
	struct err err;
	if (!encoding || !strcasecmp(encoding, "identity")) {
		http_body(visit->request, lines);
		return true;
	}
	if (strcasecmp(encoding, "gzip") != 0) {
		http_error(visit->request, 415, "there is no Content-Encoding but gzip");
		return false;
	}
	http_body(visit->request, &body);
	if (gzip_read(buf_str(&body), body.len, RECEIVE_REQUEST_LARGEST, "request", lines, &err))
		return true;
	refuse_statements(visit, &err);
	return false;
}

static void answer_statements(struct visit *visit) {
	struct collector *collector = visit->collector;
	CLEANUP(buf_done) struct buf lines = {0};
	CLEANUP(buf_done) struct buf answers = {0};
	struct err err;
	const struct receive_tally before = collector->tally;
	const double began = seconds_now();
	int64_t last = 0;
	if (!read_lines(visit, &lines))
		return;
	if (!store_finding_last(collector->store, &last, &err) ||
	    !receive(collector->store, collector->log, visit->peer, buf_str(&lines), lines.len, visit->now,
		     &collector->tally, &answers, &err)) {
		refuse_statements(visit, &err);
		return;
	}
	collector_took(collector, seconds_now() - began);
	say_received(visit, &before, &answers);
	say_findings(visit, last);
	http_reply(visit->request, 200, "application/x-ndjson", answers.data, answers.len);
}

static const struct route routes[] = {
	{"/.well-known/est/cacerts", ROUTE_ANYONE, false, est_cacerts},
	{"/.well-known/est/simpleenroll", ROUTE_ANYONE, true, est_enroll},
	{"/.well-known/est/simplereenroll", ROUTE_RENEWAL, true, est_reenroll},
	{"/v1/log", ROUTE_KNOWN, false, answer_log},
	{"/v1/statements", ROUTE_KNOWN, true, answer_statements},
	{"/log/", ROUTE_KNOWN, false, route_log},
};

/* Whose certificate an outside CA issued is known from the first time on. */
static bool admit(struct visit *visit, X509 *certificate, struct err *err) {
	struct collector *collector = visit->collector;
	char host[CA_HOST_ID + 1] = "";
	if (!visit->is_outside)
		return true;
	if (!outside_admit(collector->store, certificate, collector->own->id, visit->now, host, err))
		return false;
	if (host[0])
		collector_say(collector, "agents: the certificate of an outside CA for host %s", host);
	return true;
}

/* The handshake pardons some, and a connection may outlive the end of its certificate. */
static bool has_ended(X509 *certificate, const struct route *route, int64_t now) {
	time_t since = (time_t)(route->access == ROUTE_RENEWAL ? now - LISTEN_GRACE : now);
	return X509_cmp_time(X509_get0_notAfter(certificate), &since) <= 0;
}

static void refuse_peer(struct visit *visit, const struct err *err) {
	if (err->code != ERR_DENIED) {
		http_fault(visit->request, err);
		return;
	}
	collector_say(visit->collector, "agents: a certificate of an outside CA is refused: %s", err->why);
	http_error(visit->request, 403, "%s", err->why);
}

static void answer_known(struct visit *visit, const struct route *route) {
	CLEANUP(x509_free_p) X509 *certificate = SSL_get1_peer_certificate(listen_ssl(visit->request));
	CLEANUP(peer_done) struct peer peer = {0};
	struct err err;
	visit->is_outside = outside_is_by(visit->collector->outside, listen_ssl(visit->request));
	if (!certificate) {
		http_error(visit->request, 401, "no client certificate");
	} else if (has_ended(certificate, route, visit->now)) {
		http_error(visit->request, 403, "the certificate has ended");
	} else if (!admit(visit, certificate, &err) ||
		   !peer_of_certificate(visit->collector->store, certificate, &peer, &err)) {
		refuse_peer(visit, &err);
	} else if (!peer.host[0]) {
		http_error(visit->request, 403, "the certificate is not of an enrolled host");
	} else {
		visit->peer = &peer;
		route->answer(visit);
	}
}

void agents_handle(struct evhttp_request *request, void *collector) {
	struct visit visit = {.collector = collector, .request = request, .now = times_now()};
	char path[HTTP_PATH_LONGEST];
	const struct route *route = route_find(routes, ARRAY_LEN(routes), &visit, path);
	if (!route)
		return;
	if (route->access == ROUTE_ANYONE)
		route->answer(&visit);
	else
		answer_known(&visit, route);
}
