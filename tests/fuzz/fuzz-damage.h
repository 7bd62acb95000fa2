/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz-damage.h - what the input does to a valid store before it is opened. */
#ifndef FUZZ_DAMAGE_H
#define FUZZ_DAMAGE_H

#include "fuzz-base.h"
#include "fuzz.h"

/* Change something at a place of the metadata, or append a record to the log. */
void fuzz_damage(const struct fuzz_base *base, struct fuzz_device *device,
                 struct fuzz_input *in);

/* Make all checksums right again, and the superblock's geometry what the core would
 * have chosen: what is left is what a forger could write. */
void fuzz_repair(const struct fuzz_base *base, struct fuzz_device *device);

#endif
