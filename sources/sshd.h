/* cmd:sshd-T: sshd's effective configuration, as sshd itself says it. */
#pragma once

#include "core/err.h"

/* Unless it can read everything, sshd -T leaves out what it cannot read and exits with 0. So before it is asked, every
 * file of its configuration (Include followed) and every host key that there is has to open; the first that does not is
 * the error, denied when it is for want of rights. config is the main file ("/etc/ssh/sshd_config"), base the folder of
 * relative Includes, where names errors. */
MUST_CHECK bool sshd_sees_all(const char *config, const char *base, const char *where, struct err *err);
/* What sshd -T printed with its ListenAddress lines sorted: it has them in the order of getaddrinfo(3), which depends
 * on the networks that the process sees. The caller frees. */
char *sshd_sorted(const char *text);
