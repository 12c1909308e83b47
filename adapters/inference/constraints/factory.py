"""From a request to what holds its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.inference.constraints import grammars
from adapters.inference.constraints.channels import ChannelConstraint
from adapters.inference.constraints.compiler import GrammarCompiler
from adapters.inference.constraints.matching import GrammarConstraint
from adapters.inference.constraints.staged import AfterThought, Entrances, StrictCalls, Tokens
from domain.errors import UnsupportedParameter
from domain.inference import GenerationRequest, OutputFormat, ToolMarks, ToolMode
from ports.text_codec import EncodedPrompt
from ports.token_constraint import TokenConstraint


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The added tokens of a tokenizer by their text, and what an answer is made of."""

    added: Mapping[str, int]
    tokens: Tokens

    def first_token(self, mark: str) -> int | None:
        """The token that a mark begins with, where that is one of the added ones and so not read as other text."""
        return next(
            (self.added[word] for word in sorted(self.added, key=len, reverse=True) if mark.startswith(word)), None
        )


class ConstraintFactory:
    """Makes a request's TokenConstraint; all compiling happens here, none while the answer is written."""

    def __init__(self, compiler: GrammarCompiler, output_format: OutputFormat, vocabulary: Vocabulary) -> None:
        self._compiler = compiler
        self._format = output_format
        self._vocabulary = vocabulary
        self._stops = vocabulary.tokens.stops

    def build(self, request: GenerationRequest, prompt: EncodedPrompt) -> TokenConstraint | None:
        """None for a free answer. Raises InvalidRequest for what cannot be enforced.

        The assistant's words that are to be continued are the beginning of the form, where they can be.
        """
        if not request.prompt.template:
            return None if request.output is None else self._grammar_of_output(request)
        if self._format.channels:
            return self._in_channels(request)
        if request.output is not None:
            return self._output(request, prompt)
        if request.tools.mode is ToolMode.REQUIRED:
            return self._required_calls(request, prompt)
        return self._strict_calls(request)

    def _output(self, request: GenerationRequest, prompt: EncodedPrompt) -> TokenConstraint:
        grammar = self._grammar_of_output(request)
        calls = self._strict_calls(request)
        marks = self._format.tools if request.tools.shown else None
        return self._after_thought(grammar, prompt, marks, calls)

    def _required_calls(self, request: GenerationRequest, prompt: EncodedPrompt) -> TokenConstraint | None:
        """None where the prompt itself opens the call."""
        marks = self._format.tools
        self._refuse_strict_without_json(request, marks)
        if marks is None or not marks.json:
            return None
        schemas = grammars.schemas_of(request.tools.callable, self._compiler.compiles)
        opening, closing = self._terminal(marks.opening), self._terminal(marks.closing)
        lark = grammars.calls_grammar(schemas, opening, closing, request.tools.parallel)
        return self._after_thought(self._grammar(lark, "tools"), prompt, None, None)

    def _strict_calls(self, request: GenerationRequest) -> TokenConstraint | None:
        """None where no tool is strict."""
        tools, marks = request.tools, self._format.tools
        self._refuse_strict_without_json(request, marks)
        if marks is None or not any(tool.strict for tool in tools.shown):
            return None
        schemas = grammars.schemas_of(tools.shown, self._compiler.compiles)
        lark = grammars.rest_of_call_grammar(schemas, self._terminal(marks.closing))
        return StrictCalls(
            self._grammar(lark, "tools"),
            self._vocabulary.tokens,
            marks.opening,
            tools.parallel,
        )

    def _in_channels(self, request: GenerationRequest) -> TokenConstraint | None:
        added = self._vocabulary.added
        call_stops = frozenset({added["<|call|>"]} if "<|call|>" in added else ())
        never = self._stops - call_stops
        tools = request.tools
        if tools.mode is ToolMode.REQUIRED:
            schemas = grammars.schemas_of(tools.callable, self._compiler.compiles)
            return self._grammar(grammars.channel_call_grammar(schemas, self._channel_tokens()), "tools", never)
        strict = [tool for tool in tools.shown if tool.strict]
        calls = {
            tool.name: self._grammar(
                grammars.schema_grammar(grammars.call_schema(tool, self._compiler.compiles)), "tools", never
            )
            for tool in strict
        }
        final = None if request.output is None else self._grammar_of_output(request)
        if final is None and not calls:
            return None
        allowed_calls = call_stops if tools.shown else frozenset[int]()
        return ChannelConstraint(final, calls, self._vocabulary.tokens, allowed_calls, in_final=request.continues)

    def _channel_tokens(self) -> grammars.ChannelTokens:
        added = self._vocabulary.added
        start, channel, message, end = (added[f"<|{name}|>"] for name in ("start", "channel", "message", "end"))
        return grammars.ChannelTokens(start, channel, message, end, added.get("<|constrain|>"))

    def _after_thought(
        self,
        grammar: GrammarConstraint,
        prompt: EncodedPrompt,
        call_marks: ToolMarks | None,
        calls: TokenConstraint | None,
    ) -> TokenConstraint:
        thought = self._format.reasoning
        if thought is None and call_marks is None:
            return grammar
        thought_token, call_token = (
            None if marks is None else self._vocabulary.first_token(marks.opening) for marks in (thought, call_marks)
        )
        entrances = Entrances(thought, call_marks, thought_token, call_token)
        return AfterThought(grammar, self._vocabulary.tokens, entrances, prompt.reasoning_open, calls)

    def _grammar_of_output(self, request: GenerationRequest) -> GrammarConstraint:
        assert request.output is not None  # noqa: S101  (both callers have looked)
        grammar = self._grammar(grammars.output_grammar(request.output), request.output.param)
        if request.continues and request.prompt.template:
            marks = self._format.reasoning
            words = request.messages[-1].text
            said = words.rpartition(marks.closing)[2].lstrip() if marks and marks.closing in words else words
            grammar.begin_if_fits(self._vocabulary.tokens.encode(said))
        return grammar

    def _grammar(self, grammar: str, param: str, never: frozenset[int] = frozenset()) -> GrammarConstraint:
        matcher = self._compiler.compile(grammar, param, lenient=param == "tools")
        return GrammarConstraint(matcher, self._stops - never, never)

    def _terminal(self, mark: str) -> str:
        return grammars.mark_terminal(mark, self._vocabulary.added.get(mark))

    def _refuse_strict_without_json(self, request: GenerationRequest, marks: ToolMarks | None) -> None:
        strict = next((tool for tool in request.tools.shown if tool.strict), None)
        if strict is not None and (marks is None or not marks.json):
            raise UnsupportedParameter(
                f"the tool {strict.name!r} is strict, but this model's format of calls cannot be held to a schema",
                hint="send the tool without `strict`",
                param="tools",
            )
