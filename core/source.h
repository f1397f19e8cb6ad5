/* A source: named bytes on or about the host, as a check is handed them. Fetching is sources/'s work; this is what it
 * leaves behind. What is canonical JSON has a line for its shape.
 *
 * Names are "kind:rest". In use:
 *
 * file:/etc/passwd - the bytes of a regular file, and its metadata. (/sys and /proc are read like this too.)
 * head:/var/lib/clamav/main.cvd - the first 512 bytes of a regular file of any size, up to a NUL byte, as text
 *   {"head","size","mtime"}
 * tail:/var/log/dpkg.log - the end of a log, at most its last 512 KiB, from the beginning of a line
 * inodes:file:/etc/hosts - which inodes the path of that source means now: of each folder on the way with the name that
 *   is looked up in it, and of what is at its end; for a link there, the way from where it leads next; null: it is not
 * there, or not to be opened
 *   [{"steps":[[["fe:00",inode]|null,"etc"]...],"end":["fe:00",inode]|null}...]
 * dir:/etc/sudoers.d - its entries, sorted by name; type: file dir link fifo socket char block
 *   [{"name","type"}...]
 * stat:/etc/shadow - links not followed; "link" is the target's text; "acl" whom an access list names beside owner
 *   and group, as far as its mask lets them, "default_acl" the same for what is made in a folder; "caps" a program's
 *   capabilities; sources/attributes.h
 *   {"type","mode":"0640","uid","gid","size","mtime","nlink","link"?,"acl":["user:1000:r--"...]?,"default_acl"?,
 *    "caps":"cap_net_raw=ep"?}
 * tree:/etc/ssl/private - everything below it, sorted by path (absolute), not crossing file systems, links not
 * followed; tree:/usr?perm=6000 - only entries with one of these mode bits, links left out, without access lists
 * and capabilities; tree:/usr?caps - only files with capabilities. Denied as a whole where one folder is.
 *   [{"path","type","mode","uid","gid","size","mtime","acl"?,"default_acl"?,"caps"?}...]
 * link:/sys/dev/block/8:1 - every link followed, absolute
 *   {"target"}
 * statvfs:/ - blocks are of bsize bytes (f_frsize); how it is mounted, mounts: says
 *   {"blocks","bfree","bavail","files","ffree","bsize"}
 * shadow: - sources/shadow.h; never a hash
 *   [{"name","scheme","locked":bool,"empty":bool,"last_change":days|null,"max_days":n|null,"expire":days|null}...]
 * unit:ssh.service - single Gets over the system bus. A unit that is not there has the LoadState "not-found". Result,
 *   MainPID and ExecMainStartTimestamp only for names that end in .service
 *   {"LoadState","ActiveState","SubState","UnitFileState","FragmentPath","DropInPaths":[],"NeedDaemonReload":bool,
 *    "TriggeredBy":[],"Result","MainPID","ExecMainStartTimestamp":usec}
 * service:vouchd.service - the same way, how a service is kept alive and within what bounds; capabilities by name,
 *   ["all"] where none is taken away
 *   {"LoadState","ActiveState","UnitFileState","MainPID","Result","Restart","NRestarts","WatchdogUSec","User",
 *    "NoNewPrivileges":bool,"CapabilityBoundingSet":["cap_chown"...],"AmbientCapabilities":[],"ExecMainStatus",
 *    "ExecMainExitTimestamp":usec, 0 while its main process runs or where none has since the boot}
 * journal:boots - an error unless it could be proved that the system's journal itself was readable; sources/journal.h
 *   {"oldest":usec,"newest":usec,"boots":[{"id","first":usec,"last":usec}],"files":n,"bytes":n,"persistent_files":n,
 *    "machine":bool,"broken":n}
 * journal:events?since=604800 - counts of classes of entries, gaps and steps of the clock in the last so many seconds;
 *   no messages; errors as for journal:boots; sources/journal_events.h
 *   {"since":usec,"until":usec,"covered":bool,"first":usec,"newest":usec,"newest_boot",
 *    "files":n,"broken":n,"machine":bool,
 *    "classes":{name:{"count","more":bool,"sum"?,"first":usec,"last":usec}...},
 *    "marks":[{"what","at":usec,"boot"}...],"more_marks":bool,
 *    "gaps":[{"from":usec,"to":usec,"from_boot","to_boot"}...],"more_gaps":bool,
 *    "steps":[{"at":usec,"by":usec,"uptime":usec,"boot"}...],"more_steps":bool,"sample":{...}}
 * journal:unit:ssh.service - what the service manager did with a unit in the last day, newest first; errors as for
 *   journal:boots; sources/journal_unit.h
 *   {"changes":[{"at":usec,"what":"started"|"stopped"|"reloaded"|"failed"}...],"covered":bool}
 * luks:/dev/sda3 - what the LUKS header of a device says, without salts and digests; sources/luks.h. A device that was
 *   read and has no such header is {"luks":false}
 *   {"luks":true,"version","uuid","label","subsystem","segments":[{"type","cipher"?,"sector_size"?}...],
 *    "keyslots":[{"slot","type","key_bits","cipher"?,"kdf"?,"hash"?,"iterations"?,"time"?,"memory"?,"cpus"?}...],
 *    "digests":[{"kdf","hash","iterations"}...],"tokens":[{"type","keyslots":[n...]}...],
 *    "requirements":[]}
 * keyfile:/root/.ssh/id_ed25519 - whether a private key is in the file, and open; sources/keyfile.h
 *   {"key":true,"format":"openssh"|"pem","encrypted":bool} or {"key":false}
 * containers: - what the containers that run now may do, without environment and arguments; sources/containers.h
 *   [{"runtime","id","caps":[],"devices":bool,"host":["network"...],"user_namespace":bool,"seccomp":bool,
 *     "no_new_privileges":bool,"writable":bool,"mounts":["/var/run/docker.sock"...]}...]
 * mounts: - from /proc/1/mountinfo (the own one where that is denied and it is the same namespace)
 *   [{"id","parent","dev":"M:m","root","target","options":[],"type","source","super_options":[]}...]
 * sockets:listen - what listens on TCP and UDP, sorted, cgroup and unit null where that cannot be told;
 * sources/sockets.h
 *   [{"proto":"tcp","addr","port","uid","inode","cgroup","unit","interface"?,"v6only"?}...]
 * netfile:PID/tcp - the same in another network namespace, from /proc/PID/net/tcp (tcp6, udp, udp6), owners unknown
 *   [{"proto":"tcp","addr","port","uid","inode"}...]
 * netns: - network namespaces that processes are in, each with the lowest of them; first: that of the first process
 *   [{"inode","pid","first":bool}...]
 * audit:status - what the kernel's audit has been told; absent: it has none; sources/audit.h
 *   {"enabled":0..2,"failure","pid","rate_limit","backlog_limit","lost","backlog","backlog_wait_time"?}
 * audit:rules - "text" is auditctl's own line for the rule
 *   [{"list","action","arch":"b64"|"b32"|null,"syscalls":[],"fields":[{"field","op","value"}...],"keys":[],
 *     "watch":bool,"text"}...]
 * processes: - all but kernel threads; sources/processes.h
 *   [{"pid","uid","comm","exe","deleted":bool,"unit","maps":["/usr/lib/replaced.so"...],"own_mounts":bool,
 *     "own_pids":bool}...]
 * adjtimex:
 *   {"state","status","maxerror","esterror","offset","freq","tai","time":sec}
 * now: - the time of day, where adjtimex: may be denied
 *   {"time":sec}
 * cmd:sshd-T?user=U&host=H&addr=A[&laddr=L]&lport=P - sshd's effective configuration for that connection, cmd:sshd-T
 * without one. Absent: no sshd installed; unreadable, with its own words, where it refuses
 *   {"exit":0,"stdout","stderr"}
 * cmd:cvtsudoers - who may do what through sudo, as cvtsudoers writes it; unreadable where sudo would refuse a file of
 * it, unproved where sudo.conf names another policy. Absent: no sudo; sources/sudoers.h
 *   {"Defaults"?:[],"User_Aliases"?:{},"Runas_Aliases"?:{},"Host_Aliases"?:{},"Command_Aliases"?:{},"User_Specs"?:[]}
 * rpmdb: - the packages of the rpm database, sorted; installed: seconds; sources/rpmdb.h. Absent: there is none. Below
 * a root folder it is that folder's, or what lies in its .vouch
 *   [{"name","epoch"?,"version","release","arch"?,"installed"}...]
 * plugin:NAME?ARGUMENT&ARGUMENT - what a plugin prints when it is run so; core/plugin_call.h, core/plugin_output.h,
 *   sources/plugin.h. Unapproved: root has not enabled it
 *   {"exit":0..3,"output"}
 * previous:RULE - the last observation of a rule by who asks now: its rows as they stand in the evidence, when, and in
 *   which boot ("" where that is not known). Unproved: a first look, or nobody who remembers (agent/memory.h)
 *   {"observed":[rows],"collectedAt":"2026-11-18T11:06:40Z","bootId"}
 * units:failed - the names of all loaded units that have failed, sorted
 *   ["a.service"...]
 * cmd:chronyc - what chronyd follows; absent: no chronyc installed; sources/chronyc.h
 *   {"refid","stratum","leap","sources":[{"mode","state","address","name","stratum","reach"}...]}
 * bus:timesync - what systemd-timesyncd follows; absent: it does not run. link: servers that a network handed out;
 *   packet: the server's last
 *   {"server","address","link":[],"system":[],"fallback":[],"packet":{"leap","stratum","packets"}}
 * dpkg:verify - files of packages held against dpkg's digests: programs and libraries; dpkg:verify?all: all but those
 * below /etc; sources/dpkg_verify.h. Absent: no dpkg
 *   {"packages","files","bytes","database_sha256","differing":[{"path","package","how":"changed"|"absent"|"denied"|
 *    "no file"|"no digest"}...],"differing_count","absent_doc","unlisted":[],"unlisted_count"}
 * nft:ruleset - `nft -j list ruleset` without handles and without what counters have counted; unproved where there is
 * no nft to ask.
 *
 * Active probes reach out to other machines, only where the approvals file names them (core/approvals.h), else
 * unapproved; sources/probe.h has what their other errors mean.
 *
 * canary:log - what became of a message of ours in this host's log; approved like the others; sources/canary.h
 *   {"paths":[{"path":"syslog"|"journal","sent":bool,"why"?,"found":bool,"latency_us"?,"host"?:bool,"severity"?:bool}...],
 *    "waited_us"}
 * tls:host:port[?starttls=smtp][&sni=name] - "?" before the first of them; sources/talk.h has the protocols. true: a
 *   ServerHello of that version came back; false: it was refused; null: neither, by a closed connection or silence. At
 *   least one is true. verify: "ok" or OpenSSL's words why not, for the name and the system's CAs; chain: the same
 *   whatever the name; null where there are no CAs or no certificate was shown; certificates in the order in which they
 *   came, null likewise. cipher and group (null: none) of the one handshake, at the highest version; null where it
 * failed
 *   {"versions":{"SSLv3","TLSv1.0","TLSv1.1","TLSv1.2","TLSv1.3"},"handshake":bool,"cipher","group","verify","chain",
 *    "certificates":[core/certificate.h, and "der" in base64...]}
 * dns:name/type[+tcp]@server[:port] - answers without times to live, sorted, their data as zone files have it; ra: the
 *   server recurses for others; ad: it says that it validated; ede: its first extended error (RFC 8914); truncated: it
 *   came over TCP, as UDP was cut. +tcp: over TCP alone
 *   {"rcode":"NOERROR","ra":bool,"ad":bool,"ede":n|null,"truncated":bool,"answers":[{"name","type","data"}...]}
 * http:url[?via=proxy[:port]] - one GET, redirects not followed; headers: content-type location server
 *   strict-transport-security, those that came; the body's are null where it has more than 64 KiB. proxy_status: what a
 *   proxy answered to CONNECT; where it refused, status is null
 *   {"status":n|null,"proxy_status":n|null,"headers":{},"body_len":n|null,"body_sha256":hex|null}
 * ssh:host:port - before any authentication, lists in the server's order
 *   {"banner","kex":[],"host_keys":[],"ciphers_c2s":[],"ciphers_s2c":[],"macs_c2s":[],"macs_s2c":[],
 *    "compression_c2s":[],"compression_s2c":[]}
 * greeting:host:port - what a listener speaks, told from what it says first or answers to a few small questions; null:
 *   nothing that is known. sources/greeting.h
 *   {"service":"tls"|"ssh"|"smtp"...|null,"starttls":bool|null,"cleartext":bool|null}
 * suites:host:port, with what tls: takes behind it - cipher suites, and groups of TLS 1.3, that the server takes, by
 * IANA's names; complete: false where one list did not end in a refusal, so that there may be more
 *   {"suites":[{"version":"TLSv1.2","suite"}...],"groups":["x25519"...],"complete":bool}
 * ntp:server[:port] - offset_us and delay_us are of that one query; leap 3: the server's clock is not set
 *   {"stratum","leap","refid","offset_us","delay_us"} */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/hash.h"
