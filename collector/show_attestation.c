/* Attestations on the page of their control, and the file that came with one. Everything in them is somebody's text. */
#include "collector/show.h"
#include "collector/store_attestations.h"
#include "core/attestation.h"

#define SHOWN_MOST 200
#define DOWNLOAD_NAME_LONGEST 100

struct listing {
	struct page *page;
	int64_t now;
	size_t count;
};

/* Text of others that runs in its own direction, whatever letters it has. */
static void write_their(struct page *page, const char *text) { page_element(page, "bdi", text, NULL); }

static void write_file(struct page *page, const struct store_attestation *attestation) {
	CLEANUP(free_ptr) char *link = xasprintf("/attestations/%s/file", attestation->statement);
	page_element(page, "dt", "File", NULL);
	page_open(page, "dd", NULL);
	write_their(page, attestation->file_name);
	page_textf(page, " \xc2\xb7 %lld bytes \xc2\xb7 ", (long long)attestation->file_size);
	write_their(page, attestation->media_type);
	page_text(page, " \xc2\xb7 ");
	if (attestation->has_content)
		page_element(page, "a", "download", "href", link, "download", "", NULL);
	else
		page_text(page, "not kept here: ask the author for it, and compare");
	page_close(page);
	page_element(page, "dt", "SHA-256 of the file", NULL);
	page_open(page, "dd", NULL);
	page_element(page, "code", attestation->file_sha256, NULL);
	page_close(page);
}

static void write_instant(struct page *page, const char *label, int64_t instant) {
	page_element(page, "dt", label, NULL);
	page_open(page, "dd", NULL);
	page_time(page, instant);
	page_close(page);
}

static void write_who(struct page *page, const struct store_attestation *attestation) {
	CLEANUP(free_ptr) char *link = xasprintf("/hosts/%s", attestation->host);
	page_element(page, "dt", "Author", NULL);
	page_open(page, "dd", NULL);
	write_their(page, attestation->author);
	page_close(page);
	page_element(page, "dt", "Sealed as", NULL);
	page_open(page, "dd", NULL);
	page_open(page, "a", "href", link, NULL);
	write_their(page, attestation->host_name[0] ? attestation->host_name : attestation->host);
	page_close(page);
	if (attestation->is_revoked)
		page_text(page, " \xc2\xb7 this identity was revoked: what it says here is not to be believed");
	else if (attestation->is_ended)
		page_text(page, " \xc2\xb7 this identity has ended: it was enrolled anew, or revoked later");
	page_close(page);
}

static void write_attestation(void *context, const struct store_attestation *attestation) {
	struct listing *listing = context;
	struct page *page = listing->page;
	if (++listing->count > SHOWN_MOST)
		return;
	page_open(page, "section", "class", "rule", NULL);
	page_open(page, "p", NULL);
	page_state(page, attestation->is_revoked ? "revoked" : attestation->until > listing->now ? "valid" : "expired");
	page_close(page);
	page_element(page, "p", attestation->note, "class", "said", "dir", "auto", NULL);
	page_open(page, "dl", "class", "facts", NULL);
	write_who(page, attestation);
	write_instant(page, "Said", attestation->collected);
	write_instant(page, attestation->until > listing->now ? "Stands until" : "Stood until", attestation->until);
	write_instant(page, "Received", attestation->received);
	if (attestation->file_name[0])
		write_file(page, attestation);
	page_element(page, "dt", "Evidence record", NULL);
	page_open(page, "dd", NULL);
	page_element(page, "code", attestation->statement, NULL);
	page_close(page);
	page_close(page);
	page_close(page);
}

bool show_attestations(struct page *page, struct store *store, const char *control, int64_t now, struct err *err) {
	struct listing listing = {.page = page, .now = now};
	page_element(page, "h2", "Attestations", "id", "attestations", NULL);
	page_element(page, "p",
		     "What somebody says, sealed with the key of who sent it (vouch attest). It is shown as it was "
		     "said, and "
		     "changes no state.",
		     "class", "note", NULL);
	if (!store_attestations_of(store, control, now, SHOWN_MOST + 1, write_attestation, &listing, err))
		return false;
	if (listing.count == 0)
		page_element(page, "p", "There is none for this control.", NULL);
	if (listing.count > SHOWN_MOST) {
		page_open(page, "p", "class", "note", NULL);
		page_textf(page, "There are more: see /api/v1/attestations?control=%s", control);
		page_close(page);
	}
	return true;
}

/* --- the file that came along ------------------------------------------------------------------------------------- */

struct sought {
	char body[HASH_HEX];
	bool is_found;
};

static void seek(void *context, const struct store_statement *statement) {
	struct sought *sought = context;
	sought->is_found = !strcmp(statement->type, "attestation");
	snprintf(sought->body, sizeof sought->body, "%s", statement->body_sha256);
}

/* "DIGEST/file". */
static bool read_path(const char *rest, char ret_digest[HASH_HEX]) {
	struct hash hash;
	snprintf(ret_digest, HASH_HEX, "%s", rest);
	return hash_from_hex(ret_digest, &hash) && !strcmp(rest + HASH_HEX - 1, "/file");
}

static bool find_file(struct visit *visit, struct attestation **ret_attestation, struct err *err) {
	CLEANUP(buf_done) struct buf body = {0};
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	struct store *store = visit->collector->store;
	struct sought sought = {.is_found = false};
	char digest[HASH_HEX];
	if (read_path(visit->rest, digest) && !store_statement_get(store, digest, seek, &sought, err))
		return false;
	if (!sought.is_found)
		return err_set(err, ERR_ABSENT, "", "there is no such attestation");
	if (!store_body(store, sought.body, &body, err) ||
	    !attestation_read(buf_str(&body), body.len, "body", &attestation, err))
		return false;
	if (!attestation->file.has_content)
		return err_set(err, ERR_ABSENT, "", "no file came with this attestation");
	*ret_attestation = attestation;
	attestation = NULL;
	return true;
}

/* A name that no browser and no system takes for anything else: the rest of its letters become '_'. */
static char *disposition_of(const char *name) {
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	char text[DOWNLOAD_NAME_LONGEST + 1];
	snprintf(text, sizeof text, "%s", name);
	for (char *at = text; *at; at++)
		if (!strchr(safe, *at) || (*at == '.' && at == text))
			*at = '_';
	return xasprintf("attachment; filename=\"%s\"", text);
}

void show_attested_file(struct visit *visit) {
	CLEANUP(attestation_free_p) struct attestation *attestation = NULL;
	struct err err;
	if (!find_file(visit, &attestation, &err)) {
		if (err.code == ERR_ABSENT)
			http_error(visit->request, 404, "%s", err.why);
		else
			http_fault(visit->request, &err);
		return;
	}
	CLEANUP(free_ptr) char *disposition = disposition_of(attestation->file.name);
	http_header(visit->request, "Content-Disposition", disposition);
	http_header(visit->request, "Content-Security-Policy", "default-src 'none'; sandbox");
	http_reply(visit->request, 200, "application/octet-stream", buf_str(&attestation->file.content),
		   attestation->file.content.len);
}
