/* SPDX-License-Identifier: BSD-3-Clause */
/* ops.c - FUSE requests about names and attributes, and how an open is cached.
 *
 * The kernel caches.  All changes of the disk pass through this mount, except
 * one: a recover through the control socket, after which ops_invalidate drops
 * the kernel's pages.  So pages may be kept from one open to the next
 * (FOPEN_KEEP_CACHE) and attributes need no short lives.
 *
 *  - Writes go through at once.  The kernel's write-back cache would hold
 *    writes where neither a checkpoint asked for through the socket nor a
 *    timer's could see them, and would send them after a recover.
 *  - An open with O_DIRECT, and every open under -o direct_io, passes the page
 *    cache by and lets writes run in parallel (else the kernel takes them one
 *    at a time).  A loop device with --direct-io=on uses asynchronous direct
 *    I/O on whatever open it has, and keeps many writes under way too.
 *  - Closing promises nothing, so it does not come here (FOPEN_NOFLUSH).
 *
 * The answer to an open is made by hand: libfuse 3.14 has no field for parallel
 * direct writes.
 *
 * Modes are checked by the kernel (default_permissions); names are fixed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "fuse-rdisk.h"

#ifndef FOPEN_NOFLUSH
#define FOPEN_NOFLUSH (1 << 5)
#endif
#ifndef FOPEN_PARALLEL_DIRECT_WRITES
#define FOPEN_PARALLEL_DIRECT_WRITES (1 << 6)
#endif

enum {
  REQUEST_BYTES_MAX = 1 << 20,
  BACKGROUND_REQUESTS = 128, /* readahead and asynchronous direct I/O under way */
};

static const double entry_timeout_s = 3600; /* names are fixed */
static const double attr_timeout_s = 1;     /* the blocks taken on the host are not */

static struct mount *mount_of(fuse_req_t req)
{
  return fuse_req_userdata(req);
}

/* A failed store fails each request: one line a second is enough. */
static void log_failure(struct mount *mount)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  if (atomic_exchange(&mount->logged_s, now.tv_sec) != now.tv_sec)
    log_line(RDISK_LOG_WARNING, "%s", rdisk_last_error());
}

void ops_reply_failure(fuse_req_t req, int code)
{
  log_failure(mount_of(req));
  fuse_reply_err(req, rdisk_to_errno(code));
}

static void ops_init(void *userdata, struct fuse_conn_info *conn)
{
  (void)userdata;
  conn->want &= ~(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_WRITEBACK_CACHE);
  conn->want |=
      conn->capable & (FUSE_CAP_ASYNC_DIO | FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS);
  /* Every byte is copied into the store's own buffers or out of ours: moving
   * it through a pipe on the way only adds calls. */
  conn->want &= ~(FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
  conn->max_write = REQUEST_BYTES_MAX;
  conn->max_background = BACKGROUND_REQUESTS;
  conn->congestion_threshold = BACKGROUND_REQUESTS;
}

/* ---- attributes ---- */

static struct timespec disk_modified(struct mount *mount)
{
  long long ns = atomic_load_explicit(&mount->modified_ns, memory_order_relaxed);
  struct timespec time = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
  return time;
}

static void fill_attributes(struct mount *mount, const struct node *node, struct stat *st)
{
  memset(st, 0, sizeof *st);
  st->st_ino = node->ino;
  st->st_mode = node->mode;
  st->st_nlink = S_ISDIR(node->mode) ? 2 : 1;
  st->st_uid = mount->uid;
  st->st_gid = mount->gid;
  st->st_blksize = mount->unit_bytes;
  st->st_atim = st->st_mtim = st->st_ctim = mount->mounted;
  if (node->kind == NODE_DISK) {
    struct rdisk_info info = RDISK_INFO_INIT;
    if (rdisk_get_info(mount->store, &info) == 0)
      st->st_blocks = info.allocated_bytes / 512;
    st->st_size = mount->size_bytes;
    st->st_mtim = st->st_ctim = disk_modified(mount);
  }
}

static void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
  struct mount *mount = mount_of(req);
  const struct node *node = nodes_lookup(mount->nodes, parent, name);
  struct fuse_entry_param entry = { .attr_timeout = attr_timeout_s,
                                    .entry_timeout = entry_timeout_s };

  if (node == NULL) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  entry.ino = node->ino;
  fill_attributes(mount, node, &entry.attr);
  fuse_reply_entry(req, &entry);
}

static void ops_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
  struct mount *mount = mount_of(req);
  const struct node *node = nodes_get(mount->nodes, ino);
  struct stat st;

  (void)fi;
  if (node == NULL) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  fill_attributes(mount, node, &st);
  fuse_reply_attr(req, &st, attr_timeout_s);
}

/* Times may be set (touch) and are not kept; nothing else may change. */
static void ops_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
                        struct fuse_file_info *fi)
{
  struct mount *mount = mount_of(req);
  const struct node *node = nodes_get(mount->nodes, ino);
  bool same_size = node && node->kind == NODE_DISK && (uint64_t)attr->st_size == mount->size_bytes;

