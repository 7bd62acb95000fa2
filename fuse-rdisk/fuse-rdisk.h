/* SPDX-License-Identifier: BSD-3-Clause */
/* fuse-rdisk.h - what the parts of fuse-rdisk share.
 *
 *   main.c     the life of a mount: open, serve, mount, loop, unmount, close
 *   options.c  the command line
 *   daemon.c   going into the background, and telling the starter how it went
 *   shield.c   keeping out of memory deadlocks
 *   log.c      lines to stderr or to syslog
 *   nodes.c    the tree of names
 *   ops.c      FUSE requests about names and attributes
 *   data.c     FUSE requests about bytes
 */
#ifndef FUSE_RDISK_H
#define FUSE_RDISK_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "nodes.h"
#include "rdisk-server.h"
#include "rdisk.h"

/* ---- options.c ---- */

struct options {
  char *store;      /* absolute */
  char *mountpoint; /* absolute */
  char *checkpoint; /* the policy, as given; NULL: flush */
  char *control;    /* absolute path of the control socket; NULL: none */
  int read_only;
  int direct_io; /* every open, not only those with O_DIRECT */
  int foreground;
  int debug;
  int help;
  int version;
  struct fuse_args args; /* what is left, for libfuse */
};

/* Fill OPTIONS in.  0, or -1 after one line on stderr. */
int options_parse(struct options *options, int argc, char **argv);
void options_free(struct options *options);
void options_usage(void);

/* ---- the mount ---- */

struct mount {
  struct rdisk *store;
  struct rdisk_server *server;
  struct fuse_session *session;
  struct nodes *nodes;
  uint64_t size_bytes; /* of the disk */
  uint32_t unit_bytes; /* what a write had better be a multiple of */
  bool read_only;      /* asked for, or the store is */
  bool direct_io;
  uid_t uid; /* who mounted */
  gid_t gid;
  struct timespec mounted;  /* the time of everything but the disk */
  atomic_llong modified_ns; /* of the disk: the last write through this mount */
  atomic_llong logged_s;    /* when a failed request was last logged */
};

/* ---- ops.c ---- */

extern const struct fuse_lowlevel_ops fuse_rdisk_ops;

/* Drop what the kernel caches of the disk: it was set back. */
void ops_invalidate(struct mount *mount);
/* Answer with the errno of the librdisk CODE this thread has just got. */
void ops_reply_failure(fuse_req_t req, int code);

/* ---- data.c ---- */

void data_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
               struct fuse_file_info *fi);
void data_write(fuse_req_t req, fuse_ino_t ino, const char *buffer, size_t size, off_t offset,
                struct fuse_file_info *fi);
void data_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void data_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                    struct fuse_file_info *fi);
void data_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence,
                struct fuse_file_info *fi);

/* ---- daemon.c ---- */

/* Fork, unless FOREGROUND.  Returns in the process that serves, with the
 * descriptor for daemon_ready; the other one waits in here and exits with
 * status 0 once daemon_ready was called, or 1 if the server ended without. */
int daemon_start(bool foreground);
/* The mount is there: let the starter go, give up the terminal. */
void daemon_ready(int descriptor);

/* ---- shield.c ---- */

/* As far as the process may; call before any thread is made. */
void shield_from_reclaim(void);

/* ---- log.c ---- */

void log_verbose(bool verbose);
void log_to_syslog(void);
void log_line(enum rdisk_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* For librdisk's hook. */
rdisk_log_fn log_hook;
/* For libfuse's. */
void log_from_libfuse(enum fuse_log_level level, const char *format, va_list args);

#endif
