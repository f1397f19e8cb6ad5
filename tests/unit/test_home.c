/* The state folder: what lies where, for one user and for several. */
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <unistd.h>

#include "agent/home.h"
#include "tests/unit/scratch.h"

static void what_earlier_versions_kept_elsewhere_is_moved_and_not_begun_anew(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	struct err err;
	scratch_put(folder, "chain.json", "the chain");
	scratch_put(folder, "checkpoint", "the checkpoint");
	assert_true(home_make(home, &err));
	CLEANUP(free_ptr) char *chain = scratch_text(folder, "spool/chain.json");
	CLEANUP(free_ptr) char *checkpoint = scratch_text(folder, "receipts/checkpoint");
	assert_string_equal(chain, "the chain");
	assert_string_equal(checkpoint, "the checkpoint");
	assert_false(scratch_has(folder, "chain.json"));
	/* But never over what is there. */
	scratch_put(folder, "chain.json", "another");
	assert_true(home_make(home, &err));
	CLEANUP(free_ptr) char *still = scratch_text(folder, "spool/chain.json");
	assert_string_equal(still, "the chain");
}

static mode_t mode_of(const char *path) {
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 07777;
}

static void folders_that_were_set_aside_are_made_again_as_they_were(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *aside = file_join(folder, "old");
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(home_free_p) struct home *old = home_new(aside);
	struct err err;
	assert_true(home_make(home, &err));
	assert_int_equal(mode_of(home->queue), 0700);
	assert_int_equal(chmod(home->queue, 02770), 0);
	assert_int_equal(chmod(home->receipts, 0755), 0);
	assert_true(file_make_folder(aside, 0700, &err));
	assert_true(file_move(home->spool, old->spool, &err) && file_move(home->receipts, old->receipts, &err));
	assert_true(home_make_like(home, old, &err));
	assert_int_equal(mode_of(home->queue), 02770);
	assert_int_equal(mode_of(home->incoming), 0700);
	assert_int_equal(mode_of(home->receipts), 0755);
}

static void private_keys_come_from_the_folder_of_credentials_where_there_is_one(void **state) {
	CLEANUP(home_free_p) struct home *home = home_new("/state");
	unsetenv("CREDENTIALS_DIRECTORY");
	home_use_credentials(home);
	assert_string_equal(home->transport_key, "/state/enrolment/transport.pem");
	setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
	home_use_credentials(home);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_string_equal(home->transport_key, "/run/credentials/x/transport.pem");
	assert_string_equal(home->evidence_key, "/run/credentials/x/evidence.pem");
	assert_string_equal(home->transport_public, "/state/enrolment/transport.pub.pem");
}

