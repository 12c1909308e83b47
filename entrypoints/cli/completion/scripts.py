"""The scripts that `mlxk completion` prints. They only ask: `mlxk __complete` answers, so they never grow stale."""

from __future__ import annotations

HIDDEN_COMMAND = "__complete"

_BASH = """\
# bash completion for mlxk. Load it with:  eval "$(mlxk completion bash)"
_mlxk_complete() {
    local candidate
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("$candidate")
    done < <(command mlxk __complete bash "$2" "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -o bashdefault -o default -F _mlxk_complete mlxk mlxk2 mlxk-json mlx-run
"""

_ZSH = """\
#compdef mlxk mlxk2 mlxk-json mlx-run
# zsh completion for mlxk. Load it with:  eval "$(mlxk completion zsh)"  (after compinit)
_mlxk() {
    local line word
    local -a found
    while IFS= read -r line; do
        word=${line%%$'\\t'*}
        word=${word//\\\\/\\\\\\\\}
        found+=("${word//:/\\\\:}:${line#*$'\\t'}")
    done < <(command mlxk __complete zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)
    if (( ${#found} )); then
        _describe -V 'mlxk' found
    else
        _files
    fi
}
if [[ ${funcstack[1]} == _mlxk ]]; then
    _mlxk "$@"
else
    compdef _mlxk mlxk mlxk2 mlxk-json mlx-run
fi
"""

_FISH = """\
# fish completion for mlxk. Load it with:  mlxk completion fish | source
function __mlxk_complete
    command mlxk __complete fish (commandline -opc) (commandline -ct) 2>/dev/null
end
function __mlxk_at_a_path
    string match -qr -- '^[./~]' (commandline -ct)
end
for program in mlxk mlxk2 mlxk-json mlx-run
    complete -c $program -e
    complete -c $program -n __mlxk_at_a_path -F
    complete -c $program -n 'not __mlxk_at_a_path' -f -a '(__mlxk_complete)'
end
"""

SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}
SHELLS = tuple(SCRIPTS)
