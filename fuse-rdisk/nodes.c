/* SPDX-License-Identifier: BSD-3-Clause */
/* nodes.c - the tree of names that a mount shows.
 *
 * An array of nodes, found by inode number as index + 1.  Nodes are added
 * before the mount is served and stay until it ends, so that requests read the
 * tree from any thread without a lock, and the kernel's lookup counts (FORGET)
 * need no counterpart here.  Whoever adds nodes to a mount that is being
 * served brings a lock with him, here.
 */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nodes.h"

enum { ROOT_INO = 1 };

struct nodes {
  struct node **node; /* node[ino - 1] */
  uint64_t count;
  uint64_t room;
};

static int grow(struct nodes *nodes)
{
  uint64_t room = nodes->room ? 2 * nodes->room : 8;
  struct node **node = reallocarray(nodes->node, room, sizeof *node);
  if (node == NULL)
    return -1;
  nodes->node = node;
  nodes->room = room;
  return 0;
}

uint64_t nodes_add(struct nodes *nodes, uint64_t parent, const char *name, enum node_kind kind,
                   mode_t mode)
{
  assert(nodes->count == 0 || nodes_get(nodes, parent)->kind == NODE_DIRECTORY);
  assert((kind == NODE_DIRECTORY) == S_ISDIR(mode));
  if (nodes->count == nodes->room && grow(nodes) < 0)
    return 0;
  size_t name_bytes = strlen(name) + 1;
  struct node *node = malloc(sizeof *node + name_bytes);
  if (node == NULL)
    return 0;
  node->ino = nodes->count + 1;
  node->parent = parent;
  node->name = memcpy(node + 1, name, name_bytes);
  node->kind = kind;
  node->mode = mode;
  nodes->node[nodes->count++] = node;
  return node->ino;
}

struct nodes *nodes_new(mode_t root_mode)
{
  struct nodes *nodes = calloc(1, sizeof *nodes);
  if (nodes == NULL)
    return NULL;
  if (nodes_add(nodes, ROOT_INO, "", NODE_DIRECTORY, S_IFDIR | root_mode) == 0) {
    nodes_free(nodes);
    return NULL;
  }
  return nodes;
}

void nodes_free(struct nodes *nodes)
{
  if (nodes == NULL)
    return;
  for (uint64_t i = 0; i < nodes->count; i++)
    free(nodes->node[i]);
  free(nodes->node);
  free(nodes);
}

const struct node *nodes_get(const struct nodes *nodes, uint64_t ino)
{
  return ino >= 1 && ino <= nodes->count ? nodes->node[ino - 1] : NULL;
}

const struct node *nodes_next(const struct nodes *nodes, uint64_t parent, uint64_t after)
{
  for (uint64_t ino = after + 1; ino <= nodes->count; ino++)
    if (ino != ROOT_INO && nodes->node[ino - 1]->parent == parent)
      return nodes->node[ino - 1];
  return NULL;
}

const struct node *nodes_lookup(const struct nodes *nodes, uint64_t parent, const char *name)
{
  const struct node *node = NULL;
  while ((node = nodes_next(nodes, parent, node ? node->ino : 0)) != NULL)
    if (strcmp(node->name, name) == 0)
      return node;
  return NULL;
}

uint64_t nodes_count(const struct nodes *nodes)
{
  return nodes->count;
}
