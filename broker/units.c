#include "broker/units.h"

#include <string.h>

/* clang-format off */
static const struct kind *const fs[] = {
	&kind_containers,
	&kind_dpkg_verify,
	&kind_file,
	&kind_folder,
	&kind_head,
	&kind_inodes,
	&kind_tail,
	&kind_keyfile,
	&kind_link,
	&kind_luks,
	&kind_mounts,
	&kind_rpmdb,
	&kind_shadow,
	&kind_sshd,
	&kind_stat,
	&kind_statvfs,
	&kind_sudoers,
	&kind_tree,
	&kind_watch,
	NULL,
};
/* clang-format on */
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
