/* owned: whether what counts on this host is written by root alone. Who may write settings, a policy or an approver's
 * key decides what passes here. */
#pragma once

#include "agent/settings.h"

/* The file of settings where it is there, each policy that they name, the folder of policies and all that counts in it,
 * and where approvals are demanded the folder of approvers: each, what a link of that name leads to, and every folder
 * on the way belong to root or to whom this process is, and nobody else may write to them. A group may where it is
 * root's, or this process' own in what is its user's own; of the folders on the way one like /tmp may be everybody's.
 * ERR_REFUSED names what is not so. What is not there is nobody's. */
MUST_CHECK bool owned_configuration(const char *path, const struct settings *settings, struct err *err);
