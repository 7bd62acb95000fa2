/* SPDX-License-Identifier: BSD-3-Clause */
/* error.c - codes as words, as errno values, and each thread's last failure.
 *
 * The line is set where a failure is found, by the thread that found it, and
 * stays until that thread's next failure: success does not clear it, as with
 * errno. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

static _Thread_local char last_error[512];

static const struct {
  int code;
  int errno_value;
  const char *text;
} codes[] = {
  { RDISK_OK, 0, "success" },
  { RDISK_EINVAL, EINVAL, "an argument is wrong" },
  { RDISK_ENOMEM, ENOMEM, "out of memory" },
  { RDISK_EIO, EIO, "the device failed" },
  { RDISK_ENOSPC, ENOSPC, "no room left" },
  { RDISK_EBUSY, EBUSY, "the store is in use" },
  { RDISK_EROFS, EROFS, "the store is open read-only" },
  { RDISK_EDAMAGED, EUCLEAN, "the store is damaged" },
  { RDISK_EFOREIGN, EMEDIUMTYPE, "this is not a store" },
  { RDISK_EVERSION, EPROTONOSUPPORT, "a store of a newer version or with unknown features" },
  { RDISK_EFAILED, EIO, "no commits after an I/O error until the store is reopened" },
  { RDISK_ERANGE, ERANGE, "beyond the end of the disk" },
  { RDISK_ENOTSUP, EOPNOTSUPP, "not supported here" },
  { RDISK_EFORK, ECHILD, "the handle belongs to the parent process" },
  { RDISK_ENOENT, ENOENT, "it does not exist" },
  { RDISK_EEXIST, EEXIST, "it exists already" },
  { RDISK_EPERM, EACCES, "not permitted" },
  { RDISK_ETIMEDOUT, ETIMEDOUT, "no answer in time, or stopped" },
};

enum { CODES = sizeof codes / sizeof codes[0] };

const char *rdisk_strerror(int code)
{
  for (unsigned i = 0; i < CODES; i++)
    if (codes[i].code == code)
      return codes[i].text;
  return "unknown error code";
}

int rdisk_to_errno(int code)
{
  for (unsigned i = 0; i < CODES; i++)
    if (codes[i].code == code)
      return codes[i].errno_value;
  return code < 0 ? EIO : 0;
}

const char *rdisk_last_error(void)
{
  return last_error;
}

int error_set(int code, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  vsnprintf(last_error, sizeof last_error, format, args);
  va_end(args);
  return code;
}

int error_from_errno(int err)
{
  switch (err) {
  case 0:
    return RDISK_OK;
  case ENOENT:
  case ENOTDIR:
    return RDISK_ENOENT;
  case EACCES:
  case EPERM:
  case EROFS:
    return RDISK_EPERM;
  case EBUSY:
  case ETXTBSY:
    return RDISK_EBUSY;
  case ENOSPC:
  case EDQUOT:
    return RDISK_ENOSPC;
  case ENOMEM:
  case EMFILE:
  case ENFILE:
    return RDISK_ENOMEM;
  case EEXIST:
    return RDISK_EEXIST;
  case EINVAL:
  case EFBIG:
  case ENAMETOOLONG:
  case ELOOP:
  case EISDIR:
    return RDISK_EINVAL;
  case EOPNOTSUPP:
  case ENOSYS:
    return RDISK_ENOTSUP;
  default:
    return RDISK_EIO;
  }
}

int error_system(int err, const char *operation, const char *object, const char *advice)
{
  return error_set(error_from_errno(err), "%s %s: %s; %s", operation, object, strerror(err),
                   advice);
}
