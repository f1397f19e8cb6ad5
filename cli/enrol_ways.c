#include "cli/enrol_ways.h"

#include <errno.h>
#include <openssl/rand.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/say.h"
#include "core/text.h"
#include "core/times.h"

#define CREDENTIAL_LARGEST 4096
#define WAIT_SHORTEST_S 1
#define WAIT_LONGEST_S 300

static int fail(const struct err *err) { return cli_fail(err, err->code == ERR_USAGE ? CLI_USAGE : CLI_FAILED); }

void enrol_say(const struct enrolment *enrolment, const struct enrol_options *options) {
	say(stdout, "enrolled %s (%s) with %s\n", enrolment->host_name, enrolment->host_id, enrolment->collector);
	say(stdout, "log %s\n", enrolment->vkey);
	if (options->helpers && options->force)
		say(stdout, "the sealer takes the new key when it starts: systemctl restart vouch-sealer\n");
	else if (options->helpers)
		say(stdout, "next: systemctl enable --now vouchd\n");
}

/* --- files -------------------------------------------------------------------------------------------------------- */

static bool write_out(const char *path, const struct buf *pem, struct err *err) {
	if (strcmp(path, "-") != 0)
		return file_write(path, pem->data, pem->len, 0644, err);
	return fwrite(pem->data, 1, pem->len, stdout) == pem->len ||
	       err_errno(err, errno, ERR_IO, "standard output", "write");
}

int enrol_way_request(const struct home *home, const struct enrol_options *options, const char *path) {
	CLEANUP(buf_done) struct buf pem = {0};
	struct err err;
	if (!enrol_request(home, options, &pem, &err) || !write_out(path, &pem, &err))
		return fail(&err);
	say(stderr, "the keys wait in %s/" HOME_REQUEST "; the request names this host as the CA has to\n",
	    home->folder);
	say(stderr, "next: vouch enrol %s --certificate FILE --ca FILE --log-key KEY\n", options->collector);
	return CLI_OK;
}

int enrol_way_files(const struct home *home, const struct enrol_options *options, const struct enrol_files *files) {
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	struct err err;
	if (!enrol_by_files(home, options, files, &enrolment, &err))
		return fail(&err);
	enrol_say(enrolment, options);
	return CLI_OK;
}

int enrol_way_renew(const struct home *home, const char *certificate) {
	char until[TIMES_TEXT];
	int64_t ends;
	struct err err;
	if (!enrol_renew(home, certificate, &ends, &err))
		return fail(&err);
	say(stdout,
	    "the certificate is in its place, and ends at %s; vouch-ship takes it when the one before is due, "
	    "or when it starts\n",
	    times_format(ends, until));
	return CLI_OK;
}

/* --- credentials -------------------------------------------------------------------------------------------------- */

struct credentials {
	char *url, *token, *fingerprint; /* NULL: there is none of this name */
};

static void credentials_done(struct credentials *credentials) {
	free(credentials->url);
	if (credentials->token)
		OPENSSL_cleanse(credentials->token, strlen(credentials->token));
	free(credentials->token);
	free(credentials->fingerprint);
}

static bool read_credential(const char *folder, const char *name, char **ret_text, struct err *err) {
	CLEANUP(free_ptr) char *path = file_join(folder, name);
	CLEANUP(buf_done) struct buf bytes = {0};
	if (access(path, F_OK) != 0)
		return true;
	if (!file_read(path, CREDENTIAL_LARGEST, &bytes, err))
		return false;
	CLEANUP(free_ptr) char *text = buf_take(&bytes);
	*ret_text = xstrdup(text_trim(text));
	return true;
}

static bool read_credentials(struct credentials *ret, struct err *err) {
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	if (!folder || !*folder)
		return true;
	return read_credential(folder, ENROL_CREDENTIAL_URL, &ret->url, err) &&
	       read_credential(folder, ENROL_CREDENTIAL_TOKEN, &ret->token, err) &&
	       read_credential(folder, ENROL_CREDENTIAL_FINGERPRINT, &ret->fingerprint, err);
}

/* Three quarters to five quarters of it, by chance: hosts of one image boot together. */
static unsigned by_chance(unsigned seconds) {
	uint16_t random = 0;
	if (RAND_bytes((unsigned char *)&random, sizeof random) != 1)
		return seconds;
	return seconds - seconds / 4 + (seconds / 2) * random / UINT16_MAX;
}

/* Until it is enrolled, or refused for good. */
static bool keep_trying(const struct home *home, const struct enrol_options *options, struct enrolment **ret_enrolment,
			struct err *err) {
	for (unsigned wait = WAIT_SHORTEST_S; !enrol(home, options, ret_enrolment, err);) {
		if (enrol_is_final(err))
			return false;
		const unsigned seconds = by_chance(wait);
		cli_fail(err, CLI_OK);
		say(stderr, "the collector cannot be reached yet: next try in %u s\n", seconds);
		sleep(seconds);
		wait = 2 * wait < WAIT_LONGEST_S ? 2 * wait : WAIT_LONGEST_S;
	}
	return true;
}

static int missing(const char *name) {
	say(stderr, "vouch enrol: there is no credential %s beside the others\n", name);
	return CLI_FAILED;
}

int enrol_way_credentials(const struct home *home, const struct enrol_options *options) {
	CLEANUP(credentials_done) struct credentials given = {0};
	CLEANUP(enrolment_free_p) struct enrolment *enrolment = NULL;
	struct enrol_options complete = *options;
	struct err err;
	if (access(home->identity, F_OK) == 0)
		return say(stdout, "this host is enrolled already\n"), CLI_OK;
	if (!read_credentials(&given, &err))
		return fail(&err);
	if (!given.url && !given.token && !given.fingerprint)
		return say(stdout, "there are no credentials to enrol with: nothing is done\n"), CLI_OK;
	if (!given.url || !given.token || !given.fingerprint)
		return missing(!given.url     ? ENROL_CREDENTIAL_URL
			       : !given.token ? ENROL_CREDENTIAL_TOKEN
					      : ENROL_CREDENTIAL_FINGERPRINT);
	complete.collector = given.url;
	complete.token = given.token;
	complete.ca_fingerprint = given.fingerprint;
	if (!keep_trying(home, &complete, &enrolment, &err))
		return fail(&err);
	say(stdout, "enrolled %s (%s) with %s\n", enrolment->host_name, enrolment->host_id, enrolment->collector);
	return CLI_OK;
}
