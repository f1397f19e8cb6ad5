#include "verify/attested.h"

#include "verify/audit.h"

void attested_list_done(struct attested_list *list) {
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].host);
		free(list->items[i].name);
		attestation_free(list->items[i].said);
	}
	free(list->items);
	*list = (struct attested_list){0};
}

bool attested_take(struct attested_list *list, const struct attested *by, const struct buf *body, int64_t finished,
		   const char *where, struct err *err) {
	CLEANUP(attestation_free_p) struct attestation *said = NULL;
	if (list->count == ATTESTED_MOST)
		return err_set(err, ERR_TOO_BIG, where, "more than %d attestations", ATTESTED_MOST);
	if (!attestation_read(body->data, body->len, where, &said, err))
		return false;
	if (said->collected > finished + AUDIT_SLACK)
		return err_set(err, ERR_REFUSED, where, "an attestation that was collected after it was sealed");
	buf_done(&said->file.content);
	list->items = xreallocarray(list->items, list->count + 1, sizeof *list->items);
	list->items[list->count++] = (struct attested){xstrdup(by->host), xstrdup(by->name), by->index, said};
	said = NULL;
	return true;
}

bool attested_has(const struct attested_list *list, const char *control) {
	size_t index;
	const json_t *of;
	for (size_t i = 0; i < list->count; i++)
		json_array_foreach(list->items[i].said->controls, index,
				   of) if (!strcmp(json_string_value(of), control)) return true;
	return false;
}
