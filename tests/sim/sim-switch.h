/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-switch.h - switching stacks.  A context is an opaque pointer. */
#ifndef SIM_SWITCH_H
#define SIM_SWITCH_H

#include <stddef.h>

/* A stack, guarded at its low end, and its release. */
char *sim_stack_new(size_t bytes);
void sim_stack_free(char *stack, size_t bytes);

/* A context that will call ENTRY (which never returns) on the stack. */
void *sim_context_new(char *stack, size_t bytes, void (*entry)(void));
/* Save where we are in *SAVE and go on in TO. */
void sim_context_switch(void **save, void *to);

#endif
