# SPDX-License-Identifier: BSD-3-Clause
# bash completion for fuse-rdisk                             -*- shell-script -*-

_fuse_rdisk() {
  # shellcheck disable=SC2034 # _init_completion sets them
  local cur prev words cword
  _init_completion -n = || return

  if [[ $prev == -o ]]; then
    local before=
    [[ $cur == *,* ]] && before=${cur%,*},
    compopt -o nospace
    mapfile -t COMPREPLY < <(compgen -P "$before" -W \
      'checkpoint=flush checkpoint=manual checkpoint= control= ro direct_io allow_other debug' \
      -- "${cur##*,}")
  elif [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '-o -r -f -d -h --help -V --version' -- "$cur")
  else
    _filedir
  fi
} &&
  complete -F _fuse_rdisk fuse-rdisk
