#!/usr/bin/env bash
# Runs the tests of a finished build, two processes at a time that take suites from one list, so that both end together.
# Those whose suites start programs come first: they take longest. What a suite says comes when it is done.
#
#   Scripts/test.sh BUILD [PATTERN]      BUILD: the folder that holds the built tests; PATTERN: only suites of such names
set -uo pipefail
cd "$(dirname "$0")/.."
export tests=$1/upcyclePackageTests.xctest
suites=$("$tests" --list-tests 2>/dev/null | sed -n 's|^\([A-Za-z]*\.[A-Za-z0-9]*\)/.*|\1|p' | sort -u | grep -E "${2:-.}")
if [ -z "$suites" ]; then
  echo "test: no tests in $tests" >&2
  exit 1
fi
export said=$(mktemp -d)
trap 'rm -rf "$said"' EXIT
suite() {
  local status=0
  "$tests" "$1" >"$said/$1" 2>&1 || status=$?
  flock "$said" cat "$said/$1"
  ((status == 0)) || flock "$said" echo "test: $1 ended with $status"
  return $((status != 0))
}
export -f suite
starting='^\(CommandTests\|DocsTests\|ExportTests\)\.'
{ grep "$starting" <<<"$suites"; grep -v "$starting" <<<"$suites"; true; } | xargs -P 2 -I SUITE bash -c 'suite SUITE'
