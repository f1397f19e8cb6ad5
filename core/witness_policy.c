#include "core/witness_policy.h"

#include "core/file.h"
#include "core/lines.h"
#include "core/text.h"

#define NAMES_MOST (WITNESS_POLICY_WITNESSES_MOST + WITNESS_POLICY_GROUPS_MOST)
#define NONE "none"

struct witness_policy_name {
	char *name;
	bool is_group, is_member; /* is_member: of a group; it can be of one alone */
	size_t witness;           /* of the policy's witnesses */
	size_t least;             /* of a group: how many members */
	size_t *members;          /* of names, all before this one */
	size_t member_count;
};

struct reading {
	struct witness_policy *policy;
	const char *where;
	unsigned line;
};

static bool wrong(const struct reading *reading, struct err *err, const char *why, const char *what) {
	return err_set_at(err, ERR_SYNTAX, reading->where, reading->line, 0, "%s%s%s", why, *what ? ": " : "", what);
}

static bool over(const struct reading *reading, struct err *err, const char *what, unsigned most) {
	return err_set_at(err, ERR_TOO_BIG, reading->where, reading->line, 0, "more than %u %s", most, what);
}

void witness_policy_free(struct witness_policy *policy) {
	if (!policy)
		return;
	for (size_t i = 0; i < policy->log_count; i++) {
		note_verifier_free(policy->logs[i].verifier);
		free(policy->logs[i].url);
	}
	for (size_t i = 0; i < policy->witness_count; i++) {
		free(policy->witnesses[i].name);
		note_verifier_free(policy->witnesses[i].cosigner);
		free(policy->witnesses[i].url);
	}
	for (size_t i = 0; i < policy->name_count; i++) {
		free(policy->names[i].name);
		free(policy->names[i].members);
	}
	free(policy->names);
	free(policy);
}

static bool find_name(const struct witness_policy *policy, const char *name, size_t *ret_index) {
	for (size_t i = 0; i < policy->name_count; i++)
		if (!strcmp(policy->names[i].name, name)) {
			*ret_index = i;
			return true;
		}
	return false;
}

/* Witnesses and groups share one set of names. */
static bool may_define(const struct reading *reading, const char *name, struct err *err) {
	size_t index;
	if (!name)
		return wrong(reading, err, "the name is missing", "");
	if (!strcmp(name, NONE))
		return wrong(reading, err, "the name cannot be given", NONE);
	if (find_name(reading->policy, name, &index))
		return wrong(reading, err, "defined twice", name);
	return true;
}

static struct witness_policy_name *define(struct witness_policy *policy, const char *name) {
	policy->names = xreallocarray(policy->names, policy->name_count + 1, sizeof *policy->names);
	struct witness_policy_name *defined = &policy->names[policy->name_count++];
	*defined = (struct witness_policy_name){.name = xstrdup(name)};
	return defined;
}

/* A vkey, and perhaps an address behind it. */
static bool read_key(const struct reading *reading, char *rest,
		     bool (*read)(const char *, struct note_verifier **, struct err *), struct note_verifier **ret_key,
		     char **ret_url, struct err *err) {
	const char *vkey = text_word(&rest), *url = text_word(&rest);
	struct err fault;
	if (!vkey)
		return wrong(reading, err, "the key is missing", "");
	if (text_word(&rest))
		return wrong(reading, err, "something stands behind the address", "");
	if (!read(vkey, ret_key, &fault))
		return wrong(reading, err, "not a key", fault.why);
	*ret_url = xstrdup(url);
	return true;
}

static bool read_log(const struct reading *reading, char *rest, struct err *err) {
	struct witness_policy *policy = reading->policy;
	CLEANUP(note_verifier_free_p) struct note_verifier *verifier = NULL;
	char *url;
	if (policy->log_count == WITNESS_POLICY_LOGS_MOST)
		return over(reading, err, "logs", WITNESS_POLICY_LOGS_MOST);
	if (!read_key(reading, rest, note_verifier_read, &verifier, &url, err))
		return false;
	for (size_t i = 0; i < policy->log_count; i++)
		if (EVP_PKEY_eq(policy->logs[i].verifier->key, verifier->key) == 1) {
			free(url);
			return wrong(reading, err, "a log with this key is there already", verifier->name);
		}
	policy->logs[policy->log_count++] = (struct witness_policy_log){verifier, url};
	verifier = NULL;
	return true;
}

