/* SPDX-License-Identifier: BSD-3-Clause */
/* newer-store STORE version|feature - make the store one of the next version, or
 * with a feature that nobody knows: what a later rdisk may leave behind. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/format.h"

static int change(int fd, off_t offset, const char *what)
{
  unsigned char page[FORMAT_SB_BYTES];
  struct superblock sb;

  if (pread(fd, page, sizeof page, offset) != sizeof page)
    return -1;
  if (superblock_decode(&sb, page) != SB_GOOD)
    return -1;
  if (strcmp(what, "version") == 0)
    sb.version++;
  else
    sb.feature_incompat |= UINT64_C(1) << 63;
  superblock_encode(&sb, page);
  return pwrite(fd, page, sizeof page, offset) == sizeof page ? 0 : -1;
}

int main(int argc, char *argv[])
{
  int fd = argc == 3 ? open(argv[1], O_RDWR) : -1;

  if (fd >= 0 && change(fd, 0, argv[2]) == 0 && change(fd, FORMAT_SECTION, argv[2]) == 0 &&
      close(fd) == 0)
    return 0;
  fprintf(stderr, "newer-store: failed\n");
  return 1;
}
