/* SPDX-License-Identifier: BSD-3-Clause */
/* test-server.c - policies, the timer and the control socket from within: what
 * the scripts cannot see, and what valgrind and the sanitizers should. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rdisk-server.h"

enum { SIZE = 4 << 20 };

static char folder[64], store_path[96], socket_path[96];
static struct rdisk *store;
static unsigned recovered;

static void set_up(void)
{
  struct rdisk_open_options options = RDISK_OPEN_OPTIONS_INIT;

  strcpy(folder, "/var/tmp/rdisk-server.XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
  snprintf(store_path, sizeof store_path, "%s/store", folder);
  snprintf(socket_path, sizeof socket_path, "%s/control", folder);
  ck_assert_int_eq(rdisk_create(store_path, SIZE, NULL), 0);
  ck_assert_int_eq(rdisk_open(store_path, &options, &store), 0);
  recovered = 0;
}

static void tear_down(void)
{
  if (store != NULL)
    ck_assert_int_eq(rdisk_close(store), 0);
  unlink(store_path);
  ck_assert_int_eq(rmdir(folder), 0); /* no socket is left */
}

static void count_recovered(void *opaque)
{
  ++*(unsigned *)opaque;
}

static struct rdisk_server *start(const char *policy, const char *control)
{
  struct rdisk_server_options options = RDISK_SERVER_OPTIONS_INIT;
  struct rdisk_server *server;

  ck_assert_int_eq(rdisk_server_parse_policy(policy, &options), 0);
  options.control = control;
  options.recovered = count_recovered;
  options.opaque = &recovered;
  ck_assert_int_eq(rdisk_server_start(store, &options, &server), 0);
  return server;
}

static uint64_t sequence(void)
{
  struct rdisk_info info = RDISK_INFO_INIT;

  ck_assert_int_eq(rdisk_get_info(store, &info), 0);
  return info.sequence;
}

static void write_one(char byte)
{
  char block[4096];

  memset(block, byte, sizeof block);
  ck_assert_int_eq(rdisk_write(store, block, sizeof block, 0, 0), 0);
}

START_TEST(policies)
{
  static const char *const wrong[] = { "",    "0",     "-1",     "1e3",    "inf",
                                       "nan", ".",     "1.5.2",  "5s",     " 5",
                                       "0x5", "FLUSH", "flush ", "0.0001", "31622401" };
  struct rdisk_server_options options = RDISK_SERVER_OPTIONS_INIT;

  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    ck_assert_int_eq(rdisk_server_parse_policy(wrong[i], &options), RDISK_EINVAL);
    ck_assert_ptr_nonnull(strstr(rdisk_last_error(), "checkpoint policy"));
  }
  ck_assert_int_eq(rdisk_server_parse_policy("0.25", &options), 0);
  ck_assert_int_eq(options.policy, RDISK_POLICY_FLUSH);
  ck_assert_double_eq_tol(options.interval_s, 0.25, 1e-9);
  ck_assert_int_eq(rdisk_server_parse_policy("manual", &options), 0);
  ck_assert_int_eq(options.policy, RDISK_POLICY_MANUAL);
  ck_assert_double_eq(options.interval_s, 0);
  ck_assert_int_eq(rdisk_server_parse_policy("flush", &options), 0);
  ck_assert_int_eq(options.policy, RDISK_POLICY_FLUSH);
}
END_TEST

START_TEST(flush_checkpoints)
{
  struct rdisk_server *server = start("flush", NULL);
  uint64_t before = sequence();

  write_one('a');
  ck_assert_int_eq(rdisk_server_flush(server), 0);
  ck_assert_uint_gt(sequence(), before);
  before = sequence();
  write_one('b');
  ck_assert_int_eq(rdisk_server_stop(server), 0);
  ck_assert_uint_gt(sequence(), before);
}
END_TEST

START_TEST(manual_does_not)
{
  struct rdisk_server *server = start("manual", NULL);
  uint64_t before = sequence();

  write_one('a');
  ck_assert_int_eq(rdisk_server_flush(server), 0);
  ck_assert_int_eq(rdisk_server_stop(server), 0);
  ck_assert_uint_eq(sequence(), before);
}
END_TEST

