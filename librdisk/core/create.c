/* SPDX-License-Identifier: BSD-3-Clause */
/* A new store: log and roots first, the superblock last, so that a creation cut
 * short leaves nothing that could be taken for a store. */
#include "core.h"

static int describe(const struct rdisk_env *env, const struct rdisk_core_format *format,
                    uint32_t unit_bytes, struct superblock *sb)
{
  *sb = (struct superblock){
    .version = FORMAT_VERSION,
    .layout = format->layout ? format->layout : RDISK_LAYOUT_AB,
    .size_bytes = format->size_bytes,
    .block_bytes = format->block_bytes ? format->block_bytes : 4096,
    .atom_bytes = unit_bytes < FORMAT_ATOM_MIN ? FORMAT_ATOM_MIN : unit_bytes,
    .log_bytes = format->log_bytes,
    .flags = format->keep_space ? SB_KEEP_SPACE : 0,
  };
  if (sb->layout != RDISK_LAYOUT_AB)
    return core_error(env, RDISK_EINVAL, "create: layout %u is not known",
                      (uint64_t)sb->layout);
  if (sb->block_bytes < 512 || sb->block_bytes > FORMAT_UNIT_MAX ||
      (sb->block_bytes & (sb->block_bytes - 1)) != 0)
    return core_error(env, RDISK_EINVAL, "create: a block of %u bytes cannot be: a power of "
                                         "two from 512 to 65536 can", (uint64_t)sb->block_bytes);
  if (sb->size_bytes == 0 || sb->size_bytes % sb->block_bytes != 0)
    return core_error(env, RDISK_EINVAL, "create: a size of %u bytes cannot be: a multiple of "
                                         "the block size %u, above 0, can",
                      sb->size_bytes, (uint64_t)sb->block_bytes);
  if (sb->size_bytes > FORMAT_SIZE_MAX)
    return core_error(env, RDISK_EINVAL, "create: a size of %u bytes is too large: %u is the "
                                         "most", sb->size_bytes, FORMAT_SIZE_MAX);
  memcpy(sb->store_id, format->store_id, 16);
  if (!superblock_geometry(sb))
    return core_error(env, RDISK_EINVAL, "create: a log of %u bytes cannot be: at least 16 "
                                         "units of %u bytes can, up to 1 TiB",
                      format->log_bytes, (uint64_t)sb->atom_bytes);
  return 0;
}

static void put_label(struct superblock *sb, const char *label)
{
  for (unsigned i = 0; label && label[i] && i < FORMAT_LABEL - 1; i++)
    sb->label[i] = label[i];
}

int rdisk_core_store_bytes(const struct rdisk_env *env, const struct rdisk_core_format *format,
                           uint32_t unit_bytes, uint64_t *store_bytes)
{
  struct superblock sb;
  int code = describe(env, format, unit_bytes, &sb);

  if (!code)
    *store_bytes = sb.store_bytes;
  return code;
}

struct writer {
  const struct rdisk_env *env;
  struct rdisk_io *io;
  unsigned char *page;
  size_t bytes;
};

static int run(struct writer *w, enum rdisk_io_op op, uint64_t offset, size_t bytes)
{
  struct rdisk_iovec iov = { w->page, bytes };
  struct rdisk_iocb iocb = { .op = op, .offset = offset, .length = bytes, .iov = &iov,
                             .iov_count = op == RDISK_IO_WRITE };
  int code = w->io->ops->run(w->io, &iocb);

  return code ? core_error(w->env, code, "create: %s at offset %u failed",
                           op == RDISK_IO_WRITE ? "write" : "flush", offset)
              : 0;
}

/* The log is written out, so that a commit never has to find room for it. */
static int write_log(struct writer *w, const struct superblock *sb)
{
  int code = 0;

  memset(w->page, 0, w->bytes);
  for (uint64_t at = 0; at < sb->log_bytes && !code; at += w->bytes) {
    uint64_t left = sb->log_bytes - at;

    code = run(w, RDISK_IO_WRITE, sb->log_offset + at, left < w->bytes ? (size_t)left : w->bytes);
  }
  return code;
}

static int write_roots(struct writer *w, const struct superblock *sb)
{
  int code = 0;

  for (unsigned slot = 0; slot < 2 && !code; slot++) {
    struct root root = { .generation = slot, .flags = ROOT_CLEAN };

    root_encode(sb, &root, w->page);
    code = run(w, RDISK_IO_WRITE, root_offset(slot), sb->atom_bytes);
  }
  return code;
}

static int write_superblocks(struct writer *w, const struct superblock *sb)
{
  int code;

  superblock_encode(sb, w->page);
  code = run(w, RDISK_IO_WRITE, FORMAT_SECTION, sb->atom_bytes);
  if (!code)
    code = run(w, RDISK_IO_FLUSH, 0, 0);
  if (!code)
    code = run(w, RDISK_IO_WRITE, 0, sb->atom_bytes);
  if (!code)
    code = run(w, RDISK_IO_FLUSH, 0, 0);
  return code;
}

/* A superblock that is there already must not outlive what it describes. */
static int forget_old(struct writer *w, const struct superblock *sb)
{
  int code;

  memset(w->page, 0, w->bytes);
  code = run(w, RDISK_IO_WRITE, 0, sb->atom_bytes);
  if (!code)
    code = run(w, RDISK_IO_WRITE, FORMAT_SECTION, sb->atom_bytes);
  if (!code)
    code = run(w, RDISK_IO_FLUSH, 0, 0);
  return code;
}

int rdisk_core_format(const struct rdisk_env *env, struct rdisk_io *io,
                      const struct rdisk_core_format *format)
{
  struct superblock sb;
  struct writer w = { .env = env, .io = io };
  int code = describe(env, format, io->unit_bytes, &sb);

  if (code)
    return code;
  if (io->size_bytes < sb.store_bytes)
    return core_error(env, RDISK_ENOSPC, "create: the store needs %u bytes, the device has %u",
                      sb.store_bytes, io->size_bytes);
  put_label(&sb, format->label);
  sb.created_s = env->time_s ? env->time_s(env->opaque) : 0;
  w.bytes = sb.log_bytes < (1u << 20) ? (size_t)sb.log_bytes : 1u << 20;
  if (w.bytes < sb.atom_bytes)
    w.bytes = sb.atom_bytes;
  w.page = core_alloc(env, w.bytes);
  if (!w.page)
    return core_error(env, RDISK_ENOMEM, "create: no memory");
  code = forget_old(&w, &sb);
  if (!code)
    code = write_log(&w, &sb);
  if (!code)
    code = write_roots(&w, &sb);
  if (!code)
    code = run(&w, RDISK_IO_FLUSH, 0, 0);
  memset(w.page, 0, sb.atom_bytes);
  if (!code)
    code = write_superblocks(&w, &sb);
  core_release(env, w.page, w.bytes);
  return code;
}
