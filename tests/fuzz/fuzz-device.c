/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "fuzz-device.h"
#include "fuzz.h"

/* ---- images --------------------------------------------------------------------- */

static struct fuzz_page *image_find(const struct fuzz_image *image, uint64_t number)
{
  struct fuzz_page *page = image->slots[number % FUZZ_SLOTS];

  while (page != NULL && page->number != number)
    page = page->next;
  return page;
}

static struct fuzz_page *image_add(struct fuzz_image *image, uint64_t number)
{
  struct fuzz_page *page = malloc(sizeof *page);

  fuzz_require(page != NULL, "the fuzzer has no memory");
  page->number = number;
  page->next = image->slots[number % FUZZ_SLOTS];
  image->slots[number % FUZZ_SLOTS] = page;
  return page;
}

static const unsigned char *page_bytes(const struct fuzz_device *device, uint64_t number)
{
  static const unsigned char zeroes[FUZZ_PAGE];
  const struct fuzz_page *page = image_find(&device->own, number);

  if (page == NULL && device->base != NULL)
    page = image_find(device->base, number);
  return page != NULL ? page->bytes : zeroes;
}

static unsigned char *page_to_write(struct fuzz_device *device, uint64_t number)
{
  struct fuzz_page *page = image_find(&device->own, number);

  if (page == NULL) {
    const unsigned char *bytes = page_bytes(device, number);

    page = image_add(&device->own, number);
    memcpy(page->bytes, bytes, FUZZ_PAGE);
  }
  return page->bytes;
}

void fuzz_device_snapshot(const struct fuzz_device *device, struct fuzz_image *image)
{
  static const unsigned char zeroes[FUZZ_PAGE];

  fuzz_require(device->base == NULL, "a snapshot of a device over an image");
  for (unsigned i = 0; i < FUZZ_SLOTS; i++)
    for (const struct fuzz_page *page = device->own.slots[i]; page != NULL; page = page->next)
      if (memcmp(page->bytes, zeroes, FUZZ_PAGE) != 0)
        memcpy(image_add(image, page->number)->bytes, page->bytes, FUZZ_PAGE);
}

/* ---- reading and writing ----------------------------------------------------------- */

static size_t in_page(uint64_t offset, size_t bytes)
{
  size_t room = FUZZ_PAGE - offset % FUZZ_PAGE;

  return bytes < room ? bytes : room;
}

static void get(const struct fuzz_device *device, void *to, size_t bytes, uint64_t offset)
{
  for (size_t n; bytes > 0; bytes -= n, offset += n, to = (char *)to + n) {
    n = in_page(offset, bytes);
    memcpy(to, page_bytes(device, offset / FUZZ_PAGE) + offset % FUZZ_PAGE, n);
  }
}

static void put(struct fuzz_device *device, const void *from, size_t bytes, uint64_t offset)
{
  for (size_t n; bytes > 0; bytes -= n, offset += n, from = (const char *)from + n) {
    n = in_page(offset, bytes);
    memcpy(page_to_write(device, offset / FUZZ_PAGE) + offset % FUZZ_PAGE, from, n);
  }
}

static bool inside(const struct fuzz_device *device, uint64_t bytes, uint64_t offset)
{
  return offset <= device->io.size_bytes && bytes <= device->io.size_bytes - offset;
}

void fuzz_peek(const struct fuzz_device *device, void *to, size_t bytes, uint64_t offset)
{
  memset(to, 0, bytes);
  if (inside(device, bytes, offset))
    get(device, to, bytes, offset);
}

void fuzz_poke(struct fuzz_device *device, const void *from, size_t bytes, uint64_t offset)
{
  if (inside(device, bytes, offset))
    put(device, from, bytes, offset);
}

/* Zero what is there of the range: in the own image, and of the base's in the own one. */
static void discard(struct fuzz_device *device, uint64_t bytes, uint64_t offset)
{
  uint64_t first = offset / FUZZ_PAGE, end = (offset + bytes) / FUZZ_PAGE;

  for (unsigned i = 0; i < FUZZ_SLOTS; i++) {
    for (struct fuzz_page *page = device->own.slots[i]; page != NULL; page = page->next)
      if (page->number >= first && page->number < end)
        memset(page->bytes, 0, FUZZ_PAGE);
    if (device->base == NULL)
      continue;
    for (const struct fuzz_page *page = device->base->slots[i]; page != NULL; page = page->next)
      if (page->number >= first && page->number < end)
        memset(page_to_write(device, page->number), 0, FUZZ_PAGE);
  }
}

/* ---- transfers --------------------------------------------------------------------- */

