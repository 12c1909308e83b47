"""A model's chat template: what it reads, and what it makes of a conversation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.meta import find_undeclared_variables
from jinja2.nodes import Node
from jinja2.parser import Parser

from domain.errors import GenerationFailed, InvalidRequest

Turn = Mapping[str, object]
# mlx-lm brings some templates as Python functions; they read these.
PYTHON_TEMPLATE_VARIABLES = frozenset({"tools", "enable_thinking"})


class ChatTemplate:
    """The templates of one tokenizer: one, or several by name of which `tool_use` is taken when there are tools.

    Templates come with the model and may be hostile. They are rendered in jinja2's immutable sandbox: no access to
    Python's internals, no change to what they are given, plain data only, loops over `range` of at most 100,000. Time
    and memory are not bounded here: a template that nests loops is ended with the process it runs in.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._wrapper = tokenizer
        self._tokenizer = tokenizer._tokenizer
        self._is_python = getattr(tokenizer, "_chat_template", None) is not None
        self._variables: dict[bool, frozenset[str]] = {}

    @property
    def exists(self) -> bool:
        return bool(self._wrapper.has_chat_template)

    def source(self, with_tools: bool = False) -> str:
        """The text of the template; "" where there is none or it is a Python function."""
        template = self._tokenizer.chat_template
        if isinstance(template, Mapping):
            found = template.get("tool_use") if with_tools else None
            template = found or template.get("default")
        return template if isinstance(template, str) and not self._is_python else ""

    def variables(self, with_tools: bool = False) -> frozenset[str]:
        """The variables that the template reads; none for one that is no valid template."""
        if self._is_python:
            return PYTHON_TEMPLATE_VARIABLES
        if with_tools not in self._variables:
            self._variables[with_tools] = undeclared_variables(self.source(with_tools))
        return self._variables[with_tools]

    def render(self, turns: Sequence[Turn], tools: Sequence[Turn], ending: str, variables: Mapping[str, object]) -> str:
        """ending: "open" adds the opening of the assistant's turn, "closed" adds nothing, "continue" leaves the last
        turn open.

        Raises InvalidRequest in the template's words or for values nested beyond it, GenerationFailed for a broken
        template, ValueError when the last turn cannot be found in order to leave it open.
        """
        renderer = self._wrapper if self._is_python else self._tokenizer
        try:
            text = renderer.apply_chat_template(
                [dict(turn) for turn in turns],
                tools=[dict(tool) for tool in tools] or None,
                tokenize=False,
                add_generation_prompt=ending == "open",
                continue_final_message=ending == "continue",
                **variables,
            )
        except RecursionError as fault:
            raise InvalidRequest(
                "the conversation holds values that are nested too deeply for the model's chat template",
                hint="flatten the arguments of calls, the tools and chat_template_kwargs",
                param="messages",
            ) from fault
        except (TemplateSyntaxError, SecurityError) as fault:
            raise GenerationFailed(f"the model's chat template is broken: {fault.message or fault}") from fault
        except TemplateError as refusal:
            raise InvalidRequest(
                f"the model's chat template refuses the conversation: {refusal.message or refusal}",
                hint="change the order or the roles of the messages",
                param="messages",
            ) from refusal
        return str(text)


def undeclared_variables(source: str) -> frozenset[str]:
    """The names that a template reads without setting them first."""
    environment = Environment(extensions=["jinja2.ext.loopcontrols", _GenerationTag])  # noqa: S701  (parsed, never run)
    try:
        return frozenset(find_undeclared_variables(environment.parse(source)))
    except TemplateError:
        return frozenset()


class _GenerationTag(Extension):
    """transformers' `{% generation %}` marks what the assistant wrote. Here it is its content."""

    tags = {"generation"}  # noqa: RUF012

    def parse(self, parser: Parser) -> Node | list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
