#!/usr/bin/env bash
# Runs the tests of a finished build: those that start programs in one process, all others in another beside it. What
# the second one says comes when the first is done.
#
#   Scripts/test.sh BUILD      BUILD: the folder that holds the built tests
set -uo pipefail
cd "$(dirname "$0")/.."
tests=$1/upcyclePackageTests.xctest
suites=$("$tests" --list-tests 2>/dev/null | sed -n 's|^\([A-Za-z]*\.[A-Za-z0-9]*\)/.*|\1|p' | sort -u)
if [ -z "$suites" ]; then
  echo "test: no tests in $tests" >&2
  exit 1
fi
starting='^CommandTests\.'
beside=$(mktemp)
trap 'rm -f "$beside"' EXIT
"$tests" "$(grep -v "$starting" <<<"$suites" | paste -sd,)" >"$beside" 2>&1 &
status=0
"$tests" "$(grep "$starting" <<<"$suites" | paste -sd,)" 2>&1 || status=1
wait $! || status=1
cat "$beside"
exit $status
