/* SPDX-License-Identifier: BSD-3-Clause */
/* test-api-async.c - asynchronous calls: each completes exactly once, may start
 * further ones, and closing waits for all. */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store.h"

enum { CALLS = 400 };

struct call {
  struct rdisk *store;
  unsigned char memory[BLOCK];
  atomic_int times, result;
};

static struct call *calls;
static pthread_t caller;

static void done(void *opaque, int result)
{
  struct call *call = opaque;

  ck_assert(!pthread_equal(pthread_self(), caller));
  call->result = result;
  call->times++;
}

static struct rdisk *begin(void)
{
  struct rdisk *store;

  store_create(0);
  store = store_open(0);
  caller = pthread_self();
  calls = calloc(CALLS, sizeof *calls);
  for (unsigned i = 0; i < CALLS; i++) {
    calls[i].store = store;
    calls[i].result = -99;
  }
  return store;
}

static void all_done(int result, int times)
{
  for (unsigned i = 0; i < CALLS; i++) {
    ck_assert_int_eq(calls[i].times, times);
    ck_assert_int_eq(calls[i].result, result);
  }
}

static void end(void)
{
  free(calls);
  scratch_remove();
}

START_TEST(closing_waits)
{
  struct rdisk *store = begin();

  for (unsigned i = 0; i < CALLS; i++) {
    fill_pattern(calls[i].memory, BLOCK, i);
    OK(rdisk_aio_write(store, calls[i].memory, BLOCK, (uint64_t)i * BLOCK,
                       i % 50 == 0 ? RDISK_FUA : 0, done, &calls[i]));
  }
  OK(rdisk_close(store));
  all_done(0, 1);
  end();
}
END_TEST

static void wait_for(unsigned count, int times)
{
  for (unsigned i = 0; i < count; i++)
    while (calls[i].times < times)
      usleep(1000);
}

START_TEST(each_kind)
{
  struct rdisk *store = begin();

  for (unsigned i = 0; i < CALLS; i++) {
    fill_pattern(calls[i].memory, BLOCK, i);
    OK(rdisk_aio_write(store, calls[i].memory, BLOCK, (uint64_t)i * BLOCK, 0, done, &calls[i]));
  }
  wait_for(CALLS, 1);
  OK(rdisk_aio_zero(store, BLOCK, 0, 0, done, &calls[0]));
  OK(rdisk_aio_trim(store, BLOCK, BLOCK, 0, done, &calls[1]));
  wait_for(2, 2);
  OK(rdisk_aio_checkpoint(store, done, &calls[0]));
  wait_for(1, 3);
  OK(rdisk_close(store));
  store = store_open(0);
  for (unsigned i = 0; i < CALLS; i++) {
    calls[i].times = 0;
    memset(calls[i].memory, 0xee, BLOCK);
    OK(rdisk_aio_read(store, calls[i].memory, BLOCK, (uint64_t)i * BLOCK, done, &calls[i]));
  }
  wait_for(CALLS, 1);
  OK(rdisk_close(store));
  all_done(0, 1);
  for (unsigned i = 0; i < CALLS; i++)
    ck_assert(i < 2 ? is_zero(calls[i].memory, BLOCK) : has_pattern(calls[i].memory, BLOCK, i));
  end();
}
END_TEST

/* Each completion starts the next call, ten times. */
static void again(void *opaque, int result)
{
  struct call *call = opaque;

  call->result = result;
  if (++call->times < 10)
    ck_assert_int_eq(rdisk_aio_write(call->store, call->memory, BLOCK,
                                     (uint64_t)(call - calls) * BLOCK, 0, again, call), 0);
}

START_TEST(completion_starts_more)
{
  struct rdisk *store = begin();

  for (unsigned i = 0; i < CALLS; i++)
    OK(rdisk_aio_write(store, calls[i].memory, BLOCK, (uint64_t)i * BLOCK, 0, again, &calls[i]));
  OK(rdisk_close(store));
  all_done(0, 10);
  end();
}
END_TEST

START_TEST(failures_are_told)
{
  struct rdisk *store = begin();

  for (unsigned i = 0; i < CALLS; i++)
    OK(rdisk_aio_write(store, calls[i].memory, BLOCK, DISK_BYTES, 0, done, &calls[i]));
  OK(rdisk_close(store));
  all_done(RDISK_ERANGE, 1);
  end();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("api async");
  TCase *tests = tcase_create("async");

  tcase_add_test(tests, closing_waits);
  tcase_add_test(tests, each_kind);
  tcase_add_test(tests, completion_starts_more);
  tcase_add_test(tests, failures_are_told);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
