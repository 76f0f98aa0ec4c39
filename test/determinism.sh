#!/usr/bin/env bash
# The same seeds on other versions of Node, in other time zones and languages, with servers made in another order, and
# without the compiler: every digest has to be the same. Says which is not, and ends with 1.
#
# usage: test/determinism.sh [SEEDS [FEWER [FEWEST]]]     1000 seeds on each Node, 100 per surrounding, 20 jitless
# JOBS=2 is processes side by side; NODES="20 22 24" the versions, which npx fetches.
set -euo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-1000} fewer=${2:-100} fewest=${3:-20}
jobs=${JOBS:-1}
bad=0

# digest NODE SEEDS [VARIABLE=VALUE...]: of seeds 1 to SEEDS
digest() {
  local node=$1 last=$2
  shift 2
  env "$@" npx -y -p "node@$node" node --import tsx sim/main.ts --seeds "1..$last" --no-shrink --jobs "$jobs" \
    2>/dev/null | tail -n 1
}

# compare NAME DIGEST WANTED
compare() {
  if [ "$2" = "$3" ] && [[ "$2" == "digest "* ]]; then echo "$1: $2"; else
    echo "$1: $2, wanted: $3"
    bad=1
  fi
}

read -r -a nodes <<< "${NODES:-20 22 24}"
first=${nodes[0]}
all=$(digest "$first" "$seeds")
for node in "${nodes[@]}"; do
  compare "node $node, seeds 1..$seeds" "$([ "$node" = "$first" ] && echo "$all" || digest "$node" "$seeds")" "$all"
done

some=$(digest "$first" "$fewer")
for zone in Asia/Kathmandu America/St_Johns; do
  compare "TZ=$zone, seeds 1..$fewer" "$(digest "$first" "$fewer" "TZ=$zone")" "$some"
done
for language in tr_TR.UTF-8 C; do
  compare "LANG=$language, seeds 1..$fewer" "$(digest "$first" "$fewer" "LANG=$language" "LC_ALL=$language")" "$some"
done

few=$(digest "$first" "$fewest")
compare "jitless, seeds 1..$fewest" "$(digest "$first" "$fewest" "NODE_OPTIONS=--jitless --no-warnings")" "$few"

# A check runs each seed a second time, with servers made and listed, and their bags kept, in another order.
if npx -y -p "node@$first" node --import tsx sim/main.ts --seeds "1..$fewer" --check --no-shrink --jobs "$jobs"; then
  echo "another order, seeds 1..$fewer: the same"
else
  bad=1
fi
exit "$bad"