static void a_state_of_a_newer_format_is_sealed_and_shipped_by_nobody_older(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	struct err err;
	int lock = -1;
	assert_true(home_make(home, &err));
	scratch_put(folder, "spool/format", "2\n");
	assert_false(home_lock(home, &lock, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_non_null(strstr(err.why, "a newer version wrote this state, in format 2"));
	assert_false(home_lock_shipping(home, &lock, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_int_equal(lock, -1);
	CLEANUP(free_ptr) char *still = scratch_text(folder, "spool/format");
	assert_string_equal(still, "2\n");
}

static void who_seals_writes_the_format_and_others_can_read_it(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(close_fd) int lock = -1;
	CLEANUP(close_fd) int ship_lock = -1;
	struct err err;
	assert_true(home_make(home, &err)); /* as a version without formats left it */
	assert_true(home_lock_shipping(home, &ship_lock, &err));
	assert_false(scratch_has(folder, "spool/format"));
	assert_true(home_lock(home, &lock, &err));
	CLEANUP(free_ptr) char *text = scratch_text(folder, "spool/format");
	assert_string_equal(text, "1\n");
	assert_int_equal(mode_of(home->format), 0644);
}

static void what_is_not_the_number_of_a_format_is_refused(void **state) {
	static const char *const wrong[] = {"", "1", "0\n", "-1\n", "1 \n", "1\n1\n", "4294967297\n", "one\n", " 1\n"};
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		CLEANUP(scratch_free) char *folder = scratch_new();
		CLEANUP(home_free_p) struct home *home = home_new(folder);
		struct err err;
		int lock = -1;
		assert_true(home_make(home, &err));
		scratch_put(folder, "spool/format", wrong[i]);
		assert_false(home_lock(home, &lock, &err));
		assert_int_equal(err.code, ERR_MALFORMED);
	}
}

/* Whoever has the spool may put anything there, and root takes the lock (vouch enrol, vouch reset). */
static void what_is_in_the_place_of_a_lock_is_neither_opened_nor_given_away(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(free_ptr) char *roots = file_join(folder, "roots");
	struct stat before, after;
	struct err err;
	int lock = -1;
	assert_true(home_make(home, &err));
	scratch_put(folder, "roots", "secret");
	assert_int_equal(stat(roots, &before), 0);
	if (geteuid() == 0) {
		assert_int_equal(chown(home->spool, 65534, 65534), 0);
		assert_int_equal(chown(home->receipts, 65534, 65534), 0);
	}
	assert_int_equal(symlink(roots, home->lock), 0);
	assert_false(home_lock(home, &lock, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_int_equal(link(roots, home->ship_lock), 0);
	assert_false(home_lock_shipping(home, &lock, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	assert_int_equal(lock, -1);
	assert_int_equal(stat(roots, &after), 0);
	assert_int_equal(after.st_uid, before.st_uid);
	/* A dangling link makes nothing either. */
	unlink(home->lock);
	assert_int_equal(symlink("../made", home->lock), 0);
	assert_false(home_lock(home, &lock, &err));
	assert_false(scratch_has(folder, "made"));
}

static void a_pipe_in_the_place_of_a_state_file_holds_up_nobody(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	struct err err;
	int lock = -1;
	alarm(20);
	assert_true(home_make(home, &err));
	assert_int_equal(mkfifo(home->format, 0600), 0);
	assert_false(home_lock(home, &lock, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	unlink(home->format);
	unlink(home->lock);
	assert_int_equal(mkfifo(home->lock, 0600), 0);
	assert_false(home_lock(home, &lock, &err));
	assert_int_equal(err.code, ERR_REFUSED);
	alarm(0);
}

/* The earlier spool was its user's, who may have put links into it before it was set aside. */
static void a_link_where_a_folder_was_lends_its_mode_to_none(void **state) {
	CLEANUP(scratch_free) char *folder = scratch_new();
	CLEANUP(free_ptr) char *aside = file_join(folder, "old");
	CLEANUP(home_free_p) struct home *home = home_new(folder);
	CLEANUP(home_free_p) struct home *old = home_new(aside);
	struct err err;
	assert_true(home_make(home, &err));
	assert_int_equal(rmdir(home->queue), 0);
	assert_int_equal(symlink("/tmp", home->queue), 0);
	assert_true(file_make_folder(aside, 0700, &err));
	assert_true(file_move(home->spool, old->spool, &err) && file_move(home->receipts, old->receipts, &err));
	assert_true(home_make_like(home, old, &err));
	assert_int_equal(mode_of(home->queue), 0700);
}

int main(void) {
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_earlier_versions_kept_elsewhere_is_moved_and_not_begun_anew),
		cmocka_unit_test(folders_that_were_set_aside_are_made_again_as_they_were),
		cmocka_unit_test(private_keys_come_from_the_folder_of_credentials_where_there_is_one),
		cmocka_unit_test(a_state_of_a_newer_format_is_sealed_and_shipped_by_nobody_older),
		cmocka_unit_test(who_seals_writes_the_format_and_others_can_read_it),
		cmocka_unit_test(what_is_not_the_number_of_a_format_is_refused),
		cmocka_unit_test(what_is_in_the_place_of_a_lock_is_neither_opened_nor_given_away),
		cmocka_unit_test(a_pipe_in_the_place_of_a_state_file_holds_up_nobody),
		cmocka_unit_test(a_link_where_a_folder_was_lends_its_mode_to_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