START_TEST(timer_checkpoints)
{
  struct rdisk_server *server = start("0.02", NULL);
  uint64_t before = sequence();

  write_one('a');
  for (int i = 0; i < 500 && sequence() == before; i++)
    usleep(20000);
  ck_assert_uint_gt(sequence(), before);
  ck_assert_int_eq(rdisk_server_stop(server), 0);
}
END_TEST

START_TEST(read_only_flushes_nothing)
{
  struct rdisk_open_options options = RDISK_OPEN_OPTIONS_INIT;
  struct rdisk_server *server;

  ck_assert_int_eq(rdisk_close(store), 0);
  options.flags = RDISK_OPEN_READ_ONLY;
  ck_assert_int_eq(rdisk_open(store_path, &options, &store), 0);
  server = start("0.01", NULL);
  usleep(30000);
  ck_assert_int_eq(rdisk_server_flush(server), 0);
  ck_assert_int_eq(rdisk_server_stop(server), 0);
}
END_TEST

static bool ask(const char *request, const char *expected)
{
  char *answer = NULL;
  bool as_expected;

  if (rdisk_control_call(socket_path, request, &answer) < 0)
    return false;
  as_expected = strstr(answer, expected) != NULL;
  free(answer);
  return as_expected;
}

static void *ask_often(void *argument)
{
  static const char *const requests[] = { "{\"command\":\"ping\"}", "{\"command\":\"checkpoint\"}",
                                          "{\"command\":\"info\"}", "{\"command\":\"stats\"}",
                                          "{\"command\":\"list\"}" };

  for (unsigned i = 0; i < 50; i++)
    if (!ask(requests[i % 5], "\"ok\":true"))
      return "a request failed";
  return argument;
}

START_TEST(control_from_many_threads)
{
  struct rdisk_server *server = start("0.01", socket_path);
  pthread_t threads[4];
  void *result;

  for (unsigned i = 0; i < 4; i++)
    ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_often, NULL), 0);
  for (char i = 'a'; i < 'z'; i++)
    write_one(i);
  for (unsigned i = 0; i < 4; i++) {
    ck_assert_int_eq(pthread_join(threads[i], &result), 0);
    ck_assert_ptr_null(result);
  }
  ck_assert(ask("{\"command\":\"recover\"}", "\"sequence\":"));
  ck_assert_uint_eq(recovered, 1);
  ck_assert_int_eq(rdisk_server_stop(server), 0);
}
END_TEST

START_TEST(control_refuses)
{
  struct rdisk_server *server = start("manual", socket_path);
  struct rdisk_server_options options = RDISK_SERVER_OPTIONS_INIT;
  struct rdisk_server *second;
  char *answer;

  ck_assert(ask("{\"command\":\"format\"}", "\"code\":-1"));
  ck_assert(ask("", "not a JSON object"));
  ck_assert_int_eq(rdisk_control_call(socket_path, "{}\n{}", &answer), RDISK_EINVAL);
  options.control = socket_path;
  ck_assert_int_eq(rdisk_server_start(store, &options, &second), RDISK_EBUSY);
  ck_assert_ptr_null(second);
  ck_assert(ask("{\"command\":\"ping\"}", "\"policy\":\"manual\""));
  ck_assert_int_eq(rdisk_server_stop(server), 0);
  ck_assert_int_eq(rdisk_control_call(socket_path, "{}", &answer), RDISK_ENOENT);
  ck_assert_ptr_null(answer);
}
END_TEST

START_TEST(answers_without_a_server)
{
  char *answer;

  ck_assert_int_eq(rdisk_control_answer(store, "{\"command\":\"list\"}", &answer), 0);
  ck_assert_ptr_nonnull(strstr(answer, "\"checkpoints\":[{"));
  ck_assert_ptr_null(strchr(answer, '\n'));
  free(answer);
}
END_TEST

int main(void)
{
  const TTest *const tests[] = {
    policies,          flush_checkpoints,         manual_does_not,
    timer_checkpoints, read_only_flushes_nothing, control_from_many_threads,
    control_refuses,   answers_without_a_server,
  };
  Suite *suite = suite_create("server");
  SRunner *runner;
  int failed;

  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
    TCase *tcase = tcase_create(tests[i]->name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
  }
  runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
