/* vouch approve: an approver's signature over a policy as it is, waivers and all. */
#include <unistd.h>

#include "agent/stack.h"
#include "cli/approve_show.h"
#include "cli/cli.h"
#include "cli/say.h"
#include "core/approval_file.h"
#include "core/file.h"
#include "core/text.h"
#include "core/times.h"

static const char usage[] =
	"usage: vouch approve FILE|FOLDER --key KEY --approver NAME [options]\n"
	"       vouch approve --check FILE|FOLDER --approvers DIR [--below FILE]...\n"
	"       vouch approve --keygen KEY [--kind KIND]\n\n"
	"Signs a policy, with its waivers, as it is now: its digest. It has to load; what it holds is shown. The\n"
	"signature goes into FILE.approval, which hosts read beside the policy and seal with it. Approvals of the "
	"same\n"
	"digest by others stay there, those of another digest go.\n\n"
	"  --key KEY              a private key (Ed25519 or P-256): a PEM file that only its owner may read, one of\n"
	"                         a TPM 2.0 or with a pkcs11: URI, as vouch enrol makes; or such a URI itself\n"
	"  --passphrase-file FILE the passphrase of an encrypted PEM file\n"
	"  --approver NAME        who approves: NAME.pem is the public key at hosts and collector\n"
	"  --note TEXT            a sentence; at most 1000 bytes\n"
	"  --expires DATE         until when it holds: 2027-06-30, or a time in UTC\n"
	"  --below FILE           a policy that this one stands on; may be repeated (default: the shipped baseline,\n"
	"                         where it does not stand alone)\n"
	"  --output FILE          instead of FILE.approval\n"
	"  --data DIR             where the catalogue and the shipped policies are\n"
	"  --check                say who approved the policy as it is, by the keys NAME.pem in --approvers DIR\n"
	"  --keygen KEY           make a key pair: KEY, for its owner alone, and KEY.pub.pem to hand out\n"
	"  --kind KIND            where the new key is kept: file (default, Ed25519), tpm2, or a pkcs11: URI\n\n"
	"Exit: 0 approved, or the key is made; 1 not approved; 2 wrong use, or a file that cannot be used.\n";

#define PASSPHRASE_LONGEST 1024

struct asked {
	const char *key, *passphrase, *approver, *note, *expires, *output, *data, *check, *approvers, *keygen, *kind;
	struct texts below;
};

static void asked_done(struct asked *asked) { texts_done(&asked->below); }

/* --- keys --------------------------------------------------------------------------------------------------------- */

static void wipe(struct buf *bytes) {
	OPENSSL_cleanse(bytes->data, bytes->data ? bytes->cap : 0);
	buf_done(bytes);
}

static bool open_locked(const struct asked *asked, struct host_key **ret_key, struct err *err) {
	CLEANUP(wipe) struct buf pem = {0};
	CLEANUP(wipe) struct buf passphrase = {0};
	EVP_PKEY *key;
	if (!key_read_secret(asked->key, KEY_FILE_LARGEST, &pem, err) ||
	    !key_read_secret(asked->passphrase, PASSPHRASE_LONGEST, &passphrase, err))
		return false;
	while (passphrase.len > 0 && strchr("\r\n", passphrase.data[passphrase.len - 1]))
		passphrase.data[--passphrase.len] = '\0';
	if (!key_from_locked_pem(&pem, &passphrase, asked->key, &key, err))
		return false;
	*ret_key = host_key_of(key);
	return true;
}

static bool open_key(const struct asked *asked, struct host_key **ret_key, struct err *err) {
	if (text_starts(asked->key, "pkcs11:"))
		return host_key_open_uri(asked->key, ret_key, err);
	return asked->passphrase ? open_locked(asked, ret_key, err) : host_key_open(asked->key, ret_key, err);
}

