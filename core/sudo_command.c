#include "core/sudo_command.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

#include "core/mem.h"
#include "core/text.h"

/* These let their user out into a shell, whatever they were started with. */
static const char *const ways_out[] = {
	"byobu", "ed",    "emacs",  "ex",   "ftp",    "gdb",     "gvim",    "irb",  "less",      "lftp",
	"mc",    "man",   "more",   "most", "mysql",  "nano",    "nvim",    "pico", "psql",      "rview",
	"rvim",  "sftp",  "screen", "tmux", "vi",     "view",    "vigr",    "vim",  "vim.basic", "vim.tiny",
	"vipw",  "tclsh", "telnet", "wish", "visudo", "vimdiff", "sqlite3",
};

/* These run, write or install what their arguments say. */
static const char *const with_arguments[] = {
	"adduser", "apt",     "apt-get", "aptitude",   "ash",       "at",         "awk",
	"bash",    "busybox", "capsh",   "chgrp",      "chmod",     "chown",      "chpasswd",
	"chroot",  "chsh",    "cp",      "cpan",       "cpio",      "crontab",    "csh",
	"curl",    "dash",    "dd",      "debugfs",    "dnf",       "docker",     "doas",
	"dpkg",    "env",     "expect",  "find",       "fish",      "flock",      "gawk",
	"gcc",     "gem",     "git",     "gpasswd",    "groupmod",  "insmod",     "install",
	"ionice",  "ip",      "java",    "journalctl", "ksh",       "ln",         "logrotate",
	"ltrace",  "lua",     "lxc",     "make",       "mawk",      "modprobe",   "mount",
	"mv",      "nerdctl", "newgrp",  "nice",       "nmap",      "node",       "nohup",
	"npm",     "nsenter", "openssl", "passwd",     "perl",      "php",        "pip",
	"pip3",    "pkexec",  "podman",  "python",     "python2",   "python3",    "rlwrap",
	"rpm",     "rsync",   "ruby",    "run-parts",  "runuser",   "scp",        "script",
	"sed",     "service", "setarch", "setcap",     "setfacl",   "setsid",     "sg",
	"sh",      "snap",    "socat",   "ssh",        "ssh-agent", "ssh-keygen", "start-stop-daemon",
	"stdbuf",  "strace",  "su",      "sudo",       "sysctl",    "systemctl",  "systemd-run",
	"tar",     "taskset", "tcpdump", "tcsh",       "tee",       "time",       "timeout",
	"unshare", "unzip",   "useradd", "usermod",    "virsh",     "watch",      "wget",
	"xargs",   "yum",     "zip",     "zsh",        "zypper",
};

/* Of those: without a file or command to run they ask for one. */
static const char *const shells[] = {"ash",  "bash",    "csh",  "dash", "doas", "expect", "fish",
				     "ksh",  "lua",     "node", "perl", "php",  "pkexec", "python",
				     "ruby", "runuser", "sh",   "sudo", "tcsh", "zsh"};

/* Of those: they run the command that stands somewhere in their arguments. */
static const char *const runners[] = {"busybox", "chroot",  "doas",    "env",    "flock",       "ionice",  "ltrace",
				      "nice",    "nohup",   "nsenter", "pkexec", "runuser",     "script",  "setarch",
				      "setsid",  "stdbuf",  "strace",  "sudo",   "systemd-run", "taskset", "time",
				      "timeout", "unshare", "watch",   "xargs"};

/* Of those: they write to files that their arguments name, the last, or anywhere. */
static const char *const writers[] = {"cp", "dd", "install", "ln", "mv", "tee"};

/* What lies here can be changed by who is not root. */
static const char *const open_folders[] = {"/dev/shm/", "/home/", "/tmp/", "/var/tmp/"};

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

static bool is_root_file(const char *path) {
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (fnmatch(files[i], path, 0) == 0)
			return true;
	return false;
}

static bool edits_into_root(const char *arguments) {
	if (!arguments || is_wild(arguments))
		return true;
	CLEANUP(free_ptr) char *copy = xstrdup(arguments);
	char *rest = copy, *file;
	while ((file = text_word(&rest)))
		if (is_root_file(file))
			return true;
	return false;
}

/* "python3.11" is python, "vim.nox" vim, "gcc-12" gcc. The caller frees. */
static char *without_version(const char *name) {
	size_t len = strcspn(name, ".");
	while (len > 1 && (isdigit((unsigned char)name[len - 1]) || name[len - 1] == '-'))
		len--;
	return xstrndup(name, len);
}

