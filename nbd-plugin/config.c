/* SPDX-License-Identifier: BSD-3-Clause */
/* config.c - the plugin's parameters. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "plugin.h"

const char plugin_config_help[] =
    "[store=]<STORE>       (required) The store, as made by 'rdisk create'.\n"
    "checkpoint=<POLICY>   When to checkpoint: flush (default), manual, or <SECONDS>.\n"
    "control=<SOCKET>      Make a control socket for 'rdisk --control'.";

/* nbdkit leaves the directory it was started in. */
static int set_path(char **path, const char *key, const char *value)
{
  if (value[0] == '\0') {
    nbdkit_error("%s: the path is empty", key);
    return -1;
  }
  free(*path);
  *path = nbdkit_absolute_path(value);
  return *path != NULL ? 0 : -1;
}

int plugin_config(const char *key, const char *value)
{
  if (strcmp(key, "store") == 0)
    return set_path(&plugin.store_path, key, value);
  if (strcmp(key, "control") == 0)
    return set_path(&plugin.control_path, key, value);
  if (strcmp(key, "checkpoint") == 0) {
    if (rdisk_server_parse_policy(value, &plugin.policy) == 0)
      return 0;
    nbdkit_error("%s", rdisk_last_error());
    return -1;
  }
  nbdkit_error("unknown parameter '%s': try nbdkit rdisk --help", key);
  return -1;
}

int plugin_config_complete(void)
{
  if (plugin.store_path != NULL)
    return 0;
  nbdkit_error("which store? Give [store=]<STORE>, a file or device made by 'rdisk create'");
  return -1;
}

void plugin_config_free(void)
{
  free(plugin.store_path);
  free(plugin.control_path);
  plugin.store_path = plugin.control_path = NULL;
}
