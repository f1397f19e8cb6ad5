#include "agent/enrol.h"

#include <unistd.h>

#include "agent/draft.h"
#include "agent/est.h"
#include "core/json.h"
#include "core/note.h"
#include "core/text.h"

bool enrol_fingerprint(const char *text, char ret_hex[HASH_HEX]) {
	size_t len = 0;
	if (text_starts(text, "sha256:") || text_starts(text, "SHA256:"))
		text += strlen("sha256:");
	for (; *text; text++) {
		if (*text == ':')
			continue;
		bool is_upper = *text >= 'A' && *text <= 'F';
		if (len == HASH_HEX - 1 || (!is_upper && !strchr("0123456789abcdef", *text)))
			return false;
		ret_hex[len++] = is_upper ? (char)(*text - 'A' + 'a') : *text;
	}
	ret_hex[len] = '\0';
	return len == HASH_HEX - 1;
}

bool enrol_is_final(const struct err *err) {
	return err->code != ERR_IO && err->code != ERR_TIMEOUT &&
	       !(err->code == ERR_REFUSED && text_starts(err->why, HTTP_TLS));
}

static bool fetch_ca(const struct enrol_options *options, struct draft *draft, struct err *err) {
	CLEANUP(http_close_p) struct http *http = NULL;
	CLEANUP(buf_done) struct buf pem = {0};
	const struct http_peer peer = {.base = options->collector};
	char hex[HASH_HEX];
	struct hash fingerprint;
	if (!enrol_fingerprint(options->ca_fingerprint, hex) || !hash_from_hex(hex, &fingerprint))
		return err_set(err, ERR_USAGE, "CA fingerprint", "it is not the 64 hexadecimal digits of a SHA-256");
	if (!http_open(&peer, &http, err) || !est_ca(http, &fingerprint, &draft->ca, err))
		return false;
	est_pem(draft->ca, &pem);
	return file_write(draft->home->ca, pem.data, pem.len, 0644, err);
}

static bool fetch_certificate(const struct enrol_options *options, struct draft *draft, struct err *err) {
	CLEANUP(http_close_p) struct http *http = NULL;
	CLEANUP(buf_done) struct buf pem = {0};
	const struct http_peer peer = {
		.base = options->collector, .ca = draft->home->ca, .user = "enrol", .password = options->token};
	if (!http_open(&peer, &http, err) ||
	    !est_certify(http, draft->transport, draft->enrolment->host_id, draft->ca, &draft->certificate, err))
		return false;
	est_pem(draft->certificate, &pem);
	return file_write(draft->home->transport_certificate, pem.data, pem.len, 0644, err);
}

/* Pin the log's key. */
static bool fetch_log(const struct enrol_options *options, struct draft *draft, struct err *err) {
	static const char path[] = "/v1/log";
	CLEANUP(http_close_p) struct http *http = NULL;
	CLEANUP(http_answer_done) struct http_answer answer = {0};
	CLEANUP(json_decref_p) json_t *object = NULL;
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = NULL;
	const struct http_peer peer = {.base = options->collector,
				       .ca = draft->home->ca,
				       .certificate = draft->home->transport_certificate,
				       .key = draft->home->transport_key};
	const struct http_request request = {.path = path};
	const char *origin, *vkey;
	if (!http_open(&peer, &http, err) || !http_ask(http, &request, &answer, err) ||
	    !http_is_ok(&answer, path, err) ||
	    !json_read(answer.body.data, answer.body.len, 65536, path, &object, err) ||
	    !json_get_string(object, "origin", path, &origin, err) ||
	    !json_get_string(object, "vkey", path, &vkey, err) || !note_verifier_read(vkey, &verifier, err))
		return false;
	if (strcmp(verifier->name, origin) != 0)
		return err_set(err, ERR_REFUSED, path, "the log's key is not named like its origin");
	draft->enrolment->origin = xstrdup(origin);
	draft->enrolment->vkey = xstrdup(vkey);
	return true;
}

static bool put_together(const struct home *home, const struct enrol_options *options, struct draft *draft,
			 struct err *err) {
	return draft_know(home, options, draft, err) && draft_make_keys(options, NULL, draft, err) &&
	       fetch_ca(options, draft, err) && fetch_certificate(options, draft, err) &&
	       fetch_log(options, draft, err) && draft_write(draft, err);
}

/* From nothing to the enrolment in its place, under both locks. */
static bool make_enrolment(const struct home *home, const struct enrol_options *options, struct draft *draft,
			   struct err *err) {
	CLEANUP(close_fd) int lock = -1;
	CLEANUP(close_fd) int ship_lock = -1;
	if (!draft_may_enrol(home, options->force, err) || !draft_lock(home, &lock, &ship_lock, err))
		return false;
	draft_throw_away(draft->home);
	bool ok = file_make_folder(draft->home->folder, 0700, err) && put_together(home, options, draft, err) &&
		  draft_install(home, draft, err);
	if (!ok)
		host_key_forget(draft->evidence);
	draft_throw_away(draft->home);
	/* Before the first statement is sealed: a token or a TPM may have room for one who asks. */
	host_key_free(draft->evidence);
	draft->evidence = NULL;
	return ok;
}

bool enrol(const struct home *home, const struct enrol_options *options, struct enrolment **ret_enrolment,
	   struct err *err) {
	CLEANUP(draft_done) struct draft draft;
	draft_start(&draft, home, HOME_DRAFT);
	if (!make_enrolment(home, options, &draft, err) || (!options->helpers && !draft_seal(home, &draft, err)))
		return false;
	*ret_enrolment = draft.enrolment;
	draft.enrolment = NULL;
	return true;
}