#include "core/json.h"

#define SOURCE_NAME_LONGEST 4096
#define SOURCE_LARGEST (16U << 20) /* bytes; a larger one is unreadable: "over the cap" */
#define SOURCES_MOST 20000         /* in one round */

struct source_meta {
	bool known;    /* file: sources only */
	uint32_t mode; /* permission bits, 07777 */
	uint32_t uid, gid, nlink;
	int64_t size, mtime, ctime; /* bytes; seconds */
};

struct source {
	char *name;       /* owned */
	struct err err;   /* code ERR_NONE: it was read; else one of the seven of core/err.h */
	struct buf bytes; /* owned; empty unless read */
	struct source_meta meta;
	struct hash sha256; /* of bytes */
	json_t *json;       /* parsed once on first demand by source_json(); owned */
};

/* The sources of one round, by name. */
struct sources;
struct sources *sources_new(void);
void sources_free(struct sources *set);
DEFINE_CLEANUP(struct sources, sources_free)
/* The source, or NULL when it was never fetched. */
struct source *sources_get(const struct sources *set, const char *name);
/* An empty one under this name, owned by the set; the name must be new. Pointers stay valid as the set grows. */
struct source *sources_add(struct sources *set, const char *name);
size_t sources_count(const struct sources *set);
/* The i-th in order of adding. */
struct source *sources_at(const struct sources *set, size_t index);

