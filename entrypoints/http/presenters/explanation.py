"""What is remembered of a prompt, as JSON."""

from __future__ import annotations

from application.inference.explain_prompt import ExplainedPrompt
from domain.serving.prompt_explanation import TokenText


def present_explanation(explained: ExplainedPrompt) -> dict[str, object]:
    """diverges_at: null where nothing is remembered, or where the prompt equals what is."""
    told = explained.explanation
    found = told.divergence
    sides = {"prompt": _side(told.prompt), "remembered": _side(told.remembered)}
    return {
        "object": "mlxk.prompt_explanation",
        "model": explained.model.name,
        "prompt_tokens": found.prompt_tokens,
        "matched_tokens": found.matched_tokens,
        "reusable_tokens": found.reusable_tokens,
        "kind": found.kind.value,
        "loss": found.loss.value,
        "diverges_at": {"index": found.matched_tokens, **sides} if found.remembers and any(sides.values()) else None,
        "guard": {"checks": told.checks.made, "differing": told.checks.differing},
        "message": told.message,
    }


def _side(side: TokenText | None) -> dict[str, object] | None:
    return None if side is None else {"id": side.token, "text": side.text, "following": side.following}
