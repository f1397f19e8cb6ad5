/* What a PAM stack can come to: libpam's automaton (pam_dispatch.c) walked over everything that its modules may return.
 */
#pragma once

#include "core/pam.h"

#define PAM_MARKS 16 /* values of marks: four bits that belong to whoever asks */

/* One thing that a module may do: return one of these values and, on this way through the stack, set marks. */
struct pam_outcome {
	uint32_t returns; /* bit 1 << PAM_... */
	unsigned marks;   /* set from here on */
	unsigned clears;  /* no longer set */
};

#define PAM_OUTCOMES_MOST 4
#define PAM_BIT(value) (1U << (value))
#define PAM_ALL (PAM_BIT(PAM_IS_INCOMPLETE) - 1)
/* Every refusal: neither success, nor "but change your password", nor silence. */
#define PAM_REFUSALS (PAM_ALL & ~(PAM_BIT(PAM_IS_SUCCESS) | PAM_BIT(PAM_IS_NEW_AUTHTOK_REQD) | PAM_BIT(PAM_IS_IGNORE)))

struct pam_question {
	/* Fills in what a module may do when it is reached with these marks; returns how many, 0: it is never left. */
	size_t (*outcomes)(const struct pam_module *module, unsigned marks, void *context,
			   struct pam_outcome outcomes[PAM_OUTCOMES_MOST]);
	/* Whether an end of the stack is what is looked for. */
	bool (*is_found)(bool grants, unsigned marks, void *context);
	void *context;
};

/* Whether some way through the stack ends as looked for. *ret_last: the module behind which nothing was decided any
 * more on the first such way, or NULL; borrowed from the stack. Where libpam's answer depends on what a substack was
 * entered with (reset), both are taken to be possible. */
bool pam_can_end(const struct pam_stack *stack, const struct pam_question *question,
		 const struct pam_module **ret_last);
