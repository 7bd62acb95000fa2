/* SPDX-License-Identifier: BSD-3-Clause */
/* test-backend.c - the Linux backend on files, in each of its ways, against the
 * contract in rdisk-io.h: one transfer at a time, and queues of them. */
#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend.h"

/* ---- ways -------------------------------------------------------------------------- */

START_TEST(geometry)
{
  if (!set_up_way(_i))
    return;
  ck_assert_uint_eq(io->size_bytes, FILE_BYTES);
  ck_assert_uint_ge(io->unit_bytes, 4096);
  ck_assert_uint_eq(io->unit_bytes & (io->unit_bytes - 1), 0);
  ck_assert(!io->read_only);
  if (_i != WAY_URING)
    ck_assert_str_eq(io->ops->name, "pread/pwrite");
  if (_i == WAY_BUFFERED)
    ck_assert(!file->direct);
  tear_down();
}
END_TEST

START_TEST(written_is_read)
{
  unsigned char *out = aligned_memory(1 << 20), *in = aligned_memory(1 << 20);
  size_t sizes[] = { UNIT, 3 * UNIT, 1 << 20 };

  if (!set_up_way(_i))
    return;
  for (unsigned s = 0; s < 3; s++)
    for (uint32_t flags = 0; flags <= RDISK_IO_UNCACHED; flags++) {
      uint64_t offset = (s + 1) * 10 * UNIT;

      fill_pattern(out, sizes[s], s * 2 + flags);
      ck_assert_int_eq(io_run(io, RDISK_IO_WRITE, 0, out, sizes[s], offset), 0);
      ck_assert_int_eq(io_run(io, RDISK_IO_READ, flags, in, sizes[s], offset), 0);
      ck_assert(has_pattern(in, sizes[s], s * 2 + flags));
    }
  ck_assert_int_eq(io_run(io, RDISK_IO_FLUSH, 0, NULL, 0, 0), 0);
  free(out);
  free(in);
  tear_down();
}
END_TEST

/* A direct write must be seen by reads that had the old contents cached. */
START_TEST(cache_follows_writes)
{
  unsigned char *out = aligned_memory(UNIT), *in = aligned_memory(16 * UNIT);

  if (!set_up_way(_i))
    return;
  for (uint64_t seed = 0; seed < 50; seed++) {
    ck_assert_int_eq(io_run(io, RDISK_IO_READ, 0, in, 16 * UNIT, 0), 0);
    fill_pattern(out, UNIT, seed);
    ck_assert_int_eq(io_run(io, RDISK_IO_WRITE, 0, out, UNIT, seed % 16 * UNIT), 0);
    ck_assert_int_eq(io_run(io, RDISK_IO_READ, 0, in, 16 * UNIT, 0), 0);
    ck_assert(has_pattern(in + seed % 16 * UNIT, UNIT, seed));
  }
  free(out);
  free(in);
  tear_down();
}
END_TEST

/* Uncached reads find what somebody else wrote through the cache and not synced. */
START_TEST(uncached_sees_others)
{
  unsigned char *out = aligned_memory(UNIT), *in = aligned_memory(UNIT);
  int fd;

  if (!set_up_way(_i))
    return;
  fd = open(scratch_path("store"), O_WRONLY | O_CLOEXEC);
  fill_pattern(out, UNIT, 7);
  ck_assert_int_eq(pwrite(fd, out, UNIT, 5 * UNIT), UNIT);
  ck_assert_int_eq(io_run(io, RDISK_IO_READ, RDISK_IO_UNCACHED, in, UNIT, 5 * UNIT), 0);
  ck_assert(has_pattern(in, UNIT, 7));
  close(fd);
  free(out);
  free(in);
  tear_down();
}
END_TEST