  if (node == NULL)
    fuse_reply_err(req, ENOENT);
  else if (to_set & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
    fuse_reply_err(req, EPERM);
  else if ((to_set & FUSE_SET_ATTR_SIZE) && !same_size)
    fuse_reply_err(req, EPERM);
  else
    ops_getattr(req, ino, fi);
}

/* ---- open ---- */

static void ops_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
  struct mount *mount = mount_of(req);
  const struct node *node = nodes_get(mount->nodes, ino);
  bool writes = (fi->flags & O_ACCMODE) != O_RDONLY;
  struct fuse_open_out out = { .open_flags = FOPEN_KEEP_CACHE | FOPEN_NOFLUSH };

  if (node == NULL || node->kind == NODE_DIRECTORY)
    fuse_reply_err(req, node ? EISDIR : ENOENT);
  else if (writes && mount->read_only)
    fuse_reply_err(req, EROFS);
  else if (fi->flags & O_TRUNC)
    fuse_reply_err(req, EPERM);
  else {
    if (mount->direct_io || (fi->flags & O_DIRECT))
      out.open_flags = FOPEN_DIRECT_IO | FOPEN_PARALLEL_DIRECT_WRITES | FOPEN_NOFLUSH;
    fuse_reply_buf(req, (const char *)&out, sizeof out);
  }
}

void ops_invalidate(struct mount *mount)
{
  for (uint64_t ino = 1; ino <= nodes_count(mount->nodes); ino++)
    if (nodes_get(mount->nodes, ino)->kind == NODE_DISK)
      fuse_lowlevel_notify_inval_inode(mount->session, ino, 0, 0);
}

/* ---- directories ---- */

struct listing {
  fuse_req_t req;
  char bytes[4096];
  size_t used;
  size_t room;
};

/* One entry more; NEXT is where a later call goes on.  False: it is full. */
static bool list(struct listing *listing, uint64_t ino, mode_t mode, const char *name, off_t next)
{
  struct stat st = { .st_ino = ino, .st_mode = mode };
  size_t length = fuse_add_direntry(listing->req, listing->bytes + listing->used,
                                    listing->room - listing->used, name, &st, next);
  if (length > listing->room - listing->used)
    return false;
  listing->used += length;
  return true;
}

/* Offsets: 1 after ".", 2 after "..", 2 + ino after a child. */
static void ops_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                        struct fuse_file_info *fi)
{
  struct mount *mount = mount_of(req);
  const struct node *node = nodes_get(mount->nodes, ino);
  struct listing listing = { .req = req };
  bool room = true;

  (void)fi;
  if (node == NULL || node->kind != NODE_DIRECTORY) {
    fuse_reply_err(req, ENOTDIR);
    return;
  }
  listing.room = size < sizeof listing.bytes ? size : sizeof listing.bytes;
  if (offset < 1)
    room = list(&listing, ino, S_IFDIR, ".", 1);
  if (offset < 2 && room)
    room = list(&listing, node->parent, S_IFDIR, "..", 2);
  node = nodes_next(mount->nodes, ino, offset > 2 ? offset - 2 : 0);
  while (room && node != NULL) {
    room = list(&listing, node->ino, node->mode, node->name, node->ino + 2);
    node = nodes_next(mount->nodes, ino, node->ino);
  }
  fuse_reply_buf(req, listing.bytes, listing.used);
}

static void ops_statfs(fuse_req_t req, fuse_ino_t ino)
{
  struct mount *mount = mount_of(req);
  struct statvfs st = { .f_bsize = mount->unit_bytes, .f_frsize = mount->unit_bytes };

  (void)ino;
  st.f_blocks = (mount->size_bytes + mount->unit_bytes - 1) / mount->unit_bytes;
  st.f_files = nodes_count(mount->nodes);
  st.f_namemax = 255;
  fuse_reply_statfs(req, &st);
}

/* ---- what this tree never does ---- */

static void refuse_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
                         dev_t device)
{
  (void)parent, (void)name, (void)mode, (void)device;
  fuse_reply_err(req, EPERM);
}

static void refuse_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
  (void)parent, (void)name, (void)mode;
  fuse_reply_err(req, EPERM);
}

static void refuse_remove(fuse_req_t req, fuse_ino_t parent, const char *name)
{
  (void)parent, (void)name;
  fuse_reply_err(req, EPERM);
}

static void refuse_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
                          fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
  (void)parent, (void)name, (void)new_parent, (void)new_name, (void)flags;
  fuse_reply_err(req, EPERM);
}

const struct fuse_lowlevel_ops fuse_rdisk_ops = {
  .init = ops_init,
  .lookup = ops_lookup,
  .getattr = ops_getattr,
  .setattr = ops_setattr,
  .open = ops_open,
  .readdir = ops_readdir,
  .statfs = ops_statfs,
  .mknod = refuse_mknod,
  .mkdir = refuse_mkdir,
  .unlink = refuse_remove,
  .rmdir = refuse_remove,
  .rename = refuse_rename,
  .read = data_read,
  .write = data_write,
  .fsync = data_fsync,
  .fallocate = data_fallocate,
  .lseek = data_lseek,
};
