/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-env.h - struct rdisk_env for one thread, with bounds: memory runs out at a
 * limit, a wait that nobody could end is a fault, and so is a piece of memory that
 * is not given back.
 */
#ifndef FUZZ_ENV_H
#define FUZZ_ENV_H

#include "rdisk-core.h"

struct fuzz_env {
  struct rdisk_env env;
  struct rdisk_core *core; /* once it is open: its background work is done in waits */
  size_t bytes, limit_bytes;
  bool locked, in_background, kicked;
  unsigned waits; /* of the call under way */
};

void fuzz_env_init(struct fuzz_env *env, size_t limit_bytes);
void fuzz_env_begin_call(struct fuzz_env *env);
/* What a background thread would do until it has nothing to do; CODE is the result
 * of the call that has ended, and is returned. */
int fuzz_env_end_call(struct fuzz_env *env, int code);
void fuzz_env_expect_empty(const struct fuzz_env *env);

#endif
