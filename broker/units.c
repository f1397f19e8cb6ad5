#include "broker/units.h"

#include <string.h>

static const struct kind *const fs[] = {&kind_file,    &kind_folder, &kind_stat,   &kind_tree,  &kind_link,
					&kind_statvfs, &kind_shadow, &kind_mounts, &kind_sshd,  &kind_luks, &kind_keyfile,
					&kind_sudoers, &kind_head,   &kind_rpmdb,  &kind_watch, NULL};
static const struct kind *const net[] = {&kind_nft,     &kind_chronyc,    &kind_sockets,
					 &kind_netfile, &kind_notify_nft, NULL};
static const struct kind *const audit[] = {&kind_audit_status, &kind_audit_rules, NULL};
static const struct kind *const audit_notices[] = {&kind_notify_audit, NULL};
static const struct kind *const ptrace[] = {&kind_processes, &kind_netns, NULL};

static const struct unit units[] = {
	{.name = "fs", .kinds = fs, .runs_commands = true},
	{.name = "net", .kinds = net, .runs_commands = true, .needs_network = true},
	{.name = "audit", .kinds = audit},
	{.name = "audit-notices", .kinds = audit_notices, .needs_network = true},
	{.name = "ptrace", .kinds = ptrace},
};

const struct unit *unit_find(const char *name) {
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (!strcmp(units[i].name, name))
			return &units[i];
	return NULL;
}