static bool make_key(const struct asked *asked, const char *public, struct err *err) {
	CLEANUP(host_key_free_p) struct host_key *key = NULL;
	if (access(public, F_OK) == 0)
		return err_set(err, ERR_REFUSED, public, "it is there already, and is not replaced");
	if (!host_key_make(asked->kind, asked->keygen, &key, err))
		return false;
	CLEANUP(free_ptr) char *pem = key_public_pem(host_key_public(key));
	return file_write(public, pem, strlen(pem), 0644, err);
}

static int keygen(const struct asked *asked) {
	CLEANUP(free_ptr) char *public = xasprintf("%s.pub.pem", asked->keygen);
	struct err err;
	if (!make_key(asked, public, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	say(stdout, "%s signs: keep it to yourself\n", asked->keygen);
	say(stdout, "%s verifies: hand it out, as NAME.pem for the approver NAME\n", public);
	return CLI_OK;
}

/* --- the policy --------------------------------------------------------------------------------------------------- */

/* The policy as the last of a stack: on what was named below it, else alone, else on the shipped baseline. */
static bool load(const struct asked *asked, const char *path, struct stack **ret_stack, struct err *err) {
	const size_t count = asked->below.count;
	CLEANUP(free_ptr) const char **paths = xcalloc(count + 2, sizeof *paths);
	for (size_t i = 0; i < count; i++)
		paths[i] = asked->below.items[i];
	paths[count] = path;
	return approve_load(asked->data, paths, count + 1, ret_stack, err);
}

/* Of a folder that was given with a "/" behind it, too. */
static char *approval_path(const struct asked *asked, const char *path) {
	size_t len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		len--;
	return asked->output ? xstrdup(asked->output) : xasprintf("%.*s" APPROVAL_FILE_END, (int)len, path);
}

/* --- approving ---------------------------------------------------------------------------------------------------- */

static bool read_expiry(const struct asked *asked, struct approval *approval, struct err *err) {
	if (!asked->expires)
		return true;
	if (!times_parse_day(asked->expires, &approval->expires))
		return err_set(err, ERR_USAGE, "--expires", "\"%s\" is not a day such as 2027-06-30, nor a time",
			       asked->expires);
	return approval->expires > approval->approved ||
	       err_set(err, ERR_USAGE, "--expires", "%s has passed", asked->expires);
}

static bool sign(const struct asked *asked, const struct policy *policy, struct approval *approval, struct buf *line,
		 struct err *err) {
	CLEANUP(host_key_free_p) struct host_key *key = NULL;
	if (!approval_is_name(asked->approver))
		return err_set(err, ERR_USAGE, "--approver", "a name has letters, digits and \" ._-@\", at most %d",
			       APPROVAL_NAME_LONGEST);
	*approval = (struct approval){.policy = policy->id,
				      .sha256 = policy->sha256,
				      .approver = (char *)asked->approver,
				      .note = (char *)asked->note,
				      .approved = times_now()};
	return read_expiry(asked, approval, err) && open_key(asked, &key, err) &&
	       approval_seal(approval, key, line, err);
}

static int approve(const struct asked *asked, const char *path) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(free_ptr) char *file = approval_path(asked, path);
	CLEANUP(buf_done) struct buf line = {0};
	struct approval approval;
	size_t dropped;
	struct err err;
	char until[TIMES_TEXT];
	if (!load(asked, path, &stack, &err))
		return cli_fail(&err, CLI_USAGE);
	const struct policy *policy = stack->policies->policies[stack->policies->policy_count - 1];
	approve_show(stack->policies, policy);
	if (!sign(asked, policy, &approval, &line, &err))
		return cli_fail(&err, err.code == ERR_USAGE ? CLI_USAGE : CLI_FAILED);
	if (!approval_file_put(file, buf_str(&line), &dropped, &err))
		return cli_fail(&err, CLI_FAILED);
	say(stdout, "approved by %s%s%s: %s\n", approval.approver, approval.expires ? " until " : "",
	    approval.expires ? times_format(approval.expires, until) : "", file);
	if (dropped > 0)
		say(stdout, "%zu %s of another digest dropped from it\n", dropped,
		    plural(dropped, "approval", "approvals"));
	return CLI_OK;
}

/* --- checking ----------------------------------------------------------------------------------------------------- */

static bool check_line(const struct approval_line *line, const struct policy *policy,
		       const struct approvers *approvers) {
	const struct approval_about about = {.policy = policy->id, .sha256 = &policy->sha256, .at = times_now()};
	CLEANUP(approval_free_p) struct approval *approval = NULL;
	char at[TIMES_TEXT], until[TIMES_TEXT];
	struct err err;
	if (!approvers_hold(approvers, line->text, strlen(line->text), &about, "", &approval, &err)) {
		say(stdout, "  not by %s: %s\n", line->approval->approver, err.why);
		return false;
	}
	say(stdout, "  approved by %s at %s%s%s\n", approval->approver, times_format(approval->approved, at),
	    approval->expires ? ", until " : "", approval->expires ? times_format(approval->expires, until) : "");
	if (approval->note)
		say(stdout, "    %s\n", approval->note);
	return true;
}

static int check(const struct asked *asked) {
	CLEANUP(stack_free_p) struct stack *stack = NULL;
	CLEANUP(approvers_done) struct approvers approvers = {0};
	CLEANUP(approval_file_done) struct approval_file file = {0};
	CLEANUP(free_ptr) char *path = approval_path(asked, asked->check);
	struct err err;
	size_t holding = 0;
	if (!load(asked, asked->check, &stack, &err) || !approvers_read(asked->approvers, &approvers, &err) ||
	    !approval_file_read(path, &file, &err))
		return cli_fail(&err, CLI_USAGE);
	const struct policy *policy = stack->policies->policies[stack->policies->policy_count - 1];
	approve_show_name(policy);
	if (approvers.count == 0)
		say(stdout, "  there is no approver's key in %s\n", asked->approvers);
	for (size_t i = 0; i < file.count; i++)
		holding += check_line(&file.lines[i], policy, &approvers);
	if (holding == 0)
		say(stdout, file.count > 0 ? "  nobody approved it as it is\n" : "  nobody approved it\n");
	return holding > 0 ? CLI_OK : CLI_FAILED;
}

/* --- the verb ----------------------------------------------------------------------------------------------------- */

static int approve_verb(int argc, char **argv) {
	CLEANUP(asked_done) struct asked asked = {0};
	const struct option_row rows[] = {{"key", 0, OPTION_TEXT, &asked.key},
					  {"passphrase-file", 0, OPTION_TEXT, &asked.passphrase},
					  {"approver", 0, OPTION_TEXT, &asked.approver},
					  {"note", 0, OPTION_TEXT, &asked.note},
					  {"expires", 0, OPTION_TEXT, &asked.expires},
					  {"below", 0, OPTION_TEXTS, &asked.below},
					  {"output", 'o', OPTION_TEXT, &asked.output},
					  {"data", 0, OPTION_TEXT, &asked.data},
					  {"check", 0, OPTION_TEXT, &asked.check},
					  {"approvers", 0, OPTION_TEXT, &asked.approvers},
					  {"keygen", 0, OPTION_TEXT, &asked.keygen},
					  {"kind", 0, OPTION_TEXT, &asked.kind},
					  {0}};
	char **operands;
	int exit_code;
	if (!cli_options(&verb_approve, rows, argc, argv, &operands, &exit_code))
		return exit_code;
	const bool is_signing = asked.key || asked.approver;
	if (asked.keygen)
		return is_signing || asked.check || *operands ? cli_misuse(&verb_approve, "--keygen only makes a key")
							      : keygen(&asked);
	if (asked.check)
		return is_signing || *operands || !asked.approvers
			       ? cli_misuse(&verb_approve, "--check takes the policy, and needs --approvers DIR")
			       : check(&asked);
	if (!operands[0] || operands[1] || !asked.key || !asked.approver)
		return cli_misuse(&verb_approve, "needs one policy, --key and --approver");
	return approve(&asked, operands[0]);
}

const struct verb verb_approve = {"approve", "sign a policy and its waivers, as an approver", usage, approve_verb};
