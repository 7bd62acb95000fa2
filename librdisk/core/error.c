/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdarg.h>

#include "core.h"
#include "text.h"

int core_error(const struct rdisk_env *env, int code, const char *format, ...)
{
  char line[TEXT_LINE];
  va_list arguments;

  if (env->error) {
    va_start(arguments, format);
    text_format(line, sizeof line, format, arguments);
    va_end(arguments);
    env->error(env->opaque, code, line);
  }
  return code;
}

void core_log(const struct rdisk_env *env, enum rdisk_log_level level, const char *format, ...)
{
  char line[TEXT_LINE];
  va_list arguments;

  if (!env->log)
    return;
  va_start(arguments, format);
  text_format(line, sizeof line, format, arguments);
  va_end(arguments);
  env->log(env->opaque, level, line);
}

void core_fail(struct rdisk_core *core, int code, const char *what, uint64_t offset)
{
  core_log(&core->env, RDISK_LOG_ERROR,
           "%s at offset %u of the store failed (error %u): no checkpoint is made until the "
           "store is reopened; it will be as checkpoint %u left it",
           what, offset, (uint64_t)-code, core->checkpoint);
  if (!core->failed)
    core->failed = RDISK_EFAILED;
  for (unsigned channel = 0; channel < RDISK_CHANNELS; channel++)
    core_wake(core, (enum rdisk_channel)channel);
}

int core_writable(struct rdisk_core *core, const char *operation)
{
  if (core->read_only)
    return core_error(&core->env, RDISK_EROFS, "%s: the store is open read-only", operation);
  if (core->failed)
    return core_error(&core->env, core->failed,
                      "%s: refused, since an earlier write to the device failed: close the "
                      "store, mend the device and open it again (the disk will be as "
                      "checkpoint %u left it)",
                      operation, core->checkpoint);
  return 0;
}

int core_range(struct rdisk_core *core, const char *operation, uint64_t count, uint64_t offset)
{
  if (offset > core->sb.size_bytes || count > core->sb.size_bytes - offset)
    return core_error(&core->env, RDISK_ERANGE,
                      "%s of %u bytes at offset %u: the disk ends at %u", operation, count,
                      offset, core->sb.size_bytes);
  return 0;
}
