/* For a child: a /run of its own, with what stands there for systemd and for its bus. Needs root. */
#pragma once

#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define OWN_RUN_BUS "/run/dbus/system_bus_socket"

/* The bus's listening socket; a process in which it cannot be made ends with 101. */
static inline int own_run_make(void) {
	struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = OWN_RUN_BUS};
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) != 0 || mkdir("/run/systemd", 0755) != 0 ||
	    mkdir("/run/systemd/system", 0755) != 0 || mkdir("/run/dbus", 0755) != 0 ||
	    bind(listening, (struct sockaddr *)&address, sizeof address) != 0 || listen(listening, 4) != 0)
		_exit(101);
	return listening;
}
