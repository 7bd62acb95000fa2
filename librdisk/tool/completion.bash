# SPDX-License-Identifier: BSD-3-Clause
# bash completion for rdisk                                  -*- shell-script -*-

_rdisk() {
  local cur prev words cword split
  _init_completion -s || return

  local command=${words[1]}
  case $prev in
  -l | --layout)
    mapfile -t COMPREPLY < <(compgen -W 'ab' -- "$cur")
    return
    ;;
  -b | --block-size)
    mapfile -t COMPREPLY < <(compgen -W '512 1K 2K 4K 8K 16K 32K 64K' -- "$cur")
    return
    ;;
  -c | --control)
    _filedir
    return
    ;;
  --freeze)
    _filedir -d
    return
    ;;
  -L | --label | --log-size)
    return
    ;;
  esac
  $split && return

  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W \
      'create info list checkpoint recover check stats -h --help -V --version' -- "$cur")
    return
  fi
  if [[ $cur != -* ]]; then
    _filedir
    return
  fi
  local options=
  case $command in
  create)
    options='-l --layout -b --block-size --log-size -p --preallocate -L --label -f --force'
    ;;
  info | list | recover | stats) options='-c --control -J --json' ;;
  checkpoint) options='--freeze -c --control -J --json' ;;
  check) options='-J --json' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$options -h --help -V --version" -- "$cur")
} &&
  complete -F _rdisk rdisk
