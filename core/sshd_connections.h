/* The connections that tell the Match blocks of an sshd configuration apart, so that sshd can be asked what it would do
 * with each (sshd_config(5), sshd -T -C). Patterns that exclude make a connection too: whom a block leaves out is let
 * in by what stands elsewhere. */
#pragma once

#include "core/sshd_config.h"

#define SSHD_CONNECTIONS_MOST 512

/* Adds what is needed: the accounts and groups of this host, and who else may know some. */
void sshd_connections_ask(struct names *names);
/* [{"name": "cmd:sshd-T?...","user","address","connection","blocks":[index]}...], new reference. blocks: those that
 * take it in, as this host's files tell; null for Match invalid-user, which they do not. Each of these users and one
 * account or example for each set of User and Group criteria that it meets, from each of these addresses and by each
 * way that a block names. "connection" is "USER from ADDRESS" for what was asked for, else names the blocks. Unproved:
 * a criterion for which no connection can be made up, a group that somebody else than this host's files may know. */
MUST_CHECK bool sshd_connections(const struct sshd_config *config, const struct sources *fetched,
				 const struct names *users, const struct names *addresses, json_t **ret_list,
				 struct err *err);
