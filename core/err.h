/* An error is a plain value on the caller's stack.
 *
 * A function that can fail returns bool and takes `struct err *err` last, marked MUST_CHECK. True: outputs set, *err
 * untouched. False: *err set, outputs untouched. The lowest level that knows the file and the line fills it; nobody
 * above rewrites it. Only main.c files print. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/mem.h"

enum err_code {
	ERR_NONE = 0,
	/* How a look can fail. Absent is judged; denied, timeout and unproved are unknown; unreadable and malformed are
	 * error; unapproved is notchecked. */
	ERR_ABSENT,     /* it is not there, and we could see that it is not */
	ERR_DENIED,     /* this process may not read it */
	ERR_UNREADABLE, /* reading failed, or it is over its cap */
	ERR_MALFORMED,  /* it was read and is not what it should be */
	ERR_TIMEOUT,    /* no answer before the deadline */
	ERR_UNPROVED,   /* nothing says that emptiness here means anything: no bus, no tool, no /proc */
	ERR_UNAPPROVED, /* an active probe that the approvals file does not name: core/approvals.h */
	/* Everything else. */
	ERR_SYNTAX,  /* a file that people write (policy, configuration) is wrong at line:column */
	ERR_TOO_BIG, /* over a named cap */
	ERR_IO,      /* our own files: full disk, vanished folder */
	ERR_CRYPTO,  /* a key cannot be made, loaded or used */
	ERR_REFUSED, /* a signature, proof or peer does not hold */
	ERR_USAGE,   /* asked for wrongly */
};

struct err {
	enum err_code code;
	unsigned line, column; /* 0: none */
	char where[192];       /* file, source name or clause; may be empty */
	char why[320];         /* one sentence, no newline, control characters replaced */
};

/* Fill *err and return false, so that `return err_set(...)` is the way out. */
bool err_set(struct err *err, enum err_code code, const char *where, const char *why, ...)
	__attribute__((format(printf, 4, 5)));
bool err_set_at(struct err *err, enum err_code code, const char *where, unsigned line, unsigned column, const char *why,
		...) __attribute__((format(printf, 6, 7)));
/* ENOENT and ENOTDIR become absent, EACCES and EPERM denied, ETIMEDOUT timeout, the rest `otherwise`. The text names
 * what was tried and the errno by its name: "open: EACCES (Permission denied)". */
bool err_errno(struct err *err, int error, enum err_code otherwise, const char *where, const char *what);

/* Lets the compiler see that the three return false, so that its warnings about unset outputs are right. */
static inline bool err_false(bool unused) { return (void)unused, false; }
#define err_set(...) err_false(err_set(__VA_ARGS__))
#define err_set_at(...) err_false(err_set_at(__VA_ARGS__))
#define err_errno(...) err_false(err_errno(__VA_ARGS__))

/* Whether it is one of the seven ways in which a look fails. */
bool err_is_of_look(enum err_code code);
/* "absent", "denied", ...: the words that evidence uses. */
const char *err_code_name(enum err_code code);
/* The code of such a word; ERR_NONE if it is none of them. */
enum err_code err_code_from_name(const char *name);
/* "where:line:column: why", leaving out what is empty. Returns text. */
char *err_text(const struct err *err, char *text, size_t size);