static bool read_witness(const struct reading *reading, char *rest, struct err *err) {
	struct witness_policy *policy = reading->policy;
	CLEANUP(note_verifier_free_p) struct note_verifier *cosigner = NULL;
	const char *name = text_word(&rest);
	char *url;
	if (policy->witness_count == WITNESS_POLICY_WITNESSES_MOST)
		return over(reading, err, "witnesses", WITNESS_POLICY_WITNESSES_MOST);
	if (!may_define(reading, name, err) || !read_key(reading, rest, note_cosigner_read, &cosigner, &url, err))
		return false;
	for (size_t i = 0; i < policy->witness_count; i++)
		if (EVP_PKEY_eq(policy->witnesses[i].cosigner->key, cosigner->key) == 1) {
			free(url);
			return wrong(reading, err, "a witness with this key is there already", name);
		}
	define(policy, name)->witness = policy->witness_count;
	policy->witnesses[policy->witness_count++] = (struct witness_policy_witness){xstrdup(name), cosigner, url};
	cosigner = NULL;
	return true;
}

static bool read_members(const struct reading *reading, char *rest, size_t members[NAMES_MOST], size_t *ret_count,
			 struct err *err) {
	struct witness_policy *policy = reading->policy;
	size_t count = 0, index;
	for (const char *member; (member = text_word(&rest)); members[count++] = index) {
		if (!find_name(policy, member, &index))
			return wrong(reading, err, "no witness or group before this line", member);
		if (policy->names[index].is_member)
			return wrong(reading, err, "a member of a group already", member);
		policy->names[index].is_member = true;
	}
	if (count == 0)
		return wrong(reading, err, "a group without members", "");
	*ret_count = count;
	return true;
}

static bool read_least(const struct reading *reading, const char *text, size_t count, size_t *ret_least,
		       struct err *err) {
	unsigned long long least = !strcmp(text, "any") ? 1 : count;
	if (strcmp(text, "any") != 0 && strcmp(text, "all") != 0 && !text_to_u64(text, count, &least))
		return wrong(reading, err, "not any, all, or a number up to that of the members", text);
	if (least == 0)
		return wrong(reading, err, "a group that needs nobody", text);
	*ret_least = (size_t)least;
	return true;
}

static bool read_group(const struct reading *reading, char *rest, struct err *err) {
	struct witness_policy *policy = reading->policy;
	const char *name = text_word(&rest), *number = text_word(&rest);
	size_t members[NAMES_MOST], count, least;
	if (policy->group_count == WITNESS_POLICY_GROUPS_MOST)
		return over(reading, err, "groups", WITNESS_POLICY_GROUPS_MOST);
	if (!may_define(reading, name, err))
		return false;
	if (!number)
		return wrong(reading, err, "how many members is missing", "");
	if (!read_members(reading, rest, members, &count, err) || !read_least(reading, number, count, &least, err))
		return false;
	struct witness_policy_name *group = define(policy, name);
	group->is_group = true;
	group->least = least;
	group->members = xreallocarray(NULL, count, sizeof *members);
	memcpy(group->members, members, count * sizeof *members);
	group->member_count = count;
	policy->group_count++;
	return true;
}

/* "none" stays `quorum` == SIZE_MAX, whatever names come behind. */
static bool read_quorum(const struct reading *reading, char *rest, struct err *err) {
	struct witness_policy *policy = reading->policy;
	const char *name = text_word(&rest);
	size_t index = SIZE_MAX;
	if (policy->has_quorum)
		return wrong(reading, err, "a second quorum", "");
	if (!name || text_word(&rest))
		return wrong(reading, err, "quorum takes one name", "");
	if (strcmp(name, NONE) != 0 && !find_name(policy, name, &index))
		return wrong(reading, err, "no witness or group before this line", name);
	policy->has_quorum = true;
	policy->quorum = index;
	return true;
}