START_TEST(any_alignment_is_read)
{
  static const struct {
    uint64_t offset;
    size_t bytes, skew;
  } cases[] = { { 1, 1, 1 }, { 511, 1026, 3 }, { 4095, 2, 0 }, { 0, UNIT, 7 },
                { UNIT, 100, 0 }, { 12345, 700000, 5 }, { 1 << 20, 300001, 4095 } };
  unsigned char *all = aligned_memory(FILE_BYTES), *in = aligned_memory(1 << 20);

  if (!set_up_way(_i))
    return;
  fill_pattern(all, FILE_BYTES, 3);
  ck_assert_int_eq(io_run(io, RDISK_IO_WRITE, 0, all, FILE_BYTES, 0), 0);
  for (unsigned c = 0; c < sizeof cases / sizeof cases[0]; c++)
    for (uint32_t flags = 0; flags <= RDISK_IO_UNCACHED; flags++) {
      unsigned char *at = in + cases[c].skew;

      memset(in, 0xee, 1 << 20);
      ck_assert_int_eq(io_run(io, RDISK_IO_READ, flags, at, cases[c].bytes, cases[c].offset), 0);
      ck_assert_int_eq(memcmp(at, all + cases[c].offset, cases[c].bytes), 0);
      ck_assert_uint_eq(at[cases[c].bytes], 0xee);
    }
  free(all);
  free(in);
  tear_down();
}
END_TEST

START_TEST(beyond_the_end_is_zero)
{
  unsigned char *in = aligned_memory(8 * UNIT);

  if (!set_up_way(_i))
    return;
  ck_assert_int_eq(truncate(scratch_path("store"), 5 * UNIT + 100), 0);
  fill_pattern(in, UNIT, 1);
  ck_assert_int_eq(io_run(io, RDISK_IO_WRITE, 0, in, UNIT, 4 * UNIT), 0);
  for (uint32_t flags = 0; flags <= RDISK_IO_UNCACHED; flags++) {
    memset(in, 0xee, 8 * UNIT);
    ck_assert_int_eq(io_run(io, RDISK_IO_READ, flags, in, 8 * UNIT, 4 * UNIT), 0);
    ck_assert(has_pattern(in, UNIT, 1));
    ck_assert(is_zero(in + UNIT, 7 * UNIT));
    memset(in, 0xee, 8 * UNIT);
    ck_assert_int_eq(io_run(io, RDISK_IO_READ, flags, in, UNIT, 100 * FILE_BYTES), 0);
    ck_assert(is_zero(in, UNIT));
  }
  free(in);
  tear_down();
}
END_TEST

START_TEST(scattered_memory)
{
  enum { PIECES = RDISK_IOV_MAX };
  unsigned char *out = aligned_memory(PIECES * UNIT), *in = aligned_memory(PIECES * UNIT);
  struct rdisk_iovec iov[PIECES];
  struct rdisk_iocb iocb = { .op = RDISK_IO_WRITE, .length = PIECES * UNIT, .iov = iov,
                             .iov_count = PIECES };

  if (!set_up_way(_i))
    return;
  fill_pattern(out, PIECES * UNIT, 9);
  for (unsigned i = 0; i < PIECES; i++) /* backwards in memory */
    iov[i] = (struct rdisk_iovec){ out + (PIECES - 1 - i) * UNIT, UNIT };
  ck_assert_int_eq(io->ops->run(io, &iocb), 0);
  ck_assert_int_eq(io_run(io, RDISK_IO_READ, RDISK_IO_UNCACHED, in, PIECES * UNIT, 0), 0);
  for (unsigned i = 0; i < PIECES; i++)
    ck_assert_int_eq(memcmp(in + i * UNIT, out + (PIECES - 1 - i) * UNIT, UNIT), 0);
  free(out);
  free(in);
  tear_down();
}
END_TEST