static bool is_in(const char *name, const char *const *list, size_t count) {
	CLEANUP(free_ptr) char *bare = without_version(name);
	return text_is_one_of(name, list, count) || text_is_one_of(bare, list, count);
}

/* What fixed arguments come to. */
struct arguments {
	unsigned operands; /* words that are neither options, numbers nor "" */
	bool has_command;  /* -c, --command */
	bool edits;        /* -e */
	bool writes_root;  /* a file that makes root is named: the last, or behind "of=" */
	bool names_root;
	char *last; /* owned */
};

static void arguments_done(struct arguments *arguments) { free(arguments->last); }

static struct arguments read_arguments(const char *text, bool any_file) {
	struct arguments all = {.last = xstrdup("")};
	CLEANUP(free_ptr) char *copy = xstrdup(text);
	for (char *rest = copy, *word; (word = text_word(&rest));) {
		const char *file = text_starts(word, "of=") ? word + 3 : word;
		bool is_file = is_root_file(file);
		all.has_command |= !strcmp(word, "-c") || text_starts(word, "--command");
		all.edits |= !strcmp(word, "-e");
		all.names_root |= !strcmp(word, "root");
		all.writes_root = is_file || (any_file && all.writes_root);
		all.operands += *word != '-' && *word != '+' && *word != '"' && !isdigit((unsigned char)*word);
		free(all.last);
		all.last = xstrdup(word);
	}
	return all;
}

static bool is_root_by_name(const char *path, const char *arguments, bool no_exec);

/* Whether a command that makes root stands among the arguments, to be run. */
static bool runs_root(const char *arguments, bool no_exec) {
	for (const char *at = arguments; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");
		CLEANUP(free_ptr) char *word = xstrndup(at, len);
		const char *rest = at + len + strspn(at + len, " ");
		if (is_root_by_name(word, *rest ? rest : NULL, no_exec))
			return true;
		at += len;
	}
	return false;
}

/* "su -" is a shell of root, "su - backup" is not, nor is one command. */
static bool is_su_root(const struct arguments *all) {
	bool is_other = *all->last != '-' && *all->last != '"' && !strchr(all->last, '/');
	return !all->has_command && (all->operands == 0 || all->names_root || !is_other);
}

static bool is_root_with(const char *name, const char *text, bool no_exec) {
	CLEANUP(arguments_done)
	struct arguments all = read_arguments(text, !strcmp(name, "tee") || !strcmp(name, "dd"));
	if (!strcmp(name, "su"))
		return is_su_root(&all);
	if (!strcmp(name, "crontab"))
		return all.edits;
	if (!strcmp(name, "passwd"))
		return all.operands == 0 || all.names_root;
	if (is_in(name, shells, ARRAY_LEN(shells)) || !strcmp(name, "nsenter") || !strcmp(name, "unshare"))
		if (all.operands == 0)
			return true;
	if ((!strcmp(name, "chroot") || !strcmp(name, "script")) && all.operands <= 1)
		return true;
	if (is_in(name, writers, ARRAY_LEN(writers)) && all.writes_root)
		return true;
	return is_in(name, runners, ARRAY_LEN(runners)) && !no_exec && runs_root(text, no_exec);
}

static bool is_root_by_name(const char *path, const char *arguments, bool no_exec) {
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	if (is_in(name, ways_out, ARRAY_LEN(ways_out)))
		return !no_exec;
	if (!is_in(name, with_arguments, ARRAY_LEN(with_arguments)))
		return false;
	return !arguments || is_wild(arguments) || is_root_with(name, arguments, no_exec);
}

bool sudo_command_is_root(const char *command, bool no_exec) {
	const char *arguments = arguments_of(command);
	CLEANUP(free_ptr) char *path = xstrndup(command, strcspn(command, " "));
	if (!strcmp(path, "sudoedit"))
		return edits_into_root(arguments);
	if (!strcmp(path, "ALL") || is_wild(path) || text_ends(path, "/"))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(open_folders); i++)
		if (text_starts(path, open_folders[i]))
			return true;
	return strchr(path, '/') && is_root_by_name(path, arguments, no_exec);
}

bool sudo_commands_meet(const char *one, const char *other) {
	CLEANUP(free_ptr) char *left = xstrndup(one, strcspn(one, " "));
	CLEANUP(free_ptr) char *right = xstrndup(other, strcspn(other, " "));
	if (!strcmp(left, "ALL") || !strcmp(right, "ALL") || text_ends(left, "/") || text_ends(right, "/"))
		return true;
	return left[0] == '^' || right[0] == '^' || fnmatch(left, right, 0) == 0 || fnmatch(right, left, 0) == 0;
}
