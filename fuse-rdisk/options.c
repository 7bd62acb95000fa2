/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c - the command line: STORE MOUNTPOINT [-o ...], as typed by people
 * and as mount.fuse3(8) gives it from a line of fstab.
 *
 * Ours are taken out; what only fstab's readers understand is dropped; the
 * rest goes to libfuse, which refuses what it does not know.  Paths are made
 * absolute here, since a daemon leaves its directory.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fuse-rdisk.h"

enum { KEY_READ_ONLY, KEY_READ_WRITE };

#define FLAG(text, field)                    \
  {                                          \
    text, offsetof(struct options, field), 1 \
  }
#define VALUE(text, field)                   \
  {                                          \
    text, offsetof(struct options, field), 0 \
  }

static const struct fuse_opt option_table[] = {
  VALUE("checkpoint=%s", checkpoint),
  VALUE("control=%s", control),
  FLAG("direct_io", direct_io),
  FUSE_OPT_KEY("ro", KEY_READ_ONLY),
  FUSE_OPT_KEY("rw", KEY_READ_WRITE),
  FLAG("-r", read_only),
  FLAG("-f", foreground),
  FLAG("-d", debug),
  FLAG("debug", debug),
  FLAG("-h", help),
  FLAG("--help", help),
  FLAG("-V", version),
  FLAG("--version", version),
  FUSE_OPT_KEY("defaults", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("auto", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("noauto", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("user", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("nouser", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("users", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("owner", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("group", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("nofail", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("_netdev", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("relatime", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_KEY("comment=%s", FUSE_OPT_KEY_DISCARD),
  FUSE_OPT_END,
};

void options_usage(void)
{
  printf("Usage: fuse-rdisk STORE MOUNTPOINT [-fdhV] [-o OPTION,...]\n"
         "Show the recoverable disk in STORE as the file MOUNTPOINT/disk.\n"
         "\n"
         "  -o checkpoint=flush     each fsync is a checkpoint (default)\n"
         "  -o checkpoint=SECONDS   and one every so often\n"
         "  -o checkpoint=manual    only when asked: rdisk checkpoint --control SOCKET\n"
         "  -o control=SOCKET       let rdisk --control SOCKET reach the store\n"
         "  -o ro, -r               read-only\n"
         "  -o direct_io            keep nothing of the disk in the page cache\n"
         "  -o allow_other          let other users in, as far as the modes let them\n"
         "  -f                      stay in the foreground\n"
         "  -d, -o debug            that, and log each request\n"
         "  -h, --help              print this and exit\n"
         "  -V, --version           print the version and exit\n"
         "\n"
         "Unmount with: fusermount3 -u MOUNTPOINT (root: umount MOUNTPOINT)\n");
}

static int complain(const char *line, const char *object)
{
  log_line(RDISK_LOG_ERROR, "%s%s", line, object);
  return -1;
}

static int take_argument(void *data, const char *argument, int key, struct fuse_args *rest)
{
  struct options *options = data;

  (void)rest;
  switch (key) {
  case KEY_READ_ONLY:
  case KEY_READ_WRITE:
    options->read_only = key == KEY_READ_ONLY;
    return 0;
  case FUSE_OPT_KEY_NONOPT:
    if (options->store == NULL)
      return fuse_opt_add_opt(&options->store, argument);
    if (options->mountpoint == NULL)
      return fuse_opt_add_opt(&options->mountpoint, argument);
    return complain("one argument too many: ", argument);
  default: /* x-...: for systemd and the like */
    return strncmp(argument, "x-", 2) != 0;
  }
}

/* Replace a path by its absolute form; it need not exist. */
static int make_absolute(char **path)
{
  if (*path == NULL || **path == '/')
    return 0;
  char *directory = getcwd(NULL, 0);
  if (directory == NULL)
    return complain("cannot tell the working directory: ", strerror(errno));
  char *absolute;
  int length = asprintf(&absolute, "%s/%s", directory, *path);
  free(directory);
  if (length < 0)
    return complain("no memory", "");
  free(*path);
  *path = absolute;
  return 0;
}

/* Statfs is never answered from a cache: a mount whose server is gone shows. */
static int resolve_mountpoint(struct options *options)
{
  char *resolved = realpath(options->mountpoint, NULL);
  struct statvfs st;

  if (resolved == NULL || statvfs(resolved, &st) < 0) {
    log_line(RDISK_LOG_ERROR, "cannot mount on %s: %s", options->mountpoint,
             errno == ENOTCONN ? "the server of an earlier mount is gone; first unmount that "
                                 "(fusermount3 -u, umount)"
                               : strerror(errno));
    free(resolved);
    return -1;
  }
  free(options->mountpoint);
  options->mountpoint = resolved;
  return 0;
}

/* Tell libfuse what is ours to decide: how the mount looks in mount(8), who
 * checks modes (the kernel). */
static int add_libfuse_options(struct options *options)
{
  char *name = NULL;
  char *all = NULL;
  int failed = asprintf(&name, "fsname=%s", options->store) < 0 ||
               fuse_opt_add_opt_escaped(&all, name) < 0 ||
               fuse_opt_add_opt(&all, "subtype=fuse-rdisk") < 0 ||
               fuse_opt_add_opt(&all, "default_permissions") < 0 ||
               fuse_opt_add_opt(&all, options->read_only ? "ro" : "rw") < 0 ||
               (options->debug && fuse_opt_add_opt(&all, "debug") < 0) ||
               fuse_opt_add_arg(&options->args, "-o") < 0 ||
               fuse_opt_add_arg(&options->args, all) < 0;
  free(name);
  free(all);
  return failed ? complain("no memory", "") : 0;
}

int options_parse(struct options *options, int argc, char **argv)
{
  struct fuse_args args = FUSE_ARGS_INIT(argc, argv);

  memset(options, 0, sizeof *options);
  options->args = args;
  if (fuse_opt_parse(&options->args, options, option_table, take_argument) < 0)
    return -1;
  if (options->help || options->version)
    return 0;
  if (options->store == NULL || options->mountpoint == NULL)
    return complain("needs STORE and MOUNTPOINT; see fuse-rdisk --help", "");
  options->foreground |= options->debug;
  if (make_absolute(&options->store) < 0 || make_absolute(&options->control) < 0 ||
      resolve_mountpoint(options) < 0)
    return -1;
  return add_libfuse_options(options);
}

void options_free(struct options *options)
{
  free(options->store);
  free(options->mountpoint);
  free(options->checkpoint);
  free(options->control);
  fuse_opt_free_args(&options->args);
}