START_TEST(space)
{
  unsigned char *memory = aligned_memory(1 << 20);
  uint64_t before;

  if (!set_up_way(_i))
    return;
  fill_pattern(memory, 1 << 20, 4);
  ck_assert_int_eq(io_run(io, RDISK_IO_WRITE, 0, memory, 1 << 20, 0), 0);
  ck_assert_int_eq(io_run(io, RDISK_IO_FLUSH, 0, NULL, 0, 0), 0);
  before = linux_io_allocated(file);
  if (io->discards) {
    ck_assert_int_eq(io_run(io, RDISK_IO_DISCARD, 0, NULL, 1 << 19, 0), 0);
    ck_assert_uint_le(linux_io_allocated(file), before - (1 << 19));
    ck_assert_int_eq(io_run(io, RDISK_IO_READ, 0, memory, 1 << 19, 0), 0);
    ck_assert(is_zero(memory, 1 << 19));
  }
  if (io->reserves) {
    before = linux_io_allocated(file);
    ck_assert_int_eq(io_run(io, RDISK_IO_RESERVE, 0, NULL, 1 << 20, 2 << 20), 0);
    ck_assert_uint_ge(linux_io_allocated(file), before + (1 << 20));
  }
  free(memory);
  tear_down();
}
END_TEST

/* ---- queues ------------------------------------------------------------------------- */

START_TEST(queue_moves_data)
{
  unsigned char *arena = aligned_memory(SLOTS * 2 * UNIT);
  unsigned char *other = aligned_memory(SLOTS * 2 * UNIT);

  if (!set_up_way(_i))
    return;
  queue_round_trip(arena, other, 1);
  if (io->ops->buffers)
    io->ops->buffers(io, arena, SLOTS * 2 * UNIT);
  queue_round_trip(arena, other, 10); /* by then the arena is registered */
  free(arena);
  free(other);
  tear_down();
}
END_TEST

START_TEST(queue_odd_jobs)
{
  unsigned char *memory = aligned_memory(8 * UNIT);
  struct slot slots[4];
  struct rdisk_ioq *queue;

  if (!set_up_way(_i))
    return;
  ck_assert_int_eq(io->ops->queue_open(io, DEPTH, &queue), 0);
  fill_pattern(memory, UNIT, 1);
  ck_assert_int_eq(io_run(io, RDISK_IO_WRITE, 0, memory, UNIT, 0), 0);
  slot_set(&slots[0], RDISK_IO_DISCARD, 0, memory, 4 * UNIT, 64 * UNIT);
  slot_set(&slots[1], RDISK_IO_RESERVE, 0, memory, 4 * UNIT, 128 * UNIT);
  slot_set(&slots[2], RDISK_IO_READ, RDISK_IO_UNCACHED, memory + UNIT + 1, 100, 1);
  slot_set(&slots[3], RDISK_IO_READ, 0, memory + 2 * UNIT, UNIT, 2 * FILE_BYTES);
  memset(memory + 2 * UNIT, 0xee, UNIT);
  queue_run(queue, slots, io->reserves ? 4 : 1);
  if (io->reserves) {
    ck_assert_int_eq(memcmp(memory + UNIT + 1, memory + 1, 100), 0);
    ck_assert(is_zero(memory + 2 * UNIT, UNIT));
  }
  io->ops->queue_close(io, queue);
  free(memory);
  tear_down();
}
END_TEST

static void *queue_thread(void *opaque)
{
  unsigned char *memory = aligned_memory(SLOTS * UNIT);
  struct slot *slots = calloc(SLOTS, sizeof *slots);
  uint64_t turn = (uintptr_t)opaque;
  struct rdisk_ioq *queue;

  ck_assert_int_eq(io->ops->queue_open(io, DEPTH, &queue), 0);
  for (unsigned i = 0; i < SLOTS; i++) {
    fill_pattern(memory + i * UNIT, UNIT, turn * 1000 + i);
    slot_set(&slots[i], RDISK_IO_WRITE, 0, memory + i * UNIT, UNIT, (turn * SLOTS + i) * UNIT);
  }
  queue_run(queue, slots, SLOTS);
  io->ops->queue_close(io, queue);
  free(slots);
  free(memory);
  return NULL;
}

