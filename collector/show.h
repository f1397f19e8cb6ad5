/* Pages: HTML without scripts, under a strict content security policy. */
#pragma once

#include "collector/marks.h"
#include "collector/page.h"
#include "collector/route.h"
#include "collector/summary.h"

/* 401 with the form to log in; was_wrong: the last try failed. */
void show_login(struct visit *visit, bool was_wrong);
void show_login_form(struct visit *visit); /* GET /login: 200 */
void show_style(struct visit *visit);
void show_overview(struct visit *visit);
void show_controls(struct visit *visit);      /* /controls: all 93 */
void show_control(struct visit *visit);       /* /controls/A.8.15 */
void show_attested_file(struct visit *visit); /* /attestations/DIGEST/file */
void show_host(struct visit *visit);          /* /hosts/ID */

/* Ends the page and sends it. */
void show_page(struct visit *visit, int status, struct page *page);
/* The body of a result down to its sources and the command that verifies it. host: its host (marks_host)
 * has them. */
MUST_CHECK bool show_result_detail(struct page *page, struct marks *marks, const json_t *host,
				   const struct store_result *result, struct err *err);
/* Policies, each {"id","version","sha256"}, and who approved them; or that nobody can say, for want of keys. */
MUST_CHECK bool show_approvals(struct page *page, struct marks *marks, const json_t *policies, struct err *err);
/* Of one result: the same of its policy, where there are keys; and its exception, where it has one. */
MUST_CHECK bool show_judged_by(struct page *page, struct marks *marks, const json_t *host, const json_t *result,
			       struct err *err);
/* Those of a host, in a table: results, each with its waiver. Nothing where there is none. */
MUST_CHECK bool show_exceptions(struct page *page, struct marks *marks, const json_t *host, const json_t *results,
				struct err *err);
MUST_CHECK bool show_exception(struct page *page, struct marks *marks, const json_t *host, const json_t *result,
			       struct err *err);
/* One line of which verdict it had before, where it had another. */
void show_changed_verdict(struct page *page, const json_t *result, const char *kept);
/* What it was before, as the store has it; nothing where that is not known. */
void show_changed(struct page *page, const json_t *result, const char *kept);
/* A value as text, new. */
char *show_text(const json_t *value);
/* Rows as a table; of a large one a part, and that is said. */
void show_table(struct page *page, const char *caption, const json_t *rows);
/* The part of a control's page with its attestations: those that stand first. */
MUST_CHECK bool show_attestations(struct page *page, struct store *store, const char *control, int64_t now,
				  struct err *err);
/* The overview's line that leads to all controls. */
MUST_CHECK bool show_attested_line(struct page *page, struct visit *visit, struct err *err);
/* "3 hosts in scope: 2 reporting, 1 silent." */
void show_population(struct page *page, const struct summary *summary);
/* What was found about a host: how many of each kind, and the last of them. */
MUST_CHECK bool show_findings(struct page *page, struct store *store, const char *host, struct err *err);
