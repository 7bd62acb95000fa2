/* SPDX-License-Identifier: BSD-3-Clause */
/* bench-nbd - drive an NBD server on a Unix socket with one workload.
 *
 * One thread, libnbd's asynchronous calls, our own poll(2) over the
 * connections.  A completion only frees its slot (libnbd forbids calls on the
 * handle from a callback); the loop then fills free slots.  Slots belong to
 * connections round robin, so the depth is shared by them.
 *
 * A flush comes after everything before it was answered.  Where the server
 * says that a flush covers all connections (multi_conn) one is sent, else one
 * on each.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libnbd.h>

#include "bench.h"

struct slot {
  struct driver *driver;
  struct nbd_handle *connection;
  unsigned char *buffer;
  uint64_t index, offset, began_ns;
  struct slot *next_free;
};

struct driver {
  struct bench bench;
  struct nbd_handle **connections;
  struct pollfd *polls;
  struct slot *slots, *free_slots;
  unsigned under_way;
  bool failed; /* start no more requests, but take the answers to those under way */
  bool dead;   /* a connection cannot be talked over any more */
};

static int nbd_failed(struct driver *driver, const char *operation)
{
  fprintf(stderr, "bench: %s: %s: %s\n", driver->bench.target, operation, nbd_get_error());
  driver->failed = driver->dead = true;
  return -1;
}

static int connect_all(struct driver *driver)
{
  struct bench *bench = &driver->bench;
  driver->connections = calloc(bench->connections, sizeof driver->connections[0]);
  driver->polls = calloc(bench->connections, sizeof driver->polls[0]);
  if (driver->connections == NULL || driver->polls == NULL)
    return -1;
  for (unsigned i = 0; i < bench->connections; i++) {
    struct nbd_handle *connection = nbd_create();
    if (connection == NULL)
      return nbd_failed(driver, "create a handle");
    driver->connections[i] = connection;
#ifdef LIBNBD_HAVE_NBD_SET_PREAD_INITIALIZE
    nbd_set_pread_initialize(connection, false);
#endif
    if (nbd_connect_unix(connection, bench->target) == -1)
      return nbd_failed(driver, "connect");
  }
  return 0;
}

static int make_slots(struct driver *driver)
{
  struct bench *bench = &driver->bench;
  unsigned depth = bench->workload.depth;
  driver->slots = calloc(depth, sizeof driver->slots[0]);
  if (driver->slots == NULL)
    return -1;
  for (unsigned i = 0; i < depth; i++) {
    struct slot *slot = &driver->slots[i];
    slot->driver = driver;
    slot->connection = driver->connections[i % bench->connections];
    slot->buffer = bench_buffer(bench);
    slot->next_free = driver->free_slots;
    driver->free_slots = slot;
  }
  return 0;
}

static int request_done(void *opaque, int *error)
{
  struct slot *slot = opaque;
  struct driver *driver = slot->driver;
  struct bench *bench = &driver->bench;
  bench->latency_ns[slot->index] = bench_now_ns() - slot->began_ns;
  if (*error != 0) {
    fprintf(stderr, "bench: %s: request at %" PRIu64 ": %s\n", bench->target, slot->offset,
            strerror(*error));
    driver->failed = true;
  }
  else if (!bench->workload.write && bench_check(bench, slot->buffer, slot->offset) == -1)
    driver->failed = true;
  slot->next_free = driver->free_slots;
  driver->free_slots = slot;
  driver->under_way--;
  return 1; /* retire the command */
}

static int start_request(struct driver *driver, uint64_t index)
{
  struct bench *bench = &driver->bench;
  struct slot *slot = driver->free_slots;
  nbd_completion_callback done = {.callback = request_done, .user_data = slot};
  size_t length = bench->workload.request_bytes;
  driver->free_slots = slot->next_free;
  driver->under_way++;
  slot->index = index;
  slot->offset = bench_offset(bench, index);
  if (bench->workload.write)
    bench_tag(bench, slot->buffer, slot->offset);
  slot->began_ns = bench_now_ns();
  int64_t cookie =
      bench->workload.write
          ? nbd_aio_pwrite(slot->connection, slot->buffer, length, slot->offset, done, 0)
          : nbd_aio_pread(slot->connection, slot->buffer, length, slot->offset, done, 0);
  return cookie == -1 ? nbd_failed(driver, "start a request") : 0;
}

