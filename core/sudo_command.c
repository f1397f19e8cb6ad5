#include "core/sudo_command.h"

#include <fnmatch.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"

/* These let their user out into a shell, whatever they were started with. */
static const char *const ways_out[] = {"byobu", "ed",   "emacs", "ftp",     "gdb",  "less",      "mc",       "man",
				       "more",  "most", "nano",  "nvim",    "pico", "screen",    "tmux",     "vi",
				       "view",  "vigr", "vim",   "vimdiff", "vipw", "vim.basic", "vim.tiny", "visudo"};

/* These run, write or install what their arguments say. */
static const char *const with_arguments[] = {
	"adduser",   "apt",         "apt-get",  "aptitude", "ash",      "at",       "awk",        "bash",   "busybox",
	"capsh",     "chgrp",       "chmod",    "chown",    "chpasswd", "chroot",   "chsh",       "cp",     "cpan",
	"crontab",   "csh",         "curl",     "dash",     "dd",       "debugfs",  "dnf",        "docker", "doas",
	"dpkg",      "env",         "expect",   "find",     "fish",     "flock",    "gawk",       "gcc",    "gem",
	"git",       "gpasswd",     "groupmod", "insmod",   "install",  "ionice",   "journalctl", "ksh",    "ln",
	"ltrace",    "lua",         "lxc",      "make",     "mawk",     "modprobe", "mount",      "mv",     "nerdctl",
	"nice",      "nmap",        "node",     "nohup",    "npm",      "nsenter",  "passwd",     "perl",   "php",
	"pip",       "pip3",        "pkexec",   "podman",   "python",   "python2",  "python3",    "rpm",    "rsync",
	"ruby",      "runuser",     "scp",      "script",   "sed",      "service",  "setarch",    "setcap", "setfacl",
	"setsid",    "sh",          "snap",     "socat",    "ssh",      "stdbuf",   "strace",     "su",     "sudo",
	"systemctl", "systemd-run", "tar",      "taskset",  "tcpdump",  "tcsh",     "tee",        "time",   "timeout",
	"unshare",   "useradd",     "usermod",  "virsh",    "watch",    "wget",     "xargs",      "yum",    "zip",
	"zsh",       "zypper",
};

/* Who may edit one of these becomes root by it. */
static const char *const files[] = {
	"/etc/sudoers",   "/etc/sudoers.d/*", "/etc/passwd",        "/etc/shadow",
	"/etc/group",     "/etc/gshadow",     "/etc/crontab",       "/etc/cron.*/*",
	"/etc/pam.d/*",   "/etc/doas.conf",   "/etc/ld.so.preload", "/etc/profile",
	"/etc/systemd/*", "/etc/ssh/*",       "/etc/polkit-1/*",    "/root/*",
	"/usr/*",         "/boot/*",
};

static const char wild[] = "*?[^";

static const char *arguments_of(const char *command) {
	const char *blank = strchr(command, ' ');
	return blank ? blank + strspn(blank, " ") : NULL;
}

static bool is_wild(const char *text) { return strpbrk(text, wild) != NULL; }

bool sudo_command_is_wild(const char *command) { return strcmp(command, "ALL") != 0 && is_wild(command); }

static bool edits_into_root(const char *arguments) {
	if (!arguments || is_wild(arguments))
		return true;
	CLEANUP(free_ptr) char *copy = xstrdup(arguments);
	char *rest = copy, *file;
	while ((file = text_word(&rest)))
		for (size_t i = 0; i < ARRAY_LEN(files); i++)
			if (fnmatch(files[i], file, 0) == 0)
				return true;
	return false;
}

bool sudo_command_is_root(const char *command, bool no_exec) {
	const char *arguments = arguments_of(command);
	CLEANUP(free_ptr) char *path = xstrndup(command, strcspn(command, " "));
	if (!strcmp(path, "sudoedit"))
		return edits_into_root(arguments);
	if (!strcmp(path, "ALL") || is_wild(path) || text_ends(path, "/"))
		return true;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	if (text_is_one_of(name, ways_out, ARRAY_LEN(ways_out)))
		return !no_exec;
	bool is_free = !arguments || is_wild(arguments);
	return slash && is_free && text_is_one_of(name, with_arguments, ARRAY_LEN(with_arguments));
}

bool sudo_commands_meet(const char *one, const char *other) {
	CLEANUP(free_ptr) char *left = xstrndup(one, strcspn(one, " "));
	CLEANUP(free_ptr) char *right = xstrndup(other, strcspn(other, " "));
	if (!strcmp(left, "ALL") || !strcmp(right, "ALL") || text_ends(left, "/") || text_ends(right, "/"))
		return true;
	return left[0] == '^' || right[0] == '^' || fnmatch(left, right, 0) == 0 || fnmatch(right, left, 0) == 0;
}
