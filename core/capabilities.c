#include "core/capabilities.h"

#include "core/mem.h"

static const char *const names[] = {"chown",
				    "dac_override",
				    "dac_read_search",
				    "fowner",
				    "fsetid",
				    "kill",
				    "setgid",
				    "setuid",
				    "setpcap",
				    "linux_immutable",
				    "net_bind_service",
				    "net_broadcast",
				    "net_admin",
				    "net_raw",
				    "ipc_lock",
				    "ipc_owner",
				    "sys_module",
				    "sys_rawio",
				    "sys_chroot",
				    "sys_ptrace",
				    "sys_pacct",
				    "sys_admin",
				    "sys_boot",
				    "sys_nice",
				    "sys_resource",
				    "sys_time",
				    "sys_tty_config",
				    "mknod",
				    "lease",
				    "audit_write",
				    "audit_control",
				    "setfcap",
				    "mac_override",
				    "mac_admin",
				    "syslog",
				    "wake_alarm",
				    "block_suspend",
				    "audit_read",
				    "perfmon",
				    "bpf",
				    "checkpoint_restore"};

const char *capability_name(unsigned number) { return number < ARRAY_LEN(names) ? names[number] : NULL; }

json_t *capability_list(uint64_t set) {
	const uint64_t known = (UINT64_C(1) << ARRAY_LEN(names)) - 1;
	if ((set & known) == known)
		return json_pack("[s]", "all");
	json_t *list = json_array();
	for (unsigned number = 0; number < 64; number++) {
		if (!(set >> number & 1))
			continue;
		json_array_append_new(list, number < ARRAY_LEN(names) ? json_sprintf("cap_%s", names[number])
								      : json_sprintf("cap_%u", number));
	}
	return list;
}