static void wait_for_server(struct driver *driver)
{
  unsigned count = driver->bench.connections;
  for (unsigned i = 0; i < count; i++) {
    unsigned direction = nbd_aio_get_direction(driver->connections[i]);
    driver->polls[i].fd = nbd_aio_get_fd(driver->connections[i]);
    driver->polls[i].events = (short)(direction & LIBNBD_AIO_DIRECTION_READ ? POLLIN : 0);
    if (direction & LIBNBD_AIO_DIRECTION_WRITE)
      driver->polls[i].events |= POLLOUT;
  }
  if (poll(driver->polls, count, -1) == -1) {
    if (errno != EINTR)
      driver->failed = driver->dead = true;
    return;
  }
  for (unsigned i = 0; i < count && !driver->dead; i++) {
    int result = 0;
    if (driver->polls[i].revents & (POLLIN | POLLHUP | POLLERR))
      result = nbd_aio_notify_read(driver->connections[i]);
    else if (driver->polls[i].revents & POLLOUT)
      result = nbd_aio_notify_write(driver->connections[i]);
    if (result == -1)
      nbd_failed(driver, "talk to the server");
  }
}

static void flush(struct driver *driver)
{
  struct bench *bench = &driver->bench;
  uint64_t began_ns = bench_now_ns();
  unsigned count = nbd_can_multi_conn(driver->connections[0]) == 1 ? 1 : bench->connections;
  for (unsigned i = 0; i < count; i++)
    if (nbd_flush(driver->connections[i], 0) == -1)
      nbd_failed(driver, "flush");
  bench_flush_done(bench, began_ns);
}

static void run(struct driver *driver)
{
  struct bench *bench = &driver->bench;
  uint64_t next = 0;
  bench->start_ns = bench_now_ns();
  while (next < bench->workload.ops && !driver->failed) {
    uint64_t end = bench_batch_end(bench, next);
    do {
      while (next < end && driver->free_slots != NULL && !driver->failed)
        start_request(driver, next++);
      if (driver->under_way > 0 && !driver->dead)
        wait_for_server(driver);
    } while ((next < end && !driver->failed) || (driver->under_way > 0 && !driver->dead));
    if (bench_flushes(bench) && !driver->failed)
      flush(driver);
  }
  bench->end_ns = bench_now_ns();
}

static void close_all(struct driver *driver)
{
  struct bench *bench = &driver->bench;
  for (unsigned i = 0; driver->connections != NULL && i < bench->connections; i++) {
    if (driver->connections[i] != NULL && !driver->dead)
      nbd_shutdown(driver->connections[i], 0);
    nbd_close(driver->connections[i]);
  }
  for (unsigned i = 0; driver->slots != NULL && i < bench->workload.depth; i++)
    free(driver->slots[i].buffer);
  free(driver->slots);
  free(driver->polls);
  free(driver->connections);
  bench_free(bench);
}

int main(int argc, char **argv)
{
  struct driver driver = {0};
  bench_options(&driver.bench, argc, argv, "SOCKET");
  driver.failed = connect_all(&driver) == -1;
  if (!driver.failed) {
    int64_t size_bytes = nbd_get_size(driver.connections[0]);
    driver.failed = size_bytes < 0 || bench_prepare(&driver.bench, (uint64_t)size_bytes) == -1 ||
                    make_slots(&driver) == -1;
  }
  if (!driver.failed)
    run(&driver);
  if (!driver.failed)
    bench_print(&driver.bench);
  close_all(&driver);
  return driver.failed ? 1 : 0;
}
