/* SPDX-License-Identifier: BSD-3-Clause */
/* sim-switch.c - a stack switch that costs nanoseconds: the simulator makes
 * hundreds for each crash state, and swapcontext(3) is two system calls each.
 * That one is the fallback for processors that have no code here.
 */
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define FORGET_STACK(stack, bytes) __asan_unpoison_memory_region(stack, bytes)
#else
#define FORGET_STACK(stack, bytes) ((void)0)
#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define KNOW_STACK(low, high) ((void)VALGRIND_STACK_REGISTER(low, high))
#endif
#endif
#ifndef KNOW_STACK
#define KNOW_STACK(low, high) ((void)0)
#endif

#include "sim-switch.h"

static size_t guard_bytes(void)
{
  return (size_t)sysconf(_SC_PAGESIZE);
}

char *sim_stack_new(size_t bytes)
{
  char *area = mmap(NULL, bytes + guard_bytes(), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int guarded;

  assert(area != MAP_FAILED);
  guarded = mprotect(area, guard_bytes(), PROT_NONE);
  assert(guarded == 0);
  (void)guarded;
  KNOW_STACK(area + guard_bytes(), area + guard_bytes() + bytes);
  return area + guard_bytes();
}

void sim_stack_free(char *stack, size_t bytes)
{
  FORGET_STACK(stack, bytes);
  munmap(stack - guard_bytes(), bytes + guard_bytes());
}

#if defined(__x86_64__)

__asm__(".text\n"
        ".globl sim_context_switch\n"
        ".type sim_context_switch, @function\n"
        "sim_context_switch:\n"
        "  pushq %rbp\n"
        "  pushq %rbx\n"
        "  pushq %r12\n"
        "  pushq %r13\n"
        "  pushq %r14\n"
        "  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n"
        "  popq %r14\n"
        "  popq %r13\n"
        "  popq %r12\n"
        "  popq %rbx\n"
        "  popq %rbp\n"
        "  ret\n"
        ".size sim_context_switch, .-sim_context_switch\n");

void *sim_context_new(char *stack, size_t bytes, void (*entry)(void))
{
  uintptr_t *top = (uintptr_t *)(stack + bytes);

  FORGET_STACK(stack, bytes);
  *--top = 0; /* the entry's return address: it never returns */
  *--top = (uintptr_t)entry;
  for (int i = 0; i < 6; i++)
    *--top = 0;
  return top;
}

#else

#include <ucontext.h>

/* A new context lies at the low end of its stack, a saved one where its owner stands. */
void *sim_context_new(char *stack, size_t bytes, void (*entry)(void))
{
  ucontext_t *context = (ucontext_t *)stack;

  FORGET_STACK(stack, bytes);
  getcontext(context);
  context->uc_stack.ss_sp = stack + sizeof *context;
  context->uc_stack.ss_size = bytes - sizeof *context;
  context->uc_link = NULL;
  makecontext(context, entry, 0);
  return context;
}

void sim_context_switch(void **save, void *to)
{
  ucontext_t here;

  *save = &here;
  swapcontext(&here, to);
}

#endif
