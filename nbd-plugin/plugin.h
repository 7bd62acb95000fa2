/* SPDX-License-Identifier: BSD-3-Clause */
/* plugin.h - what the plugin's files share.  A plugin is loaded once into a
 * process and serves one store, so its state is one object.
 */
#ifndef NBD_PLUGIN_H
#define NBD_PLUGIN_H

#include <stdbool.h>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "rdisk-server.h"
#include "rdisk.h"

struct plugin {
  /* From the command line (config.c). */
  char *store_path;   /* absolute */
  char *control_path; /* absolute; NULL: none */
  struct rdisk_server_options policy;
  bool read_only; /* nbdkit -r */

  /* From after_fork to cleanup (store.c). */
  struct rdisk *store;
  struct rdisk_server *server;
  struct rdisk_info info;
};
extern struct plugin plugin;

/* nbdkit -D rdisk.io=1, -D rdisk.log=1 */
extern int rdisk_debug_io;
extern int rdisk_debug_log;

/* config.c */
extern const char plugin_config_help[];
int plugin_config(const char *key, const char *value);
int plugin_config_complete(void);
void plugin_config_free(void);

/* command-line.c: whether nbdkit was started with -r. */
bool nbdkit_is_read_only(void);

/* store.c */
int plugin_get_ready(void);
int plugin_after_fork(void);
void plugin_stop(void);

#endif
