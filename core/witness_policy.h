/* C2SP tlog-policy: which logs are believed, which witnesses there are, and how many of them must have cosigned a
 * checkpoint. The text is one that people write; an error names its line. */
#pragma once

#include "core/cosignature.h"

#define WITNESS_POLICY_LARGEST 65536
#define WITNESS_POLICY_LOGS_MOST 64
#define WITNESS_POLICY_WITNESSES_MOST 64
#define WITNESS_POLICY_GROUPS_MOST 64

struct witness_policy_log {
	struct note_verifier *verifier; /* its name is the log's origin */
	char *url;                      /* NULL: not said */
};

struct witness_policy_witness {
	char *name; /* in the policy alone: printable bytes, not necessarily UTF-8; not the name in cosignatures */
	struct note_verifier *cosigner;
	char *url; /* NULL: not said */
};

struct witness_policy_name;

struct witness_policy {
	struct witness_policy_log logs[WITNESS_POLICY_LOGS_MOST];
	size_t log_count;
	struct witness_policy_witness witnesses[WITNESS_POLICY_WITNESSES_MOST];
	size_t witness_count;
	struct witness_policy_name *names; /* witnesses and groups, in their order */
	size_t name_count, group_count;
	bool has_quorum;
	size_t quorum; /* of names; SIZE_MAX: none is needed */
};

/* Whole and strict: a text that is cut off, defines something twice, has an unknown word, a key of another type than
 * Ed25519, or no quorum is ERR_SYNTAX at where:line (ERR_TOO_BIG over a cap). An empty set of logs is allowed. */
MUST_CHECK bool witness_policy_read(const char *text, size_t len, const char *where, struct witness_policy **ret_policy,
				    struct err *err);
MUST_CHECK bool witness_policy_load(const char *path, struct witness_policy **ret_policy, struct err *err);
void witness_policy_free(struct witness_policy *policy);
DEFINE_CLEANUP(struct witness_policy, witness_policy_free)

/* Whether the policy believes this log: name and key are those of one of its lines, or it has no line for logs. */
bool witness_policy_has_log(const struct witness_policy *policy, const struct note_verifier *log);

/* Who cosigned a note; each witness counts once, however many lines it has. */
struct witness_policy_view {
	struct cosignature cosigned[WITNESS_POLICY_WITNESSES_MOST]; /* by the policy's witnesses; lines borrowed */
	size_t count;                                               /* of those that did */
	bool is_met;                                                /* the quorum */
};
/* Verifies the cosignatures of the policy's witnesses; those of others are passed over. The log's own signature is
 * checkpoint_open()'s. False: a line of one of the witnesses does not hold, or is malformed (ERR_REFUSED). A quorum
 * that is not met is true, with is_met false. */
MUST_CHECK bool witness_policy_view(const struct witness_policy *policy, const char *note, size_t len,
				    struct witness_policy_view *ret_view, struct err *err);
/* The rule alone: has_cosigned[i] is witness i. */
bool witness_policy_is_met(const struct witness_policy *policy, const bool *has_cosigned);