/* What a check uses. Each gives a source that was read, or the reason why not, in *err (the source's own error, whose
 * code is one of the seven). A source not fetched at all is ERR_UNPROVED: a defect of the check's sources(). */
MUST_CHECK bool source_need(const struct sources *set, const char *name, const struct source **ret_source,
			    struct err *err);
/* The same, but an absent source is true with *ret_source NULL: absence is judged, not a failed look. */
MUST_CHECK bool source_maybe(const struct sources *set, const char *name, const struct source **ret_source,
			     struct err *err);
/* The parsed value of a source that holds canonical JSON; borrowed from the source. A list where an object is due, or
 * the other way round, is malformed. */
MUST_CHECK bool source_json(const struct source *source, json_t **ret_value, struct err *err);
/* Both in one: the parsed value of what source_need() and source_maybe() give. Only the latter's may be NULL: absent.
 */
MUST_CHECK bool source_need_json(const struct sources *set, const char *name, json_t **ret_value, struct err *err);
MUST_CHECK bool source_maybe_json(const struct sources *set, const char *name, json_t **ret_value, struct err *err);
/* Seconds by which a time that somebody else's clock gave may be ahead of "now:"; more, and no age can be told. */
#define SOURCE_CLOCK_SLACK 3600
/* What a probe's peer let it feel, where it gave no answer: for looks that ask whether a way is closed. All else, a
 * probe that was not made or not done in time among it, tells nothing. */
enum probe_end {
	PROBE_ANSWERED,
	PROBE_REFUSED, /* ERR_ABSENT: the connection, or the port */
	PROBE_SILENT,  /* ERR_TIMEOUT that begins with PROBE_SILENCE: sent, and nothing at all came back */
	PROBE_HELD, /* ERR_DENIED that has PROBE_NOT_SENT in it: this host's packet filter or routes let nothing out */
	PROBE_UNTOLD,
};
#define PROBE_SILENCE "the peer does not answer"
#define PROBE_NOT_SENT "not let out: "
/* How it ended; *ret_value (borrowed) where it answered, else *err. */
enum probe_end source_probe(const struct sources *set, const char *name, json_t **ret_value, struct err *err);
/* The instant of the look, seconds, from "now:". */
MUST_CHECK bool source_now(const struct sources *set, int64_t *ret_now, struct err *err);
