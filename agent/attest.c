#include "agent/attest.h"

#include <dirent.h>
#include <errno.h>

#include "agent/enrol.h"
#include "agent/seal.h"

/* Who speaks: an identity that only attests is who it was enrolled as, wherever its folder was carried. */
static bool header_of(const struct enrolment *enrolment, struct round *header, struct err *err) {
	if (!enrol_header(NULL, header, err))
		return false;
	if (!enrolment->purpose)
		return true;
	const struct {
		char **member;
		const char *text;
	} fixed[] = {{&header->host_id, enrolment->host_id},
		     {&header->host_name, enrolment->host_name},
		     {&header->host_os, enrolment->os}};
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		free(*fixed[i].member);
		*fixed[i].member = xstrdup(fixed[i].text);
	}
	return true;
}

static bool has_no_epoch(const struct home *home, struct err *err) {
	CLEANUP(close_folder) DIR *folder = opendir(home->epochs);
	if (!folder)
		return errno == ENOENT || err_errno(err, errno, ERR_IO, home->epochs, "open folder");
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
		if (entry->d_name[0] != '.')
			return err_set(err, ERR_REFUSED, home->folder, "a sealer signs for this state folder");
	return true;
}

bool attest_seal(const struct home *home, const struct enrolment *enrolment, const struct attestation *attestation,
		 char ret_digest[HASH_HEX], struct err *err) {
	CLEANUP(sealer_close_p) struct sealer *sealer = NULL;
	CLEANUP(round_free_p) struct round *header = xcalloc(1, sizeof *header);
	CLEANUP(buf_done) struct buf body = {0};
	enum sealed sealed;
	if (!attestation_write(attestation, &body, err) || !has_no_epoch(home, err) ||
	    !header_of(enrolment, header, err) ||
	    !sealer_open(home, enrolment, NULL, "", SPOOL_LIMIT_DEFAULT, &sealer, err) ||
	    !seal_attestation(sealer, header, &body, &sealed, err))
		return false;
	if (sealed == SEALED_NO_ROOM)
		return err_set(err, ERR_REFUSED, home->spool, "the spool is full: ship what is there first");
	snprintf(ret_digest, HASH_HEX, "%s", sealer->chain->previous);
	return true;
}

bool attest_send(const struct home *home, const struct enrolment *enrolment, struct shipped *ret_sent,
		 struct err *err) {
	CLEANUP(shipper_close_p) struct shipper *shipper = NULL;
	struct shipped batch = {.more = true};
	struct err ignored;
	bool ok = true;
	*ret_sent = (struct shipped){0};
	if (!shipper_open(home, enrolment, NULL, &shipper, err))
		return false;
	/* Where this fails and the certificate has ended, shipping says so. */
	if (ship_should_renew(shipper))
		(void)!ship_renew(shipper, &ignored);
	while (ok && batch.more) {
		ok = ship(shipper, &batch, err);
		ret_sent->stored += batch.stored;
		ret_sent->refused += batch.refused;
		ret_sent->is_ended |= batch.is_ended;
		if (batch.refused)
			snprintf(ret_sent->refused_why, sizeof ret_sent->refused_why, "%s", batch.refused_why);
	}
	return ok;
}

bool attest_index(const struct home *home, const char *digest, uint64_t *ret_index, struct err *err) {
	CLEANUP(free_ptr) char *path = xasprintf("%s/%s.tlog-proof", home->receipts, digest);
	CLEANUP(buf_done) struct buf text = {0};
	CLEANUP(proof_done) struct proof proof = {0};
	if (!file_read(path, PROOF_LARGEST, &text, err) || !proof_read(buf_str(&text), text.len, &proof, err))
		return false;
	*ret_index = proof.index;
	return true;
}
