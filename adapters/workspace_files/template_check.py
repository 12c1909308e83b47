"""TemplateCheck with Jinja's own parser."""

from __future__ import annotations

import re

from jinja2 import Environment, TemplateSyntaxError

# transformers' own tag: it marks the assistant's words for training.
_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")


class JinjaTemplateCheck:
    """TemplateCheck."""

    def problem(self, template: str) -> str | None:
        environment = Environment(extensions=["jinja2.ext.loopcontrols"], autoescape=True)
        try:
            environment.parse(_GENERATION.sub("", template))
        except TemplateSyntaxError as fault:
            return f"line {fault.lineno}: {fault.message}"
        except RecursionError:
            return "it is nested too deep"
        return None
