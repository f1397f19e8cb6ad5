/* vouch-plugin: runs one plugin for vouchd, once, and ends, so that its unit ends whatever the plugin left behind. What
 * the plugin may reach is what the unit gives to this program. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "broker/journal.h"
#include "broker/start.h"
#include "core/lines.h"
#include "core/plugin_call.h"
#include "sources/action.h"
#include "sources/hand.h"
#include "sources/plugin.h"
#include "sources/plugin_file.h"

#define REQUEST_S 10 /* in which who has connected asks */

static const char usage[] =
	"usage: vouch-plugin [options] NAME\n\n"
	"Runs the plugin NAME for vouchd once, and ends. Started by vouch-plugin@NAME.socket.\n\n"
	"  --client USER   who may ask beside root (default: " START_CLIENT ")\n"
	"  --folder DIR    where plugins are (default: " VOUCH_SYSCONFDIR "/plugins.d, then\n"
	"                  " VOUCH_LIBDIR "/plugins.d)\n"
	"  --socket PATH   make the socket, where no socket unit passes one\n"
	"  --idle SECONDS  end after so long without a connection (default: 1200; 0: never)\n\n"
	"Environment: " PLUGIN_TIMEOUT ", the seconds that the plugin may take (default: 30; at most\n"
	"300).\n\n"
	"Exit: 0 asked once, or idle; 1 it could not go on; 2 it could not start.\n";

/* The one that this process runs. A look has no context of its own. */
static struct service {
	const char *name;
	struct plugin_way way;
} service;

static void say_error(const struct buf *said) {
	CLEANUP(lines_done) struct lines lines = lines_over("", said->data, said->len);
	char *line;
	while ((line = lines_next(&lines)))
		journal_notice("%s: %s", service.name, line);
}

static bool look(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	CLEANUP(buf_done) struct buf said = {0};
	bool is_seen = plugin_look(ask, &service.way, ret_answer, &said, err);
	say_error(&said);
	return is_seen;
}

static bool permit(void *context, const char *name, const struct place **ret_place, int *ret_error, struct err *err) {
	CLEANUP(plugin_call_done) struct plugin_call call = {0};
	*ret_error = EINVAL;
	if (!plugin_call_read(name, &call, err))
		return false;
	*ret_error = EACCES;
	return !strcmp(call.name, service.name) ||
	       err_set(err, ERR_DENIED, name, "the plugin that runs here is %s", service.name);
}

static void refused(void *context, const char *name, int error, const struct err *err) {
	char text[sizeof err->where + sizeof err->why];
	journal_notice("refused: %s", err_text(err, text, sizeof text));
}

static void looked(void *context, const char *name, const struct err *err) {
	CLEANUP(free_ptr) char *by = xasprintf("let run by root, by vouch-plugin@%s.socket", service.name);
	CLEANUP(free_ptr)
	char *line = action_send(&(struct action){.program = "vouch-plugin", .what = name, .by = by}, err);
	if (line)
		journal_record("%s", line);
}

static bool may_ask(int connection, uid_t client) {
	struct ucred peer;
	socklen_t len = sizeof peer;
	if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	if (peer.uid == 0 || peer.uid == client)
		return true;
	journal_notice("closed to process %d of user %u: EACCES: neither the client nor root", (int)peer.pid,
		       (unsigned)peer.uid);
	return false;
}

/* Whether somebody came, and asks. */
static bool wait_for(int fd, unsigned seconds) {
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	return poll(&wait, 1, seconds ? (int)seconds * 1000 : -1) > 0;
}

/* One connection is taken whatever becomes of it: a socket unit starts this anew as long as one waits. */
static bool serve_once(int listening, const struct start_arguments *arguments, struct err *err) {
	static const struct kind kind = {.prefix = PLUGIN_PREFIX, .deadline_ms = PLUGIN_DEADLINE_MS, .look = look};
	static const struct kind *const kinds[] = {&kind, NULL};
	static const struct hand hand = {
		.kinds = kinds, .permit = permit, .refused = refused, .looked = looked, .is_single = true};
	uid_t client;
	if (!wait_for(listening, arguments->idle_s))
		return true;
	CLEANUP(close_fd) int connection = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (connection < 0)
		return err_errno(err, errno, ERR_IO, "socket", "accept");
	if (!start_find_user(arguments->client, &client, err))
		return false;
	if (may_ask(connection, client) && wait_for(connection, REQUEST_S))
		hand_serve(connection, &hand);
	return true;
}

static bool prepare(const struct start_arguments *arguments, struct err *err) {
	static const char *folders[2];
	unsigned timeout_s;
	if (!plugin_is_name(arguments->operand))
		return err_set(err, ERR_USAGE, "", "a plugin's name has letters, digits, '_' and '-', at most %d",
			       PLUGIN_NAME_LONGEST);
	if (!plugin_timeout(&timeout_s, err))
		return false;
	folders[0] = arguments->file;
	service.name = arguments->operand;
	service.way =
		(struct plugin_way){.folders = arguments->file ? folders : plugin_folders, .timeout_s = timeout_s};
	return true;
}

static int run(const struct start_arguments *arguments) {
	CLEANUP(close_fd) int listening = -1;
	struct err err, wrong;
	journal_open("plugin");
	bool is_ready = prepare(arguments, &wrong);
	if (!start_listening(arguments->socket, &listening, &err))
		return start_fail(&err, 2);
	if (!is_ready) { /* the connection that it was started for must not start it for ever */
		close(accept(listening, NULL, NULL));
		return start_fail(&wrong, 2);
	}
	bool is_done = serve_once(listening, arguments, &err);
	journal_close();
	return is_done ? 0 : start_fail(&err, 1);
}

int main(int argc, char **argv) {
	static const struct start_program program = {
		.name = "vouch-plugin", .usage = usage, .file_option = "folder", .has_operand = true};
	struct start_arguments arguments;
	int stop = start_read_arguments(&program, argc, argv, &arguments);
	return stop ? stop - 1 : run(&arguments);
}
