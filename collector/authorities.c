#include "collector/authorities.h"

#include <dirent.h>
#include <errno.h>

#include "collector/stamps.h"
#include "core/file.h"

void authorities_done(struct trust *trust) {
	for (size_t i = 0; i < trust->authority_count; i++)
		free(trust->authorities[i]);
	for (size_t i = 0; i < trust->chain_count; i++)
		sk_X509_pop_free(trust->chains[i], X509_free);
	free(trust->authorities);
	free(trust->chains);
}

/* Once each; of a chain that is what stands behind the signer. */
static void add_pem(struct trust *trust, const STACK_OF(X509) * certificates, int first) {
	CLEANUP(buf_done) struct buf pem = {0};
	timestamp_pem(certificates, first, &pem);
	for (size_t i = 0; i < trust->authority_count; i++)
		if (!strcmp(trust->authorities[i], buf_str(&pem)))
			return;
	trust->authorities = xreallocarray(trust->authorities, trust->authority_count + 1, sizeof *trust->authorities);
	trust->authorities[trust->authority_count++] = buf_take(&pem);
}

static bool read_certificates(const char *path, STACK_OF(X509) * *ret_certificates, struct err *err) {
	CLEANUP(buf_done) struct buf pem = {0};
	return file_read(path, TIMESTAMP_PEM_LARGEST, &pem, err) &&
	       timestamp_certificates(pem.data, pem.len, path, ret_certificates, err);
}

static bool add_chain(struct trust *trust, const char *path, struct err *err) {
	STACK_OF(X509) *chain = NULL;
	if (trust->chain_count == STAMPS_AUTHORITIES_MOST)
		return err_set(err, ERR_TOO_BIG, path, "more than %d signers of time-stamps", STAMPS_AUTHORITIES_MOST);
	if (!read_certificates(path, &chain, err))
		return false;
	trust->chains = xreallocarray(trust->chains, trust->chain_count + 1, sizeof(STACK_OF(X509) *));
	trust->chains[trust->chain_count++] = chain;
	if (sk_X509_num(chain) > 1)
		add_pem(trust, chain, 1);
	return true;
}

/* "<digest>.pem" */
static bool is_chain(const char *name) {
	char digest[HASH_HEX];
	struct hash unused;
	snprintf(digest, sizeof digest, "%s", name);
	return strlen(name) == HASH_HEX - 1 + strlen(".pem") && hash_from_hex(digest, &unused) &&
	       !strcmp(name + HASH_HEX - 1, ".pem");
}

static int only_chains(const struct dirent *entry) { return is_chain(entry->d_name); }

/* In the order of their names, so that the file is the same each time. */
static bool add_chains(const char *folder, struct trust *trust, struct err *err) {
	CLEANUP(free_ptr) char *chains = xasprintf("%s/timestamps/authorities", folder);
	struct dirent **entries = NULL;
	bool is_read = true;
	const int count = scandir(chains, &entries, only_chains, alphasort);
	if (count < 0)
		return errno == ENOENT ? true : err_errno(err, errno, ERR_IO, chains, "read");
	for (int i = 0; i < count; i++) {
		CLEANUP(free_ptr) char *path = file_join(chains, entries[i]->d_name);
		is_read = is_read && add_chain(trust, path, err);
		free(entries[i]);
	}
	free(entries);
	return is_read;
}

bool authorities_read(const char *folder, const struct config *config, struct trust *trust, struct err *err) {
	CLEANUP(free_ptr) char *path = config_path(folder, config->timestamp_ca);
	CLEANUP(certificates_free_p) STACK_OF(X509) *configured = NULL;
	if (path && !read_certificates(path, &configured, err))
		return false;
	if (configured)
		add_pem(trust, configured, 0);
	return add_chains(folder, trust, err);
}
