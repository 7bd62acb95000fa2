/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - the life of a mount: see fuse-rdisk(1).
 *
 *   background -> shield -> store -> nodes -> server -> mount -> loop
 *   loop ends (umount, or SIGTERM, SIGINT, SIGHUP)
 *   -> unmount -> last checkpoint -> store closed
 *
 * Signals are blocked while librdisk and the session make their threads, so
 * that they reach the main thread, which waits for the loop's end.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuse-rdisk.h"

/* Enough to keep a device's queue filled with reads that miss every cache.
 * They stay once made: to end and remake threads costs more. */
enum { THREADS_MAX = 32 };

static int complain(const char *operation)
{
  log_line(RDISK_LOG_ERROR, "%s: %s", operation, rdisk_last_error());
  return -1;
}

static void recovered(void *opaque)
{
  ops_invalidate(opaque);
}

/* ---- store and server ---- */

static int open_store(struct mount *mount, const struct options *options)
{
  struct rdisk_open_options open_options = RDISK_OPEN_OPTIONS_INIT;
  struct rdisk_info info = RDISK_INFO_INIT;

  open_options.flags = options->read_only ? RDISK_OPEN_READ_ONLY : 0;
  open_options.log = log_hook;
  if (rdisk_open(options->store, &open_options, &mount->store) < 0)
    return complain("cannot open the store");
  if (rdisk_get_info(mount->store, &info) < 0)
    return complain("cannot look at the store");
  mount->size_bytes = info.size_bytes;
  mount->unit_bytes = info.unit_bytes;
  mount->read_only = info.read_only;
  return 0;
}

static int start_server(struct mount *mount, const struct options *options)
{
  struct rdisk_server_options server_options = RDISK_SERVER_OPTIONS_INIT;
  const char *policy = options->checkpoint ? options->checkpoint : "flush";

  if (rdisk_server_parse_policy(policy, &server_options) < 0)
    return complain("-o checkpoint");
  server_options.control = options->control;
  server_options.recovered = recovered;
  server_options.log = log_hook;
  server_options.opaque = mount;
  if (rdisk_server_start(mount->store, &server_options, &mount->server) < 0)
    return complain("cannot serve the store");
  return 0;
}

static int make_nodes(struct mount *mount)
{
  mode_t mode = S_IFREG | (mount->read_only ? 0400 : 0600);
  struct timespec now;

  clock_gettime(CLOCK_REALTIME, &now);
  mount->mounted = now;
  mount->modified_ns = now.tv_sec * 1000000000LL + now.tv_nsec;
  mount->uid = getuid();
  mount->gid = getgid();
  mount->nodes = nodes_new(0500);
  if (mount->nodes == NULL || nodes_add(mount->nodes, 1, "disk", NODE_DISK, mode) == 0) {
    log_line(RDISK_LOG_ERROR, "no memory");
    return -1;
  }
  return 0;
}

/* ---- session ---- */

static int run_loop(struct mount *mount)
{
  struct fuse_loop_config *config = fuse_loop_cfg_create();
  if (config == NULL)
    return -ENOMEM;
  fuse_loop_cfg_set_clone_fd(config, 1);
  fuse_loop_cfg_set_max_threads(config, THREADS_MAX);
  fuse_loop_cfg_set_idle_threads(config, THREADS_MAX);
  int result = fuse_session_loop_mt(mount->session, config);
  fuse_loop_cfg_destroy(config);
  return result;
}

/* A signal that ends the loop is a wish, not a failure. */
static int serve(struct mount *mount, int starter, const sigset_t *signals)
{
  if (fuse_set_signal_handlers(mount->session) < 0)
    return -1;
  pthread_sigmask(SIG_SETMASK, signals, NULL);
  daemon_ready(starter);
  if (starter >= 0)
    log_to_syslog();
  int result = run_loop(mount);
  fuse_remove_signal_handlers(mount->session);
  return result < 0 ? -1 : 0;
}

static int mount_and_serve(struct mount *mount, const struct options *options, int starter,
                           const sigset_t *signals)
{
  if (fuse_session_mount(mount->session, options->mountpoint) < 0)
    return -1;
  if (chdir("/") < 0)
    log_line(RDISK_LOG_WARNING, "cannot go to /: %m");
  int result = serve(mount, starter, signals);
  fuse_session_unmount(mount->session);
  return result;
}

/* ---- all of it ---- */

static int run(struct mount *mount, struct options *options, int starter)
{
  sigset_t all, before;
  int result = -1;

  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  mount->direct_io = options->direct_io;
  mount->session = fuse_session_new(&options->args, &fuse_rdisk_ops, sizeof fuse_rdisk_ops, mount);
  if (mount->session != NULL && open_store(mount, options) == 0 && make_nodes(mount) == 0 &&
      start_server(mount, options) == 0)
    result = mount_and_serve(mount, options, starter, &before);
  if (mount->server != NULL && rdisk_server_stop(mount->server) < 0)
    result = complain("the last checkpoint failed");
  if (mount->session != NULL)
    fuse_session_destroy(mount->session);
  if (mount->store != NULL && rdisk_close(mount->store) < 0)
    result = complain("cannot close the store properly");
  nodes_free(mount->nodes);
  return result;
}

static void print_version(void)
{
  printf("fuse-rdisk %s\nlibfuse %s\n", rdisk_version(), fuse_pkgversion());
}

int main(int argc, char **argv)
{
  struct options options;
  struct mount mount;
  int result = 0;

  fuse_set_log_func(log_from_libfuse);
  if (options_parse(&options, argc, argv) < 0)
    result = -1;
  else if (options.help)
    options_usage();
  else if (options.version)
    print_version();
  else {
    log_verbose(options.debug);
    int starter = daemon_start(options.foreground);
    memset(&mount, 0, sizeof mount);
    shield_from_reclaim();
    result = run(&mount, &options, starter);
  }
  options_free(&options);
  return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
