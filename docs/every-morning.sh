#!/bin/sh
# Goes through the mail every morning, asks where it must, and goes on the morning after.
#
#   crontab -e:   0 7 * * 1-5  $HOME/every-morning/every-morning.sh
#
# Its task is the recipe beside it. What it waits for is answered from any shell:
#
#   m2agent show last      m2agent approve last      m2agent decline last --reason "Not today."
#
# It keeps one run at a time: the id in `pending` is the run that is not done yet.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here" || exit 1
tell() { printf '%s  %s\n' "$(date +%F)" "$*" >> told.txt; } # or: mail -s m2agent you@example.com

if [ -s pending ]; then
    set -- resume "$(cat pending)"
else
    set -- run every-morning.toml --set "day=$(date +%F)"
fi
m2agent "$@" --json > result.json 2> said.txt
code=$?
run=$(sed -n 's/^{"run":"\([^"]*\)".*/\1/p' result.json)

case $code in
    0)   rm -f pending; tell "done: $run" ;;
    4)   [ -n "$run" ] && echo "$run" > pending; tell "waits for you: m2agent show $run" ;;
    5)   echo "$run" > pending; tell "met a limit, and goes on tomorrow: $run" ;;
    6)   echo "$run" > pending; tell "the model failed; it goes on tomorrow: $run" ;;
    7)   rm -f pending; tell "ended, and not all of it is proven: m2agent show $run" ;;
    130) echo "$run" > pending; tell "was stopped, and goes on tomorrow: $run" ;;
    3)   tell "needs you: $(cat said.txt)" ;;
    *)   tell "went wrong ($code): $(cat said.txt)" ;; # 2: the recipe is wrong, 1: a bug
esac
exit $code
