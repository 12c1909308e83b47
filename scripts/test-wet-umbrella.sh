#!/usr/bin/env bash
# All live tests, group by group: what shares a process first, then the groups that want one of their own. Arguments go
# to every pytest; --report-output FILE is one file for all groups, which each adds its lines to. Ends with 1 when a
# group failed, with 2 when the arguments are wrong.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

pytest=${PYTEST:-.venv/bin/pytest}
groups=("wet" "live_pull" "live_clone")

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
number() { grep -Eo "[0-9]+ $1" "$logs/last" | tail -1 | grep -Eo '^[0-9]+' || echo 0; }

failed=0 note="" rows=()
for group in "${groups[@]}"; do
  echo "== $group"
  begun=$SECONDS
  "$pytest" tests/live -m "live and $group" --tb=no --capture=sys "$@" 2>&1 | tee "$logs/$group"
  code=${PIPESTATUS[0]}
  tail -1 "$logs/$group" > "$logs/last"
  # 5: nothing was collected, as when -k leaves none.
  [ "$code" -eq 0 ] || [ "$code" -eq 5 ] || failed=1
  [ "$code" -le 1 ] || [ "$code" -eq 5 ] || note="ended with $code"
  bad=$(($(number failed) + $(number error)))
  rows+=("$(printf '%-12s %8s %8s %8s %9s  %s' "$group" "$(number passed)" "$bad" "$(number skipped)" "$((SECONDS - begun))" "$note")")
  note=""
done

echo
printf '%-12s %8s %8s %8s %9s\n' group passed failed skipped seconds
printf '%s\n' "${rows[@]}"
exit $failed
