#!/usr/bin/env bash
# add_a_method_extract.sh DOCUMENT SOURCE_DIR OUT: the files that the document's blocks make. A block ```... file=PATH is a new
# file; ```... add=PATH has an include and an Add line, which go into the file of that path in sorted order.
set -euo pipefail
document=$1 source=$2 out=$3
blocks() { # blocks KIND: "PATH" lines of the blocks of this kind
  sed -nE "s/^\`\`\`[a-z]+ $1=(.*)\$/\1/p" "$document"
}
block() { # block KIND PATH: its lines
  awk -v head="$1=$2" '/^```/ { inside = !inside && index($0, head); next } inside' "$document"
}
count=0
for path in $(blocks file); do
  mkdir -p "$out/$(dirname "$path")"
  block file "$path" >"$out/$path"
  count=$((count + 1))
done
for path in $(blocks add); do
  mkdir -p "$out/$(dirname "$path")"
  include=$(block add "$path" | grep '^#include')
  line=$(block add "$path" | grep 'l\.Add<')
  LC_ALL=C awk -v include="$include" -v line="$line" '
    function name(s) { sub(/^.*Add</, "", s); sub(/,.*$/, "", s); return s }
    /^namespace/ && !included { print include; print ""; included = 1 }
    /l\.Add</ && !added && name($0) > name(line) { print line; added = 1 }
    /return l;/ && !added { print line; added = 1 }
    { print }' "$source/$path" >"$out/$path"
  count=$((count + 1))
done
[ "$count" -ge 1 ] && [ "$count" -le 3 ] || { echo "$document touches $count files: at most three are allowed" >&2; exit 1; }