static void check_range(const struct fuzz_device *device, const struct rdisk_iocb *iocb)
{
  fuzz_require(inside(device, iocb->length, iocb->offset),
               "transfer %d of %llu bytes at %llu: the device has %llu", (int)iocb->op,
               (unsigned long long)iocb->length, (unsigned long long)iocb->offset,
               (unsigned long long)device->io.size_bytes);
  if (iocb->op == RDISK_IO_READ)
    return;
  fuzz_require(!device->read_only, "transfer %d to a store that is open read-only", (int)iocb->op);
  fuzz_require(iocb->offset % FUZZ_PAGE == 0 && iocb->length % FUZZ_PAGE == 0 && iocb->length > 0,
               "transfer %d of %llu bytes at %llu is not of whole units", (int)iocb->op,
               (unsigned long long)iocb->length, (unsigned long long)iocb->offset);
  fuzz_require(device->formatting || iocb->offset >= root_offset(0),
               "transfer %d to a superblock", (int)iocb->op);
}

static void copy(struct fuzz_device *device, const struct rdisk_iocb *iocb)
{
  uint64_t at = iocb->offset;

  fuzz_require(iocb->iov_count <= RDISK_IOV_MAX, "an iov of %u pieces", iocb->iov_count);
  for (unsigned i = 0; i < iocb->iov_count; i++) {
    const struct rdisk_iovec *v = &iocb->iov[i];

    fuzz_require(v->length <= iocb->offset + iocb->length - at, "an iov longer than its transfer");
    if (iocb->op == RDISK_IO_WRITE)
      put(device, v->base, v->length, at);
    else
      get(device, v->base, v->length, at);
    at += v->length;
  }
  fuzz_require(at == iocb->offset + iocb->length, "an iov shorter than its transfer");
}

static int run(struct rdisk_io *io, struct rdisk_iocb *iocb)
{
  struct fuzz_device *device = (struct fuzz_device *)io;

  iocb->result = 0;
  if (iocb->op == RDISK_IO_FLUSH)
    return 0;
  check_range(device, iocb);
  if (iocb->op == RDISK_IO_DISCARD)
    discard(device, iocb->length, iocb->offset);
  else if (iocb->op != RDISK_IO_RESERVE)
    copy(device, iocb);
  return 0;
}

/* ---- queues -------------------------------------------------------------------------- */

static int queue_open(struct rdisk_io *io, unsigned depth, struct rdisk_ioq **queue)
{
  struct fuzz_device *device = (struct fuzz_device *)io;

  (void)depth;
  for (unsigned i = 0; i < FUZZ_QUEUES; i++)
    if (device->queues[i].device == NULL) {
      *queue = &device->queues[i];
      **queue = (struct rdisk_ioq){ device, NULL, &(*queue)->done };
      return 0;
    }
  return RDISK_ENOMEM;
}

static void queue_close(struct rdisk_io *io, struct rdisk_ioq *queue)
{
  (void)io;
  fuzz_require(queue->done == NULL, "a queue closed with transfers on it");
  queue->device = NULL;
}

static void submit(struct rdisk_ioq *queue, struct rdisk_iocb **iocbs, unsigned count)
{
  for (unsigned i = 0; i < count; i++) {
    run(&queue->device->io, iocbs[i]);
    iocbs[i]->link = NULL;
    *queue->done_end = iocbs[i];
    queue->done_end = &iocbs[i]->link;
  }
}

/* No more than must be: what is under way stays so for as long as it can. */
static unsigned reap(struct rdisk_ioq *queue, struct rdisk_iocb **done, unsigned max, unsigned min)
{
  unsigned n = 0;

  for (; n < max && n < min && queue->done != NULL; queue->done = queue->done->link)
    done[n++] = queue->done;
  fuzz_require(n == min || n == max, "a reap of %u where fewer are under way: it never ends", min);
  if (queue->done == NULL)
    queue->done_end = &queue->done;
  return n;
}

static const struct rdisk_io_ops fuzz_ops = {
  .name = "fuzz",
  .run = run,
  .queue_open = queue_open,
  .queue_close = queue_close,
  .submit = submit,
  .reap = reap,
};

void fuzz_device_init(struct fuzz_device *device, const struct fuzz_image *base,
                      uint64_t size_bytes, uint32_t unit_bytes)
{
  memset(device, 0, sizeof *device);
  device->io = (struct rdisk_io){ .ops = &fuzz_ops, .size_bytes = size_bytes,
                                  .unit_bytes = unit_bytes, .discards = true, .reserves = true };
  device->base = base;
}

void fuzz_device_free(struct fuzz_device *device)
{
  for (unsigned i = 0; i < FUZZ_SLOTS; i++)
    for (struct fuzz_page *page = device->own.slots[i], *next; page != NULL; page = next) {
      next = page->next;
      free(page);
    }
  memset(&device->own, 0, sizeof device->own);
}
