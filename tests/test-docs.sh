#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --help, the manual page and the bash completion name the same commands and
# options; every exported call has a manual page; every page is in order.
. "$srcdir/lib.sh" || exit 99

tool=$top_srcdir/librdisk/tool
pod=$top_srcdir/man/rdisk.pod
commands=$(rdisk --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || fail "rdisk --help lists no commands"

# help_options COMMAND: -x and --long, as --help shows them.
help_options() {
  rdisk "$1" --help | grep -oE '^ +(-[A-Za-z], )?--[a-z-]+' | tr ', ' '\n\n' | grep '^-'
}

# ---- the manual: =item B<-x>, B<--long> I<VALUE>
for command in $commands; do help_options "$command"; done | sort -u >"$d/help"
sed -n '/^=head1 OPTIONS/,/^=back/s/^=item //p' "$pod" | grep -oE 'B<-[^>]*>' |
  sed 's/B<\(.*\)>/\1/' | sort -u >"$d/manual"
diff -u "$d/help" "$d/manual" || fail "--help (-) and the manual's options (+) differ"

# What an option's section says about its commands is what --help says.
for command in $commands; do
  help_options "$command" | grep -- -- | grep -vxE -- '--(help|version)' | sort >"$d/help"
  perl -ne '
    BEGIN { $command = shift }
    if (/^=item .*B<(--[a-z-]+)>/) { $option = $1 }
    elsif ($option && /^\(([^)]*)\)/) {
      my $list = $1; $list =~ s/, with .*//;
      my $all = $list =~ s/^all but //;
      my $named = grep { $_ eq $command } split /, /, $list;
      print "$option\n" if $all ? !$named : $named;
      $option = "";
    }' "$command" "$pod" | sort >"$d/manual"
  diff -u "$d/help" "$d/manual" || fail "rdisk $command: --help (-) and the manual (+) differ"
  grep -q "^=head2 rdisk $command\\b" "$pod" || fail "the manual has no section on $command"
done

# ---- completion
complete_words() {
  bash -c '
    set +u
    _init_completion() { words=(${COMP_WORDS[@]} ""); cword=$COMP_CWORD; cur=${COMP_WORDS[COMP_CWORD]}
      prev=${COMP_WORDS[COMP_CWORD-1]}; split=false; }
    _filedir() { :; }
    . "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    _rdisk && printf "%s\n" "${COMPREPLY[@]}"' bash "$tool/completion.bash" "$@"
}
complete_words rdisk '' | grep -v '^-' | sort >"$d/completion"
tr ' ' '\n' <<<"$commands" | sort >"$d/help"
diff -u "$d/help" "$d/completion" || fail "commands of --help (-) and completion (+) differ"
for command in $commands; do
  help_options "$command" | sort >"$d/help"
  complete_words rdisk "$command" - | sort >"$d/completion"
  diff -u "$d/help" "$d/completion" || fail "$command: --help (-) and completion (+) differ"
done

# ---- pages
for page in "$top_srcdir"/man/*.pod; do
  if command -v podchecker >"$d/which"; then
    podchecker "$page" 2>"$d/err" || fail "$(cat "$d/err")"
  fi
done
pages=$top_builddir/man
[ -d "$pages/man3" ] || pages=$top_srcdir/man
if [ -d "$pages/man3" ]; then
  sed -n 's/^    \(rdisk_[a-z_]*\);$/\1/p' "$top_srcdir/librdisk/librdisk.map" |
    while read -r call; do
      [ -f "$pages/man3/$call.3" ] || fail "$call has no manual page"
      page=$pages/man3/$call.3
      target=$(sed -n 's/^\.so //p' "$page")
      grep -q "$call" "$pages/${target:-man3/$call.3}" || fail "$page: does not mention $call"
    done
  if command -v man >"$d/which"; then
    for page in "$pages"/man?/*; do
      (cd "$pages" && LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -E UTF-8 -l "$page") \
        >"$d/out" 2>"$d/err" || fail "$page: $(cat "$d/err")"
      [ ! -s "$d/err" ] || fail "$page: $(cat "$d/err")"
    done
  fi
fi
