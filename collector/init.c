/* vouch-collector init, fingerprint, log-key. */
#include <errno.h>
#include <getopt.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collector/anchor.h"
#include "collector/ca.h"
#include "collector/config.h"
#include "collector/log.h"
#include "collector/store.h"
#include "collector/verbs.h"
#include "core/file.h"
#include "core/times.h"

#define NAMES_MOST 32

struct init_options {
	const char *origin;
	const char *names[NAMES_MOST];
	size_t count;
};

static bool take_option(int option, const char *value, void *context, struct err *err) {
	struct init_options *options = context;
	if (option == 'o') {
		options->origin = value;
		return true;
	}
	if (options->count == NAMES_MOST)
		return err_set(err, ERR_USAGE, "--name", "more than %d names", NAMES_MOST);
	options->names[options->count++] = value;
	return true;
}

static bool is_new(const char *folder, struct err *err) {
	static const char *const files[] = {"ca.key", "ca.crt", "log.key", "collector.yaml", "store.db", "log"};
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		CLEANUP(free_ptr) char *path = file_join(folder, files[i]);
		if (access(path, F_OK) == 0)
			return err_set(err, ERR_REFUSED, path, "it is there already; nothing was changed");
	}
	return true;
}

/* A name that a signed note can carry: "<host name>/vouch". */
static char *default_origin(void) {
	char name[256] = "localhost";
	if (gethostname(name, sizeof name - 1) != 0 || !name[0])
		snprintf(name, sizeof name, "localhost");
	return xasprintf("%s/vouch", name);
}

static bool create_log(const char *folder, const char *origin, struct err *err) {
	CLEANUP(free_ptr) char *key_path = file_join(folder, "log.key");
	CLEANUP(free_ptr) char *log_path = file_join(folder, "log");
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	if (!key_make_ed25519(&key, err))
		return false;
	CLEANUP(free_ptr) char *vkey = note_vkey(origin, key);
	if (!vkey)
		return err_set(err, ERR_USAGE, origin, "no name for a log: no blanks, no '+', not empty");
	return key_save(key_path, key, err) && anchor_prepare(folder, vkey, err) &&
	       log_create(log_path, origin, key, err);
}

static bool create_all(const char *folder, const char *origin, const struct init_options *options, struct err *err) {
	CLEANUP(free_ptr) char *config = file_join(folder, "collector.yaml");
	CLEANUP(free_ptr) char *database = file_join(folder, "store.db");
	CLEANUP(store_free_p) struct store *store = NULL;
	return create_log(folder, origin, err) && ca_create(folder, options->names, options->count, times_now(), err) &&
	       store_open(database, &store, err) && config_create(config, origin, err) && file_sync_folder(folder, err);
}

static bool print_fingerprint(const char *folder, struct buf *out, struct err *err) {
	CLEANUP(ca_free_p) struct ca *ca = NULL;
	char text[HASH_HEX];
	if (!ca_load(folder, &ca, err))
		return false;
	struct hash fingerprint = ca_fingerprint(ca->certificate);
	buf_addf(out, "%s\n", hash_hex(&fingerprint, text));
	return true;
}

/* Beside the fingerprint, which alone is for programs. */
static void say_next(const struct verb_call *call, const char *folder) {
	CLEANUP(free_ptr)
	char *listen = xasprintf(
		"only this machine reaches it until agents: in %s/collector.yaml says other, such as 0.0.0.0:8443",
		folder);
	CLEANUP(free_ptr)
	char *token = xasprintf(
		"next: for each host vouch-collector token add %s, and reader add for who looks at its pages", folder);
	call->say(listen);
	call->say(token);
	call->say("the fingerprint of the collector's CA, which vouch enrol compares:");
}

static bool run_init(const struct verb_call *call, struct err *err) {
	static const struct option known[] = {
		{"origin", required_argument, NULL, 'o'}, {"name", required_argument, NULL, 'n'}, {0}};
	CLEANUP(free_ptr) char *origin = default_origin();
	struct init_options options = {.origin = origin};
	const char *folder;
	if (!collector_options(call, known, take_option, &options, 1, &folder, err))
		return false;
	umask(077);
	if (!file_make_folder(folder, 0700, err) || !is_new(folder, err) ||
	    !create_all(folder, options.origin, &options, err) || !print_fingerprint(folder, call->out, err))
		return false;
	say_next(call, folder);
	return true;
}

static bool run_fingerprint(const struct verb_call *call, struct err *err) {
	static const struct option none[] = {{0}};
	const char *folder;
	return collector_options(call, none, take_option, NULL, 1, &folder, err) &&
	       print_fingerprint(folder, call->out, err);
}

static bool run_log_key(const struct verb_call *call, struct err *err) {
	static const struct option none[] = {{0}};
	CLEANUP(config_free_p) struct config *config = NULL;
	CLEANUP(key_free_p) EVP_PKEY *key = NULL;
	const char *folder;
	if (!collector_options(call, none, take_option, NULL, 1, &folder, err))
		return false;
	CLEANUP(free_ptr) char *config_file = file_join(folder, "collector.yaml");
	CLEANUP(free_ptr) char *key_file = file_join(folder, "log.key");
	if (!config_read(config_file, &config, err) || !key_load(key_file, &key, err))
		return false;
	CLEANUP(free_ptr) char *vkey = note_vkey(config->origin, key);
	if (!vkey)
		return err_set(err, ERR_CRYPTO, key_file, "not the key of a log");
	buf_addf(call->out, "%s\n", vkey);
	return true;
}

const struct verb collector_init = {
	"init",
	"DIR [--origin NAME] [--name DNS-or-IP]...",
	"Make a collector: its CA, server certificate, log and configuration. Prints the CA's fingerprint.",
	"  --origin NAME      name of the log, for ever; default: HOSTNAME/vouch\n"
	"  --name DNS-or-IP   one more name of the server, beside localhost, 127.0.0.1 and ::1\n",
	run_init,
};

const struct verb collector_fingerprint = {
	"fingerprint", "DIR", "Print the SHA-256 fingerprint of the CA's certificate.", "", run_fingerprint,
};

const struct verb collector_log_key = {
	"log-key", "DIR", "Print the log's public key, for hosts that enrol without the network.", "", run_log_key,
};
