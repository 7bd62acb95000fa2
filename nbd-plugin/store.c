/* SPDX-License-Identifier: BSD-3-Clause */
/* store.c - the store's life inside nbdkit.
 *
 *   get_ready   a rehearsal: open the store the way it will be served, make the
 *               control socket, and undo both; what is wrong is told while the
 *               user still sees it
 *   after_fork  the same for good: threads do not survive nbdkit's fork
 *   cleanup, unload
 *               stop serving (a last checkpoint, unless the policy is manual)
 *               and close; whichever comes first, as cleanup may never come
 *
 * Between the two another process may take the store; then after_fork fails and
 * nbdkit ends.
 */
#include "config.h"

#include "plugin.h"

static void plugin_log(void *opaque, enum rdisk_log_level level, const char *line)
{
  (void)opaque;
  switch (level) {
  case RDISK_LOG_ERROR:
    nbdkit_error("%s", line);
    break;
  case RDISK_LOG_WARNING:
    nbdkit_error("warning: %s", line);
    break;
  case RDISK_LOG_INFO:
    nbdkit_debug("%s", line);
    break;
  default:
    if (rdisk_debug_log)
      nbdkit_debug("%s", line);
    break;
  }
}

static int store_open(void)
{
  struct rdisk_open_options options = RDISK_OPEN_OPTIONS_INIT;

  options.flags = plugin.read_only ? RDISK_OPEN_READ_ONLY : 0;
  options.log = plugin_log;
  plugin.info = (struct rdisk_info)RDISK_INFO_INIT;
  if (rdisk_open(plugin.store_path, &options, &plugin.store) < 0) {
    plugin.store = NULL;
    nbdkit_error("%s", rdisk_last_error());
    return -1;
  }
  if (rdisk_get_info(plugin.store, &plugin.info) == 0)
    return 0;
  nbdkit_error("%s", rdisk_last_error());
  plugin_stop();
  return -1;
}

static int serve(void)
{
  struct rdisk_server_options options = plugin.policy;

  options.control = plugin.control_path;
  options.log = plugin_log;
  if (rdisk_server_start(plugin.store, &options, &plugin.server) == 0)
    return 0;
  nbdkit_error("%s", rdisk_last_error());
  plugin_stop();
  return -1;
}

int plugin_get_ready(void)
{
  plugin.read_only = nbdkit_is_read_only();
  if (store_open() < 0 || serve() < 0)
    return -1;
  plugin_stop();
  return 0;
}

int plugin_after_fork(void)
{
  if (store_open() < 0 || serve() < 0)
    return -1;
  nbdkit_debug("store %s: %llu bytes, checkpoint %llu, I/O by %s", plugin.store_path,
               (unsigned long long)plugin.info.size_bytes, (unsigned long long)plugin.info.sequence,
               plugin.info.backend);
  return 0;
}

void plugin_stop(void)
{
  if (plugin.server != NULL && rdisk_server_stop(plugin.server) < 0)
    nbdkit_error("last checkpoint: %s", rdisk_last_error());
  plugin.server = NULL;
  if (plugin.store != NULL && rdisk_close(plugin.store) < 0)
    nbdkit_error("%s", rdisk_last_error());
  plugin.store = NULL;
}
