/* sshd's effective configuration for connections: as sshd says it (sshd -T -C), or, where it cannot be asked, as its
 * files have it: Include, the first value wins, a Match block over what stands outside of all. What is not set there is
 * known only where OpenSSH's default never changed, and for PermitRootLogin where dpkg says that sshd is 7.0 or later.
 */
#pragma once

#include "core/sshd_connections.h"

struct sshd_effective {
	json_t *connections; /* [{"user","address","connection","values":{keyword in lower case: [text...]}}...]; a
				keyword that stands on several lines has several texts. Owned */
	bool installed;      /* false: there is no sshd, and no connection */
	bool by_files;       /* sshd could not be asked */
};

void sshd_effective_ask(const struct names *users, const struct names *addresses, const struct sources *fetched,
			struct names *names);
/* The patterns of what it adds where files lie where they usually do. */
void sshd_effective_paths(struct names *patterns);
/* may_use_files: else it is unproved where sshd cannot be asked. The caller sshd_effective_done()s. */
MUST_CHECK bool sshd_effective_read(const struct names *users, const struct names *addresses,
				    const struct sources *fetched, bool may_use_files,
				    struct sshd_effective *ret_effective, struct err *err);
void sshd_effective_done(struct sshd_effective *effective);