START_TEST(queues_in_parallel)
{
  unsigned char *memory = aligned_memory(UNIT);
  pthread_t threads[3];

  if (!set_up_way(_i))
    return;
  for (uintptr_t t = 0; t < 3; t++)
    ck_assert_int_eq(pthread_create(&threads[t], NULL, queue_thread, (void *)t), 0);
  for (unsigned t = 0; t < 3; t++)
    pthread_join(threads[t], NULL);
  for (uint64_t n = 0; n < 3 * SLOTS; n++) {
    ck_assert_int_eq(io_run(io, RDISK_IO_READ, 0, memory, UNIT, n * UNIT), 0);
    ck_assert(has_pattern(memory, UNIT, n / SLOTS * 1000 + n % SLOTS));
  }
  free(memory);
  tear_down();
}
END_TEST

/* A queue may pass from thread to thread, and its submitter may be gone. */
struct handover {
  struct rdisk_ioq *queue;
  struct slot slots[DEPTH];
};

static void *submit_and_leave(void *opaque)
{
  struct handover *handover = opaque;
  struct rdisk_iocb *batch[DEPTH];

  for (unsigned i = 0; i < DEPTH; i++)
    batch[i] = &handover->slots[i].iocb;
  io->ops->submit(handover->queue, batch, DEPTH);
  return NULL;
}

START_TEST(queue_outlives_its_submitter)
{
  unsigned char *memory = aligned_memory(DEPTH * UNIT), *in = aligned_memory(DEPTH * UNIT);
  struct rdisk_iocb *done[DEPTH];
  struct handover handover;
  pthread_t thread;

  if (!set_up_way(_i))
    return;
  fill_pattern(memory, DEPTH * UNIT, 5);
  ck_assert_int_eq(io->ops->queue_open(io, DEPTH, &handover.queue), 0);
  for (unsigned i = 0; i < DEPTH; i++)
    slot_set(&handover.slots[i], RDISK_IO_WRITE, 0, memory + i * UNIT, UNIT, i * UNIT);
  ck_assert_int_eq(pthread_create(&thread, NULL, submit_and_leave, &handover), 0);
  pthread_join(thread, NULL);
  ck_assert_uint_eq(io->ops->reap(handover.queue, done, DEPTH, DEPTH), DEPTH);
  for (unsigned i = 0; i < DEPTH; i++)
    ck_assert_int_eq(done[i]->result, 0);
  ck_assert_int_eq(io_run(io, RDISK_IO_READ, 0, in, DEPTH * UNIT, 0), 0);
  ck_assert(has_pattern(in, DEPTH * UNIT, 5));
  io->ops->queue_close(io, handover.queue);
  free(memory);
  free(in);
  tear_down();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("backend");
  TCase *each = tcase_create("each way");

  tcase_add_loop_test(each, geometry, 0, WAYS);
  tcase_add_loop_test(each, written_is_read, 0, WAYS);
  tcase_add_loop_test(each, cache_follows_writes, 0, WAYS);
  tcase_add_loop_test(each, uncached_sees_others, 0, WAYS);
  tcase_add_loop_test(each, any_alignment_is_read, 0, WAYS);
  tcase_add_loop_test(each, beyond_the_end_is_zero, 0, WAYS);
  tcase_add_loop_test(each, scattered_memory, 0, WAYS);
  tcase_add_loop_test(each, space, 0, WAYS);
  tcase_add_loop_test(each, queue_moves_data, 0, WAYS);
  tcase_add_loop_test(each, queue_odd_jobs, 0, WAYS);
  tcase_add_loop_test(each, queues_in_parallel, 0, WAYS);
  tcase_add_loop_test(each, queue_outlives_its_submitter, 0, WAYS);
  suite_add_tcase(suite, each);
  return run_suite(suite);
}
