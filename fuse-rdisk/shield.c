/* SPDX-License-Identifier: BSD-3-Clause */
/* shield.c - a server that backs a local mount must not need that mount.
 *
 * When memory is short the kernel writes dirty pages of the filesystem on our
 * disk back through us.  If we then wait for memory that only this write-back
 * can free, nobody moves again.  Three measures, each as far as the process
 * may (root may all of them):
 *
 *  - PR_SET_IO_FLUSHER: our own allocations do not wait for file systems, and
 *    our writes are not throttled behind those that wait for us.  It belongs
 *    to a thread and is inherited by the threads it makes.
 *  - mlockall: code and data are never paged out.  On fault only, else each
 *    thread's whole stack would become resident.  Not under a limit on locked
 *    memory: MCL_FUTURE would turn that into a limit on all memory.
 *  - oom_score_adj: to end us frees little and takes the filesystem away.
 */
#include "config.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fuse-rdisk.h"

#ifndef PR_SET_IO_FLUSHER
#define PR_SET_IO_FLUSHER 57
#endif
#ifndef MCL_ONFAULT
#define MCL_ONFAULT 4
#endif

static bool may_lock_without_limit(void)
{
  struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
  struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
  struct rlimit limit;

  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY)
    return true;
  memset(data, 0, sizeof data);
  if (syscall(SYS_capget, &header, data) < 0)
    return false;
  return data[0].effective & (1u << CAP_IPC_LOCK);
}

static bool set_oom_score(const char *score)
{
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  bool written = write(fd, score, strlen(score)) == (ssize_t)strlen(score);
  close(fd);
  return written;
}

void shield_from_reclaim(void)
{
  if (prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0) < 0)
    log_line(RDISK_LOG_DEBUG, "not an I/O flusher: %m");
  if (!may_lock_without_limit())
    log_line(RDISK_LOG_DEBUG, "memory not locked: there is a limit");
  else if (mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) < 0)
    log_line(RDISK_LOG_DEBUG, "memory not locked: %m");
  if (!set_oom_score("-1000"))
    log_line(RDISK_LOG_DEBUG, "oom_score_adj not set: %m");
}
