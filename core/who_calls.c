#include "core/who_calls.h"

#include <fcntl.h>

#include "core/mem.h"

#define X86_64 0xc000003eU
#define I386 0x40000003U
#define ARM64 0xc00000b7U

struct row {
	short x86_64, i386, arm64; /* numbers; -1: the machine has no such call */
	struct who_call call;
};

/* clang-format off */
static const struct row rows[] = {
	{2, 5, -1, {WHO_CALL_OPENS, 1, 0}},          /* open */
	{257, 295, 56, {WHO_CALL_OPENS, 2, 1}},      /* openat */
	{437, 437, 437, {WHO_CALL_OPENS, -1, 1}},    /* openat2 */
	{85, 8, -1, {WHO_CALL_WRITES, 0, 0}},        /* creat */
	{76, 92, 45, {WHO_CALL_WRITES, 0, 0}},       /* truncate */
	{-1, 193, -1, {WHO_CALL_WRITES, 0, 0}},      /* truncate64 */
	{77, 93, 46, {WHO_CALL_WRITES, 0, 0}},       /* ftruncate */
	{-1, 194, -1, {WHO_CALL_WRITES, 0, 0}},      /* ftruncate64 */
	{90, 15, -1, {WHO_CALL_WRITES, 0, 0}},       /* chmod */
	{91, 94, 52, {WHO_CALL_WRITES, 0, 0}},       /* fchmod */
	{268, 306, 53, {WHO_CALL_WRITES, 0, 1}},     /* fchmodat */
	{452, 452, 452, {WHO_CALL_WRITES, 0, 1}},    /* fchmodat2 */
	{92, 182, -1, {WHO_CALL_WRITES, 0, 0}},      /* chown */
	{-1, 212, -1, {WHO_CALL_WRITES, 0, 0}},      /* chown32 */
	{93, 95, 55, {WHO_CALL_WRITES, 0, 0}},       /* fchown */
	{-1, 207, -1, {WHO_CALL_WRITES, 0, 0}},      /* fchown32 */
	{94, 16, -1, {WHO_CALL_WRITES, 0, 0}},       /* lchown */
	{-1, 198, -1, {WHO_CALL_WRITES, 0, 0}},      /* lchown32 */
	{260, 298, 54, {WHO_CALL_WRITES, 0, 1}},     /* fchownat */
	{188, 226, 5, {WHO_CALL_WRITES, 0, 0}},      /* setxattr */
	{189, 227, 6, {WHO_CALL_WRITES, 0, 0}},      /* lsetxattr */
	{190, 228, 7, {WHO_CALL_WRITES, 0, 0}},      /* fsetxattr */
	{197, 235, 14, {WHO_CALL_WRITES, 0, 0}},     /* removexattr */
	{198, 236, 15, {WHO_CALL_WRITES, 0, 0}},     /* lremovexattr */
	{199, 237, 16, {WHO_CALL_WRITES, 0, 0}},     /* fremovexattr */
	{82, 38, -1, {WHO_CALL_LINKS, 0, 0}},        /* rename */
	{264, 302, 38, {WHO_CALL_LINKS, 0, 5}},      /* renameat */
	{316, 353, 276, {WHO_CALL_LINKS, 0, 5}},     /* renameat2 */
	{86, 9, -1, {WHO_CALL_LINKS, 0, 0}},         /* link */
	{265, 303, 37, {WHO_CALL_LINKS, 0, 5}},      /* linkat */
	{88, 83, -1, {WHO_CALL_LINKS, 0, 0}},        /* symlink */
	{266, 304, 36, {WHO_CALL_LINKS, 0, 2}},      /* symlinkat */
	{87, 10, -1, {WHO_CALL_LINKS, 0, 0}},        /* unlink */
	{263, 301, 35, {WHO_CALL_LINKS, 0, 1}},      /* unlinkat */
	{83, 39, -1, {WHO_CALL_LINKS, 0, 0}},        /* mkdir */
	{258, 296, 34, {WHO_CALL_LINKS, 0, 1}},      /* mkdirat */
	{84, 40, -1, {WHO_CALL_LINKS, 0, 0}},        /* rmdir */
	{133, 14, -1, {WHO_CALL_LINKS, 0, 0}},       /* mknod */
	{259, 297, 33, {WHO_CALL_LINKS, 0, 1}},      /* mknodat */
};
/* clang-format on */

struct who_call who_call_of(uint32_t arch, unsigned number) {
	if (number <= INT16_MAX)
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			int own = arch == X86_64  ? rows[i].x86_64
				  : arch == I386  ? rows[i].i386
				  : arch == ARM64 ? rows[i].arm64
						  : -1;
			if (own == (int)number)
				return rows[i].call;
		}
	return (struct who_call){WHO_CALL_OTHER, 0, 0};
}

bool who_flags_write(uint64_t flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC); }
