/* SPDX-License-Identifier: BSD-3-Clause */
/* nodes.h - the tree of names that a mount shows.  See nodes.c. */
#ifndef FUSE_RDISK_NODES_H
#define FUSE_RDISK_NODES_H

#include <stdint.h>
#include <sys/types.h>

enum node_kind {
  NODE_DIRECTORY,
  NODE_DISK /* the disk as it is now: read and written */
};

struct node {
  uint64_t ino;    /* 1: the root */
  uint64_t parent; /* the root is its own */
  const char *name;
  enum node_kind kind;
  mode_t mode; /* with the file type */
};

struct nodes;

/* A tree that holds its root only; NULL: no memory. */
struct nodes *nodes_new(mode_t root_mode);
void nodes_free(struct nodes *nodes);

/* Add a node, give its inode number; 0: no memory. */
uint64_t nodes_add(struct nodes *nodes, uint64_t parent, const char *name, enum node_kind kind,
                   mode_t mode);

/* NULL: there is none. */
const struct node *nodes_get(const struct nodes *nodes, uint64_t ino);
const struct node *nodes_lookup(const struct nodes *nodes, uint64_t parent, const char *name);

/* The child of PARENT with the lowest inode number above AFTER; NULL: no more. */
const struct node *nodes_next(const struct nodes *nodes, uint64_t parent, uint64_t after);

/* How many nodes there are. */
uint64_t nodes_count(const struct nodes *nodes);

#endif
