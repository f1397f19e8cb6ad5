#include "verify/anchors.h"

#include "core/text.h"
#include "core/times.h"

#define HEAD "log/checkpoint"
#define FOLDER "log/anchors/"

static void anchor_done(struct anchor *anchor) {
	free(anchor->name);
	free(anchor->authority);
	*anchor = (struct anchor){0};
}

void anchors_done(struct anchors *anchors) {
	for (size_t i = 0; i < anchors->count; i++)
		anchor_done(&anchors->items[i]);
	anchor_done(&anchors->head);
	free(anchors->items);
	free(anchors->earliest);
	free(anchors->latest);
	free(anchors->origin);
	*anchors = (struct anchors){0};
}

/* --- the log's own signature -------------------------------------------------------------------------------------- */

/* By any log key of the trust with this origin. */
static bool open_checkpoint(const struct trusted *trusted, const char *origin, const struct buf *note, const char *name,
			    struct checkpoint *ret_checkpoint, struct err *err) {
	bool has_key = false;
	for (size_t i = 0; i < trusted->trust->log_count; i++) {
		const struct note_verifier *log = trusted->trust->logs[i];
		if (strcmp(log->name, origin) != 0)
			continue;
		has_key = true;
		if (checkpoint_open(buf_str(note), note->len, log, ret_checkpoint, err))
			return true;
	}
	return has_key ? false
		       : err_set(err, ERR_REFUSED, name, "the trust file has no key of a log of the name \"%s\"",
				 origin);
}

/* --- witnesses ---------------------------------------------------------------------------------------------------- */

static void take_witnesses(const struct trusted *trusted, const struct buf *note, struct anchor *anchor,
			   struct found *found) {
	struct witness_policy_view view;
	struct err err;
	if (!trusted->witnesses)
		return;
	if (!witness_policy_view(trusted->witnesses, buf_str(note), note->len, &view, &err)) {
		found_err(found, FOUND_ANCHORS, anchor->name, &err);
		return;
	}
	anchor->witnesses = view.count;
	/* A policy that asks for nobody is met by nobody. */
	anchor->is_witnessed = view.is_met && view.count > 0 && trusted->witnesses->quorum != SIZE_MAX;
	anchor->witnessed = INT64_MIN;
	for (size_t i = 0; i < trusted->witnesses->witness_count; i++)
		if (view.cosigned[i].is_there && view.cosigned[i].time > anchor->witnessed)
			anchor->witnessed = view.cosigned[i].time;
}

/* --- time-stamps -------------------------------------------------------------------------------------------------- */

struct chain {
	struct timestamp_stored items[TIMESTAMP_RENEWALS_MOST];
	size_t count;
};
static void chain_done(struct chain *chain) {
	for (size_t i = 0; i < chain->count; i++)
		timestamp_stored_done(&chain->items[i]);
}

static bool read_beside(const struct package *package, const char *name, struct buf *ret_pem, struct err *err) {
	return !package_find(package, name) || package_read(package, name, TIMESTAMP_PEM_LARGEST, ret_pem, err);
}

/* timestamp-1.tsr and .pem, -2 and so on beside the checkpoint. */
static bool read_chain(const struct package *package, const char *folder, struct chain *chain, struct err *err) {
	for (size_t n = 1;; n++) {
		CLEANUP(free_ptr) char *response = xasprintf("%stimestamp-%zu.tsr", folder, n);
		CLEANUP(free_ptr) char *pem = xasprintf("%stimestamp-%zu.pem", folder, n);
		if (!package_find(package, response))
			return true;
		if (chain->count == TIMESTAMP_RENEWALS_MOST)
			return err_set(err, ERR_TOO_BIG, folder, "more than %d time-stamps", TIMESTAMP_RENEWALS_MOST);
		struct timestamp_stored *stored = &chain->items[chain->count++];
		if (!package_read(package, response, TIMESTAMP_RESPONSE_LARGEST, &stored->response, err) ||
		    !read_beside(package, pem, &stored->certificates, err))
			return false;
	}
}

bool anchors_is_stranger(const struct err *err) {
	return err->code == ERR_REFUSED && text_starts(err->why, "not by a trusted authority");
}

static void take_stamps(const struct package *package, const struct trusted *trusted, const char *folder,
			const struct buf *text, struct anchor *anchor, struct found *found) {
	CLEANUP(chain_done) struct chain chain = {.count = 0};
	CLEANUP(timestamp_done) struct timestamp first = {0};
	CLEANUP(timestamp_done) struct timestamp last = {0};
	struct err err;
	if (!trusted->trust->timestamp)
		return;
	bool ok = read_chain(package, folder, &chain, &err);
	if (ok && chain.count == 0)
		return;
	ok = ok && timestamp_verify_chain(text->data, text->len, chain.items, chain.count, trusted->trust->timestamp,
					  &first, &last, &err);
	if (!ok && anchors_is_stranger(&err)) {
		found_add(found, FOUND_OPEN, FOUND_ANCHORS, anchor->name,
			  "when it was signed: the authority of %s is not in the trust file", err.where);
	} else if (!ok) {
		found_err(found, FOUND_ANCHORS, anchor->name, &err);
	} else {
		anchor->is_stamped = true;
		anchor->stamped = first.time;
		anchor->authority = xstrdup(first.authority);
		anchor->stamp_ends = last.signer_expires;
	}
}

/* --- one, and all of them ----------------------------------------------------------------------------------------- */

