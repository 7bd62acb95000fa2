/* SPDX-License-Identifier: BSD-3-Clause */
/* info.c - what there is to know about a store, and structs of any version. */
#include "config.h"

#include <string.h>

#include "hosted/hosted.h"

static size_t struct_bytes_of(const void *sized)
{
  size_t bytes;

  memcpy(&bytes, sized, sizeof bytes);
  return bytes;
}

static int refuse_struct(const char *operation, const char *what)
{
  return error_set(RDISK_EINVAL, "%s: %s; start from the RDISK_..._INIT macro", operation, what);
}

int options_take(void *known, size_t known_bytes, const void *given, const char *operation)
{
  const unsigned char *bytes = given;
  size_t given_bytes;

  memset(known, 0, known_bytes);
  if (!given)
    return 0;
  given_bytes = struct_bytes_of(given);
  if (given_bytes < sizeof(size_t) || given_bytes > 4096)
    return refuse_struct(operation, "struct_bytes is not set in the options");
  for (size_t i = known_bytes; i < given_bytes; i++)
    if (bytes[i] != 0)
      return refuse_struct(operation, "an option that this version of the library does not know");
  memcpy(known, given, given_bytes < known_bytes ? given_bytes : known_bytes);
  return 0;
}

int options_give(void *wanted, const void *known, size_t known_bytes, const char *operation)
{
  size_t wanted_bytes = wanted ? struct_bytes_of(wanted) : 0, common;

  if (wanted_bytes < sizeof(size_t) || wanted_bytes > 4096)
    return refuse_struct(operation, "struct_bytes is not set");
  common = wanted_bytes < known_bytes ? wanted_bytes : known_bytes;
  memset(wanted, 0, wanted_bytes);
  memcpy(wanted, known, common);
  memcpy(wanted, &wanted_bytes, sizeof wanted_bytes);
  return 0;
}

int rdisk_get_info(struct rdisk *store, struct rdisk_info *wanted)
{
  struct rdisk_info info = RDISK_INFO_INIT;
  int code = hosted_enter(store, "info");

  if (code < 0)
    return code;
  rdisk_core_info(store->core, &info);
  info.allocated_bytes = linux_io_allocated(store->file);
  info.backend = store->file->io.ops->name;
  return options_give(wanted, &info, sizeof info, "info");
}

int rdisk_get_stats(struct rdisk *store, struct rdisk_stats *wanted)
{
  struct rdisk_stats stats = RDISK_STATS_INIT;
  int code = hosted_enter(store, "stats");

  if (code < 0)
    return code;
  rdisk_core_stats(store->core, &stats);
  return options_give(wanted, &stats, sizeof stats, "stats");
}

const char *rdisk_version(void)
{
  return PACKAGE_VERSION;
}
