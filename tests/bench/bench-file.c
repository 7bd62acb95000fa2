/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-file - run one workload on a file: a bare one, or a disk on a FUSE mount.
 *
 * As many threads as the workload is deep, each with plain pread(2) or
 * pwrite(2) and a buffer of its own; they take request numbers from one
 * counter.  Between batches all meet at a barrier and one of them flushes with
 * fdatasync(2), so a flush comes after everything before it was answered.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"

struct driver {
  struct bench bench;
  int fd;
  pthread_barrier_t barrier;
  _Atomic uint64_t next;
  uint64_t batch_end; /* this and `more`: changed only between the two barriers */
  bool more;
  atomic_bool failed;
};

static void request_failed(struct driver *driver, const char *operation, uint64_t offset,
                           int error)
{
  fprintf(stderr, "bench: %s: %s at %" PRIu64 ": %s\n", driver->bench.target, operation, offset,
          strerror(error));
  driver->failed = true;
}

static int transfer(struct driver *driver, unsigned char *buffer, uint64_t offset)
{
  bool write = driver->bench.workload.write;
  size_t length = driver->bench.workload.request_bytes, done = 0;
  while (done < length) {
    off_t place = (off_t)(offset + done);
    ssize_t count = write ? pwrite(driver->fd, buffer + done, length - done, place)
                          : pread(driver->fd, buffer + done, length - done, place);
    if (count > 0)
      done += (size_t)count;
    else if (count == 0 || errno != EINTR)
      return count == 0 ? EIO : errno;
  }
  return 0;
}

static void do_request(struct driver *driver, unsigned char *buffer, uint64_t index)
{
  struct bench *bench = &driver->bench;
  uint64_t offset = bench_offset(bench, index);
  if (bench->workload.write)
    bench_tag(bench, buffer, offset);
  uint64_t began_ns = bench_now_ns();
  int error = transfer(driver, buffer, offset);
  bench->latency_ns[index] = bench_now_ns() - began_ns;
  if (error != 0)
    request_failed(driver, bench->workload.write ? "write" : "read", offset, error);
  else if (!bench->workload.write && bench_check(bench, buffer, offset) == -1)
    driver->failed = true;
}

/* All other threads stand between the barriers. */
static void end_batch(struct driver *driver)
{
  struct bench *bench = &driver->bench;
  if (bench_flushes(bench) && !driver->failed) {
    uint64_t began_ns = bench_now_ns();
    if (fdatasync(driver->fd) == -1)
      request_failed(driver, "flush", 0, errno);
    bench_flush_done(bench, began_ns);
  }
  driver->more = driver->batch_end < bench->workload.ops && !driver->failed;
  driver->next = driver->batch_end;
  if (driver->more)
    driver->batch_end = bench_batch_end(bench, driver->batch_end);
}

static void *worker(void *opaque)
{
  struct driver *driver = opaque;
  unsigned char *buffer = bench_buffer(&driver->bench);
  do {
    uint64_t end = driver->batch_end, index;
    while (!driver->failed && (index = atomic_fetch_add(&driver->next, 1)) < end)
      do_request(driver, buffer, index);
    if (pthread_barrier_wait(&driver->barrier) == PTHREAD_BARRIER_SERIAL_THREAD)
      end_batch(driver);
    pthread_barrier_wait(&driver->barrier);
  } while (driver->more);
  free(buffer);
  return NULL;
}

static int run(struct driver *driver)
{
  struct bench *bench = &driver->bench;
  unsigned depth = bench->workload.depth;
  pthread_t *threads = calloc(depth, sizeof threads[0]);
  if (threads == NULL || pthread_barrier_init(&driver->barrier, NULL, depth) != 0)
    return -1;
  driver->batch_end = bench_batch_end(bench, 0);
  bench->start_ns = bench_now_ns();
  for (unsigned i = 0; i < depth; i++) {
    int error = pthread_create(&threads[i], NULL, worker, driver);
    if (error != 0) { /* those that run wait at the barrier for ever */
      fprintf(stderr, "bench: start thread %u: %s\n", i, strerror(error));
      exit(1);
    }
  }
  for (unsigned i = 0; i < depth; i++)
    pthread_join(threads[i], NULL);
  bench->end_ns = bench_now_ns();
  pthread_barrier_destroy(&driver->barrier);
  free(threads);
  return driver->failed ? -1 : 0;
}

/* The file must exist, unless a write workload is told its size. */
static int open_target(struct driver *driver)
{
  struct bench *bench = &driver->bench;
  bool make = bench->workload.write && bench->size_bytes > 0;
  int flags = bench->workload.write ? O_RDWR : O_RDONLY;
  driver->fd = open(bench->target,
                    flags | O_CLOEXEC | (bench->direct ? O_DIRECT : 0) | (make ? O_CREAT : 0),
                    0600);
  if (driver->fd == -1) {
    fprintf(stderr, "bench: open %s: %s\n", bench->target, strerror(errno));
    return -1;
  }
  off_t end = lseek(driver->fd, 0, SEEK_END);
  uint64_t size_bytes = end > 0 ? (uint64_t)end : 0;
  if (make && size_bytes < bench->size_bytes)
    size_bytes = bench->size_bytes;
  return bench_prepare(bench, size_bytes);
}

int main(int argc, char **argv)
{
  struct driver driver = {.fd = -1};
  bench_options(&driver.bench, argc, argv, "FILE");
  int result = open_target(&driver);
  if (result == 0)
    result = run(&driver);
  if (result == 0)
    bench_print(&driver.bench);
  if (driver.fd != -1)
    close(driver.fd);
  bench_free(&driver.bench);
  return result == 0 ? 0 : 1;
}
