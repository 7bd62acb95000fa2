/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-session.h - using a store that may be anything. */
#ifndef FUZZ_SESSION_H
#define FUZZ_SESSION_H

#include "fuzz-device.h"
#include "fuzz-env.h"
#include "fuzz.h"

/* Open it for reading and look at everything. */
void fuzz_session_read_only(struct fuzz_env *env, struct fuzz_device *device);
/* Open it for writing, do what the input says, open it again. */
void fuzz_session(struct fuzz_env *env, struct fuzz_device *device, struct fuzz_input *in);

#endif
