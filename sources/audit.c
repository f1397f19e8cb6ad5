#include "sources/audit.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>

#include "sources/fetch.h"
#include "sources/netlink.h"
#include "sources/records.h"

/* As far as it went when it was first published. */
#define STATUS_SMALLEST (8 * sizeof(uint32_t))

struct looking {
	const struct ask *ask;
	struct buf bytes;
	size_t count;
};

static void looking_done(struct looking *looking) { buf_done(&looking->bytes); }

static bool add_status(void *context, const void *data, size_t len, struct err *err) {
	struct looking *looking = context;
	buf_add(&looking->bytes, data, len);
	return true;
}

static bool add_rule(void *context, const void *data, size_t len, struct err *err) {
	struct looking *looking = context;
	records_add(&looking->bytes, 0, data, len);
	return ++looking->count <= AUDIT_RULES_MOST ||
	       err_set(err, ERR_UNREADABLE, looking->ask->name, "more than %d rules", AUDIT_RULES_MOST);
}

static bool look(const struct ask *ask, const struct netlink_request *request,
		 bool (*use)(void *context, const void *data, size_t len, struct err *err), struct answer *ret_answer,
		 struct err *err) {
	CLEANUP(looking_done) struct looking looking = {.ask = ask};
	int error = 0;
	if (netlink_ask(ask, request, use, &looking, &error, err)) {
		*ret_answer = (struct answer){.bytes = looking.bytes};
		looking.bytes = (struct buf){0};
		return true;
	}
	if (error == EPROTONOSUPPORT)
		return err_set(err, ERR_ABSENT, ask->name, "the kernel has no audit, or was started with audit=0");
	if (error == ECONNREFUSED || error == EAFNOSUPPORT)
		return err_set(err, ERR_UNPROVED, ask->name, "the kernel's audit is kept from this container or unit");
	return false;
}

static bool look_status(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	return look(ask, &(struct netlink_request){.protocol = NETLINK_AUDIT, .type = AUDIT_GET}, add_status,
		    ret_answer, err);
}

static bool look_rules(const struct ask *ask, struct answer *ret_answer, struct err *err) {
	return look(ask,
		    &(struct netlink_request){.protocol = NETLINK_AUDIT, .type = AUDIT_LIST_RULES, .is_list = true},
		    add_rule, ret_answer, err);
}

bool audit_status_parse(const void *data, size_t len, const char *where, json_t **ret_value, struct err *err) {
	struct audit_status status = {0};
	if (len < STATUS_SMALLEST)
		return err_set(err, ERR_MALFORMED, where, "a status of %zu bytes", len);
	memcpy(&status, data, len < sizeof status ? len : sizeof status);
	*ret_value = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "enabled", (json_int_t)status.enabled, "failure",
			       (json_int_t)status.failure, "pid", (json_int_t)status.pid, "rate_limit",
			       (json_int_t)status.rate_limit, "backlog_limit", (json_int_t)status.backlog_limit, "lost",
			       (json_int_t)status.lost, "backlog", (json_int_t)status.backlog);
	if (len >= offsetof(struct audit_status, backlog_wait_time) + sizeof status.backlog_wait_time)
		json_object_set_new(*ret_value, "backlog_wait_time",
				    json_integer((json_int_t)status.backlog_wait_time));
	return true;
}

static bool shape(const struct ask *ask, struct answer *answer,
		  bool (*parse)(const void *data, size_t len, const char *where, json_t **ret_value, struct err *err),
		  struct err *err) {
	CLEANUP(json_decref_p) json_t *value = NULL;
	return parse(answer->bytes.data, answer->bytes.len, ask->name, &value, err) &&
	       answer_shaped(ask, value, answer, err);
}

static bool shape_status(const struct ask *ask, struct answer *answer, struct err *err) {
	return shape(ask, answer, audit_status_parse, err);
}

static bool shape_rules(const struct ask *ask, struct answer *answer, struct err *err) {
	return shape(ask, answer, audit_rules_parse, err);
}

const struct kind kind_audit_status = {.prefix = "audit:status",
				       .is_volatile = true,
				       .is_whole = true,
				       .helper = HELPER_AUDIT,
				       .deadline_ms = FETCH_DEADLINE_MS,
				       .look = look_status,
				       .shape = shape_status};
const struct kind kind_audit_rules = {.prefix = "audit:rules",
				      .is_whole = true,
				      .helper = HELPER_AUDIT,
				      .deadline_ms = FETCH_DEADLINE_MS,
				      .look = look_rules,
				      .shape = shape_rules};
