# SPDX-License-Identifier: BSD-3-Clause
# common-rules.mk - included by every Makefile.am.
#
# Tests.  TESTS without a suffix are programs that print TAP (a libcheck program
# does, through the environment below); TESTS ending in .sh answer by their exit
# status (0 passed, 77 skipped with a reason on stderr, else failed).  All run
# under ./run, so that `rdisk`, `nbdkit rdisk`, `fuse-rdisk` and the library are
# the build tree's.  They see $srcdir, $top_srcdir, $top_builddir (absolute) and
# $sanitizer ("no", or the list: slow tests do less then).
#
# check-valgrind runs the programs of TESTS, not the scripts, under valgrind.
# check-long runs what a folder names in LONG_TESTS, with SEEDS=N in the environment.

AM_CFLAGS = -std=gnu11 $(WARN_CFLAGS) $(PTHREAD_CFLAGS)
AM_CPPFLAGS = -I$(top_srcdir)/librdisk

LIBRDISK = $(top_builddir)/librdisk/librdisk.la
# For tests of the inside: static, every symbol.
LIBRDISK_CORE = $(top_builddir)/librdisk/librdisk-core.la
LIBRDISK_HOSTED = $(top_builddir)/librdisk/librdisk-hosted.la

TEST_EXTENSIONS = .sh
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_COMPILER = $(top_builddir)/run $(RUN_FLAGS)
SH_LOG_COMPILER = timeout --kill-after=20 600 $(top_builddir)/run
AM_TESTS_ENVIRONMENT = \
	CK_TAP_LOG_FILE_NAME=-; CK_VERBOSITY=silent; CK_DEFAULT_TIMEOUT=60; \
	srcdir='$(abs_srcdir)'; builddir='$(abs_builddir)'; \
	top_srcdir='$(abs_top_srcdir)'; top_builddir='$(abs_top_builddir)'; \
	sanitizer='$(enable_sanitizer)'; CC='$(CC)'; CXX='$(CXX)'; CFLAGS='$(CFLAGS)'; \
	export CK_TAP_LOG_FILE_NAME CK_VERBOSITY CK_DEFAULT_TIMEOUT \
	  srcdir builddir top_srcdir top_builddir sanitizer CC CXX CFLAGS;

check-valgrind-local:
	@progs='$(filter-out %.sh,$(TESTS))'; test -z "$$progs" || \
	  CK_FORK=no $(MAKE) $(AM_MAKEFLAGS) check TESTS="$$progs" RUN_FLAGS=--valgrind

check-long-local:
	@progs='$(LONG_TESTS)'; test -z "$$progs" || \
	  $(MAKE) $(AM_MAKEFLAGS) check TESTS="$$progs"

.PHONY: check-valgrind-local check-long-local