/* folder ends in '/', or is empty for the head, which has no time-stamps beside it. */
static bool read_anchor(const struct anchors *anchors, const struct package *package, const struct trusted *trusted,
			const char *folder, const char *name, struct anchor *ret_anchor, struct found *found) {
	CLEANUP(buf_done) struct buf note = {0};
	CLEANUP(checkpoint_done) struct checkpoint checkpoint = {0};
	struct err err;
	if (!package_read(package, name, NOTE_LARGEST, &note, &err) ||
	    !open_checkpoint(trusted, anchors->origin, &note, name, &checkpoint, &err)) {
		found_err(found, FOUND_LOG, name, &err);
		return false;
	}
	struct anchor anchor = {.name = xstrdup(name), .size = checkpoint.size, .root = checkpoint.root};
	const char *empty = memmem(note.data, note.len, "\n\n", 2);
	for (const char *next;
	     empty && (next = memmem(empty + 1, note.len - (size_t)(empty + 1 - note.data), "\n\n", 2));)
		empty = next;
	struct buf text = {.data = note.data, .len = empty ? (size_t)(empty + 1 - note.data) : 0};
	take_witnesses(trusted, &note, &anchor, found);
	if (*folder)
		take_stamps(package, trusted, folder, &text, &anchor, found);
	anchor.has_time = anchor.is_witnessed || anchor.is_stamped;
	anchor.time = !anchor.is_stamped                                         ? anchor.witnessed
		      : anchor.is_witnessed && anchor.witnessed < anchor.stamped ? anchor.witnessed
										 : anchor.stamped;
	*ret_anchor = anchor;
	return true;
}

static void add(struct anchors *anchors, struct anchor *anchor) {
	anchors->items = xreallocarray(anchors->items, anchors->count + 1, sizeof *anchors->items);
	anchors->items[anchors->count++] = *anchor;
	*anchor = (struct anchor){0};
}

/* log/anchors/<size>/checkpoint of one folder. */
static void read_folder(struct anchors *anchors, const struct package *package, const struct trusted *trusted,
			const char *name, struct found *found) {
	struct anchor anchor = {0};
	const char *digits = name + strlen(FOLDER), *slash = strchr(digits, '/');
	CLEANUP(free_ptr) char *folder = xstrndup(name, (size_t)(slash + 1 - name));
	CLEANUP(free_ptr) char *number = xstrndup(digits, (size_t)(slash - digits));
	unsigned long long size;
	const char *significant = number + strspn(number, "0");
	if (!read_anchor(anchors, package, trusted, folder, name, &anchor, found))
		return;
	if (!text_to_u64(*significant ? significant : "0", MERKLE_SIZE_LARGEST, &size) || size != anchor.size)
		found_add(found, FOUND_CONTRADICTION, FOUND_ANCHORS, name,
			  "its folder's name is not its size, which is %llu", (unsigned long long)anchor.size);
	else
		add(anchors, &anchor);
	anchor_done(&anchor);
}

static void read_folders(struct anchors *anchors, const struct package *package, const struct trusted *trusted,
			 struct found *found) {
	for (size_t i = package_below(package, FOLDER); i < package_count(package); i++) {
		const char *name = package_at(package, i)->name;
		if (!text_starts(name, FOLDER))
			return;
		const char *slash = strchr(name + strlen(FOLDER), '/');
		if (slash && !strcmp(slash, "/checkpoint") && anchors->count < ANCHORS_MOST)
			read_folder(anchors, package, trusted, name, found);
	}
}

static int by_size(const void *a, const void *b) {
	const uint64_t one = ((const struct anchor *)a)->size, other = ((const struct anchor *)b)->size;
	return (one > other) - (one < other);
}

static void bound(struct anchors *anchors) {
	anchors->earliest = xcalloc(anchors->count + 1, sizeof *anchors->earliest);
	anchors->latest = xcalloc(anchors->count + 1, sizeof *anchors->latest);
	anchors->earliest[anchors->count] = INT64_MAX;
	int64_t latest = INT64_MIN;
	for (size_t i = anchors->count; i-- > 0;) {
		const struct anchor *anchor = &anchors->items[i];
		anchors->earliest[i] = anchors->earliest[i + 1];
		if (anchor->has_time && anchor->time < anchors->earliest[i])
			anchors->earliest[i] = anchor->time;
	}
	for (size_t i = 0; i < anchors->count; i++) {
		const struct anchor *anchor = &anchors->items[i];
		if (anchor->has_time && anchor->time > latest)
			latest = anchor->time;
		anchors->latest[i] = latest;
		anchors->witnessed += anchor->is_witnessed;
		if (anchor->is_witnessed)
			anchors->witnessed_size = anchor->size;
		anchors->stamped += anchor->is_stamped;
	}
}

bool anchors_read(struct anchors *anchors, const struct package *package, const struct trusted *trusted,
		  const char *origin, struct found *found) {
	anchors->origin = xstrdup(origin);
	read_folders(anchors, package, trusted, found);
	const bool ok = read_anchor(anchors, package, trusted, "", HEAD, &anchors->head, found);
	if (ok && anchors->head.has_time) {
		struct anchor head = anchors->head;
		head.name = xstrdup(head.name);
		add(anchors, &head);
	}
	if (anchors->count > 0)
		qsort(anchors->items, anchors->count, sizeof *anchors->items, by_size);
	bound(anchors);
	return ok;
}

/* The first anchor that is larger. */
static size_t above(const struct anchors *anchors, uint64_t size) {
	size_t low = 0, high = anchors->count;
	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		if (anchors->items[middle].size <= size)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int64_t anchors_upper(const struct anchors *anchors, uint64_t index) {
	return anchors->earliest ? anchors->earliest[above(anchors, index)] : INT64_MAX;
}

int64_t anchors_lower(const struct anchors *anchors, uint64_t size) {
	const size_t place = above(anchors, size);
	return place > 0 ? anchors->latest[place - 1] : INT64_MIN;
}
