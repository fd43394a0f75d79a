#!/usr/bin/env bash
# Review the checked-out commit against $BASE; the report goes to the summary of the run, too.
# A gate that fails fails the check. What can't be judged, for want of a remote, is a warning as long as there is a report.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
PATH="$PWD/.venv/bin:$PATH"
rm -rf reports
: "${BASE:?the commit to compare with}"
left=$(git merge-base "$BASE" HEAD) || { echo "::error::$BASE and HEAD have no commit in common"; exit 2; }
status=0
python -m review --base "$left" --head HEAD || status=$?
[ -f reports/review.md ] || exit "$status"
cat reports/review.md >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
if [ "$status" = 2 ]; then
  echo "::warning::The review can't judge every rule of the gate: see the report."
  exit 0
fi
exit "$status"
