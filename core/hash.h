/* SHA-256 (FIPS 180-4) through EVP, and hexadecimal. */
#pragma once

#include <stdint.h>

#include "core/err.h"

#define HASH_LEN 32
#define HASH_HEX 65 /* with NUL */

struct hash {
	uint8_t bytes[HASH_LEN];
};

struct hash hash_of(const void *data, size_t len);
/* SHA-256 over the concatenation of the parts. */
struct hash hash_of_parts(const void *const parts[], const size_t lens[], size_t count);
/* The same in pieces: hash_end() gives it and frees. */
struct evp_md_ctx_st *hash_begin(void);
void hash_more(struct evp_md_ctx_st *context, const void *data, size_t len);
struct hash hash_end(struct evp_md_ctx_st *context);
bool hash_equal(const struct hash *a, const struct hash *b);
/* Lower case; returns text. */
char *hash_hex(const struct hash *hash, char text[HASH_HEX]);
/* Exactly 64 lower-case hexadecimal digits. */
bool hash_from_hex(const char *text, struct hash *ret_hash);
/* 2*len+1 bytes of room in text. */
char *hex_encode(const void *data, size_t len, char *text);
