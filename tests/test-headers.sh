#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Each public header stands alone, in C99 -pedantic, in C11 and in C++, and may be
# included twice.
. "$srcdir/lib.sh" || exit 99

headers=$top_srcdir/librdisk
flags="-fsyntax-only -pedantic -Wall -Wextra -Werror -I$headers"

for header in rdisk.h rdisk-io.h rdisk-core.h rdisk-server.h; do
  printf '#include <%s>\n#include <%s>\nint used;\n' $header $header >"$d/alone.c"
  cp "$d/alone.c" "$d/alone.cc"
  for std in c99 c11; do
    # shellcheck disable=SC2086 # flags are several
    $CC -std=$std $flags "$d/alone.c" || fail "$header as $std"
  done
  if command -v "${CXX%% *}" >"$d/which"; then
    # shellcheck disable=SC2086
    $CXX -std=c++11 $flags "$d/alone.cc" || fail "$header as C++"
  fi
done

# A C++ program can link: the names are C's.
cat >"$d/link.cc" <<END
#include <rdisk.h>
#include <rdisk-server.h>
int main() { return rdisk_version() == nullptr || rdisk_strerror(0) == nullptr; }
END
if command -v "${CXX%% *}" >"$d/which"; then
  $CXX -std=c++11 -I"$headers" "$d/link.cc" -o "$d/link" -L"$top_builddir/librdisk/.libs" -lrdisk
  "$d/link"
fi
