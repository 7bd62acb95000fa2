/* SPDX-License-Identifier: BSD-3-Clause */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static char folder[512];

/* ---- scratch folders ------------------------------------------------------------ */

static const char *make_in(const char *parent)
{
  snprintf(folder, sizeof folder, "%s/unit-XXXXXX", parent);
  return mkdtemp(folder);
}

const char *scratch_make(void)
{
  const char *builddir = getenv("builddir"), *made = make_in(builddir ? builddir : ".");

  if (!made) { /* may be called outside a test */
    perror(folder);
    exit(99);
  }
  return made;
}

const char *scratch_make_memory(void)
{
  struct statfs fs;

  if (statfs("/dev/shm", &fs) != 0 || fs.f_type != TMPFS_MAGIC)
    return NULL;
  return make_in("/dev/shm");
}

void scratch_remove(void)
{
  DIR *dir = opendir(folder);
  struct dirent *entry;

  while (dir && (entry = readdir(dir)) != NULL)
    unlinkat(dirfd(dir), entry->d_name, 0);
  if (dir)
    closedir(dir);
  rmdir(folder);
}

const char *scratch_path(const char *name)
{
  static char paths[4][1024];
  static unsigned turn;
  char *path = paths[turn++ % 4];

  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/* ---- memory ------------------------------------------------------------------------ */

void *aligned_memory(size_t bytes)
{
  void *memory;

  if (posix_memalign(&memory, 65536, bytes) != 0)
    ck_abort_msg("out of memory");
  return memset(memory, 0, bytes);
}

static unsigned char pattern_byte(uint64_t seed, size_t i)
{
  uint64_t x = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + i / 8 * UINT64_C(0xd1b54a32d192ed03);

  x ^= x >> 29;
  x *= UINT64_C(0xbf58476d1ce4e5b9);
  x ^= x >> 32;
  return (unsigned char)(x >> i % 8 * 8);
}

void fill_pattern(void *memory, size_t bytes, uint64_t seed)
{
  for (size_t i = 0; i < bytes; i++)
    ((unsigned char *)memory)[i] = pattern_byte(seed, i);
}

bool has_pattern(const void *memory, size_t bytes, uint64_t seed)
{
  for (size_t i = 0; i < bytes; i++)
    if (((const unsigned char *)memory)[i] != pattern_byte(seed, i))
      return false;
  return true;
}

bool is_zero(const void *memory, size_t bytes)
{
  for (size_t i = 0; i < bytes; i++)
    if (((const unsigned char *)memory)[i] != 0)
      return false;
  return true;
}

/* ---- transfers ------------------------------------------------------------------------ */

int io_run(struct rdisk_io *io, enum rdisk_io_op op, uint32_t flags, void *memory,
           size_t bytes, uint64_t offset)
{
  struct rdisk_iovec iov = { memory, bytes };
  struct rdisk_iocb iocb = { .op = op, .flags = flags, .offset = offset, .length = bytes,
                             .iov = &iov, .iov_count = memory ? 1 : 0, .result = -99 };
  int code = io->ops->run(io, &iocb);

  ck_assert_int_eq(iocb.result, code);
  return code;
}

/* ---- children and sandboxes ------------------------------------------------------------- */

int in_child(int (*body)(void *opaque), void *opaque)
{
  int status;
  pid_t pid;

  fflush(NULL);
  pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0)
    _exit(body(opaque));
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool sandbox(int number, int err, unsigned argument, uint32_t mask)
{
  struct sock_filter filter[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
             (uint32_t)(offsetof(struct seccomp_data, args) + argument * 8)),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mask, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)err),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { sizeof filter / sizeof filter[0], filter };

  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool mount_small_tmpfs(const char *at, const char *size)
{
  char options[64];

  snprintf(options, sizeof options, "size=%s", size);
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return false;
  return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
         mount("tmpfs", at, "tmpfs", 0, options) == 0;
}

void log_keep(void *opaque, enum rdisk_log_level level, const char *line)
{
  struct log_lines *lines = opaque;
  size_t used = strlen(lines->text);

  snprintf(lines->text + used, sizeof lines->text - used, "%d %s\n", (int)level, line);
}

int run_suite(Suite *suite)
{
  SRunner *runner = srunner_create(suite);
  int failed;

  srunner_run_all(runner, CK_ENV);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? 0 : 1;
}