static const struct keyword {
	const char *word;
	bool (*read)(const struct reading *reading, char *rest, struct err *err);
} keywords[] = {{"log", read_log}, {"witness", read_witness}, {"group", read_group}, {"quorum", read_quorum}};

static bool read_line(const struct reading *reading, char *line, struct err *err) {
	for (const char *at = line; *at; at++)
		if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
			return wrong(reading, err, "a control character", "");
	char *rest = line;
	const char *word = text_word(&rest);
	if (!word || word[0] == '#')
		return true;
	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (!strcmp(keywords[i].word, word))
			return keywords[i].read(reading, rest, err);
	return wrong(reading, err, "no log, witness, group or quorum", word);
}

bool witness_policy_read(const char *text, size_t len, const char *where, struct witness_policy **ret_policy,
			 struct err *err) {
	CLEANUP(witness_policy_free_p) struct witness_policy *policy = xcalloc(1, sizeof *policy);
	CLEANUP(lines_done) struct lines lines = lines_over(where, text, len);
	struct reading reading = {policy, where, 0};
	if (len > WITNESS_POLICY_LARGEST)
		return err_set(err, ERR_TOO_BIG, where, "larger than %u bytes", WITNESS_POLICY_LARGEST);
	for (char *line; (line = lines_next(&lines));) {
		reading.line = lines.number;
		if (!read_line(&reading, line, err))
			return false;
	}
	if (!lines_ok(&lines, err))
		return false;
	/* A name that is cut off may be another name. */
	if (len > 0 && text[len - 1] != '\n')
		return wrong(&reading, err, "the last line does not end: the file is cut off", "");
	if (!policy->has_quorum)
		return wrong(&reading, err, "there is no quorum", "");
	*ret_policy = policy;
	policy = NULL;
	return true;
}

bool witness_policy_load(const char *path, struct witness_policy **ret_policy, struct err *err) {
	CLEANUP(buf_done) struct buf text = {0};
	return file_read(path, WITNESS_POLICY_LARGEST, &text, err) &&
	       witness_policy_read(buf_str(&text), text.len, path, ret_policy, err);
}

bool witness_policy_has_log(const struct witness_policy *policy, const struct note_verifier *log) {
	for (size_t i = 0; i < policy->log_count; i++) {
		const struct note_verifier *one = policy->logs[i].verifier;
		if (!strcmp(one->name, log->name) && EVP_PKEY_eq(one->key, log->key) == 1)
			return true;
	}
	return policy->log_count == 0;
}

/* Members stand before their group, so one walk in order is enough. */
bool witness_policy_is_met(const struct witness_policy *policy, const bool *has_cosigned) {
	bool has_witnessed[NAMES_MOST] = {false};
	if (policy->quorum == SIZE_MAX)
		return true;
	for (size_t i = 0; i <= policy->quorum; i++) {
		const struct witness_policy_name *name = &policy->names[i];
		size_t count = 0;
		for (size_t j = 0; j < name->member_count; j++)
			count += has_witnessed[name->members[j]];
		has_witnessed[i] = name->is_group ? count >= name->least : has_cosigned[name->witness];
	}
	return has_witnessed[policy->quorum];
}

bool witness_policy_view(const struct witness_policy *policy, const char *note, size_t len,
			 struct witness_policy_view *ret_view, struct err *err) {
	struct witness_policy_view view = {0};
	bool has_cosigned[WITNESS_POLICY_WITNESSES_MOST] = {false};
	struct note_parts parts;
	if (!note_split(note, len, &parts, err))
		return false;
	for (size_t i = 0; i < policy->witness_count; i++) {
		if (!cosignature_find(&parts, policy->witnesses[i].cosigner, &view.cosigned[i], err))
			return false;
		has_cosigned[i] = view.cosigned[i].is_there;
		view.count += has_cosigned[i];
	}
	view.is_met = witness_policy_is_met(policy, has_cosigned);
	*ret_view = view;
	return true;
}
