/* A source: named bytes on or about the host, as a check is handed them. Fetching is sources/'s work; this is what it
 * leaves behind.
 *
 * Names are "kind:rest". In use:
 *   file:/etc/passwd            the bytes of a regular file, and its metadata
 *   dir:/etc/sudoers.d          canonical JSON: [{"name","type"}...] sorted by name; type: file dir link fifo socket
 * char block stat:/etc/shadow            canonical JSON:
 * {"type","mode":"0640","uid","gid","size","mtime","nlink","link"?}, not followed tree:/etc/ssl/private       canonical
 * JSON: [{"path","type","mode","uid","gid","size","mtime"}...] below it, sorted; not crossing file systems;
 * "tree:/usr?perm=6000" only entries with one of these mode bits unit:ssh.service            canonical JSON:
 * {"LoadState","ActiveState","SubState","UnitFileState","FragmentPath",
 *                               "DropInPaths":[],"NeedDaemonReload":bool,"Result","ExecMainStartTimestamp":usec,
 *                               "MainPID","TriggeredBy":[], ...}: single Gets over the system bus
 *   journal:boots               canonical JSON: {"oldest":usec,"newest":usec,"boots":[{"id","first":usec,"last":usec}],
 *                               "files":n,"bytes":n,"persistent_files":n,"machine":bool}; an error unless it could be
 * proved that the system's journal itself was readable mounts:                     canonical JSON, from
 * /proc/1/mountinfo (own mountinfo where that is denied and it is the same namespace):
 * [{"id","parent","dev":"M:m","root","target","options":[],"type","source", "super_options":[]}...] adjtimex: canonical
 * JSON: {"state","status","maxerror","esterror","offset","freq","tai","time":sec}
 *   cmd:sshd-T?user=U&host=H&addr=A&lport=P     canonical JSON: {"exit":n,"stdout":"...","stderr":"..."}; sshd's
 * effective configuration for that connection; "cmd:sshd-T" without one. Absent: no sshd installed nft:ruleset
 * canonical JSON of `nft -j list ruleset`; unproved where there is no nft to ask shadow:                     canonical
 * JSON: [{"name","scheme","locked":bool,"empty":bool,"last_change":days|null,
 *                               "max_days":n|null,"expire":days|null}...]; never a hash
 *   sys:dm-uuid etc. are plain file: sources below /sys; links there are read with link:/sys/dev/block/8:1
 *   link:/sys/dev/block/8:1     canonical JSON: {"target": canonical absolute path}, every link followed
 *   statvfs:/                   canonical JSON: {"blocks","bfree","bavail","files","ffree","bsize","flags"}
 */
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
	char *name; /* owned */
	struct err
		err; /* code ERR_NONE: it was read; else absent, denied, unreadable, malformed, timeout or unproved */
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
 * code is one of the six). A source not fetched at all is ERR_UNPROVED: a defect of the check's sources(). */
MUST_CHECK bool source_need(const struct sources *set, const char *name, const struct source **ret_source,
			    struct err *err);
/* The same, but an absent source is true with *ret_source NULL: absence is judged, not a failed look. */
MUST_CHECK bool source_maybe(const struct sources *set, const char *name, const struct source **ret_source,
			     struct err *err);
/* The parsed value of a source that holds canonical JSON; borrowed from the source. */
MUST_CHECK bool source_json(const struct source *source, json_t **ret_value, struct err *err);
