/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c - check a store: open it as a reader and let the core look at it. */
#include "config.h"

#include "hosted/hosted.h"

static int check_locked(struct linux_io *file, rdisk_report_fn *report,
                        rdisk_progress_fn *progress, void *opaque)
{
  struct hosted_env hosted;
  int code;

  hosted_env_init(&hosted, file->path, NULL, NULL);
  code = rdisk_core_check(&hosted.env, &file->io, report, progress, opaque);
  hosted_env_destroy(&hosted);
  return code;
}

int rdisk_check(const char *path, rdisk_report_fn *report, rdisk_progress_fn *progress,
                void *opaque)
{
  struct store_lock locked;
  struct linux_io *file;
  int code;

  if (!path || !report)
    return error_set(RDISK_EINVAL, "check: no path, or nowhere to report to; give both");
  code = linux_io_open("check", path, LINUX_READ_ONLY, NULL, NULL, &file);
  if (code < 0)
    return code;
  code = lock_take("check", file, true, &locked);
  if (code == 0) {
    code = check_locked(file, report, progress, opaque);
    lock_release(&locked);
  }
  linux_io_close(file);
  return code;
}
