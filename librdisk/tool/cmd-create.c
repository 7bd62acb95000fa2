/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd-create.c - rdisk create. */
#include "config.h"

#include <inttypes.h>

#include "tool.h"

static int create(const struct args *args)
{
  struct rdisk_create_options options = args->create;
  uint32_t block_bytes = options.block_bytes != 0 ? options.block_bytes : 4096;
  uint64_t size_bytes;
  int result;

  if (!size_parse(args->size, &size_bytes))
    return message_usage(args, "'%s' is not a size", args->size);
  if (size_bytes == 0 || size_bytes % block_bytes != 0)
    return message_usage(
        args, "size %s: must be a multiple of the block size, %" PRIu32 " bytes, and not 0",
        args->size, block_bytes);
  progress_catch_signals();
  options.progress = progress_show;
  options.log = message_log;
  options.opaque = (void *)args;
  result = rdisk_create(args->store, size_bytes, &options);
  return result < 0 ? message_failure(args, result, rdisk_last_error()) : STATUS_OK;
}

const struct command command_create = {
    .name = "create",
    .operands = "STORE SIZE",
    .summary = "make a store that holds a disk of SIZE",
    .description =
        "Make STORE, a new file or (with --force) a block device, that holds a disk of SIZE,\n"
        "all zero.",
    .options = "lb\x01pLf",
    .run = create,
};
