/* What an SSH server says before any authentication: its line of identification (RFC 4253 4.2) and its first packet,
 * KEXINIT (RFC 4253 6 and 7.1). */
#pragma once

#include "core/json.h"

#define SSH_LINES_MOST 50    /* before the identification */
#define SSH_LINE_LONGEST 255 /* bytes, with its end */
#define SSH_PACKET_LARGEST 35000

enum ssh_said { SSH_MORE, SSH_WHOLE, SSH_NOT_SSH };
/* Reads what a server says from its first byte. SSH_WHOLE: *ret_value is {"banner","kex","host_keys","ciphers_c2s",
 * "ciphers_s2c","macs_c2s","macs_s2c","compression_c2s","compression_s2c"}, all but the first lists of names in the
 * server's order. New reference. SSH_NOT_SSH: *ret_why says why, static. */
enum ssh_said ssh_read(const void *data, size_t len, json_t **ret_value, const char **ret_why);
