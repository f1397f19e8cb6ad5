#include "sources/capability.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t capability_effective(void) {
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
	if (syscall(SYS_capget, &head, data) != 0)
		return 0;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

bool capability_is_inherited(void) {
	uint64_t effective = capability_effective();
	for (unsigned long i = 0; i < 64 && geteuid() != 0; i++)
		if (((effective >> i) & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, i, 0UL, 0UL) != 1)
			return false;
	return true;
}
