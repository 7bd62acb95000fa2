/* SPDX-License-Identifier: BSD-3-Clause */
/* error.h - the line behind rdisk_last_error(), and errno.  Internal. */
#ifndef HOSTED_ERROR_H
#define HOSTED_ERROR_H

#include "rdisk.h"

/* Keep a line about a failure for the calling thread ("operation object:
 * reason; what to do") and return CODE. */
int error_set(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The code for an errno value of a system call on a path or descriptor. */
int error_from_errno(int err);

/* error_set() with errno's code and its text: "OPERATION OBJECT: text; ADVICE". */
int error_system(int err, const char *operation, const char *object, const char *advice);

#endif
