"""Known ways in which a conversion comes out broken, and what mends them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from domain.catalog.manifest import PREPROCESSOR, PROCESSOR, section
from domain.errors import ModelUnhealthy
from domain.workspace.patch import FileChange
from domain.workspace.shard_index import INDEX, Shard, build_index, index_is_right

CONFIG, GENERATION, TOKENIZER_CONFIG = "config.json", "generation_config.json", "tokenizer_config.json"
TOKENIZER, TEMPLATE_FILE, TEMPLATE_JSON = "tokenizer.json", "chat_template.jinja", "chat_template.json"
READ = (CONFIG, GENERATION, TOKENIZER_CONFIG, TOKENIZER, TEMPLATE_FILE, TEMPLATE_JSON, PREPROCESSOR, PROCESSOR, INDEX)
TURN_ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>", "<|eom_id|>")
TOKENIZER_SOURCES = (("tokenizer.model",), ("spiece.model",), ("vocab.json", "merges.txt"), ("vocab.txt",))
IMAGE_PROCESSORS = {
    "qwen2_vl": "Qwen2VLImageProcessor",
    "llava": "CLIPImageProcessor",
    "llava_next": "LlavaNextImageProcessor",
    "pixtral": "PixtralImageProcessor",
    "idefics2": "Idefics2ImageProcessor",
    "idefics3": "Idefics3ImageProcessor",
    "mllama": "MllamaImageProcessor",
    "paligemma": "SiglipImageProcessor",
    "gemma3": "Gemma3ImageProcessor",
}
CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for message in messages %}<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n"
    "{{ message['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
TEMPLATES = (("<|im_start|>", CHATML), ("<|start_header_id|>", LLAMA3))


@dataclass(frozen=True, slots=True)
class Patient:
    """The small files of a workspace. contents: raw, only those that are there. names: every file in the root. derived:
    a tokenizer.json made from the older tokenizer files, where that was asked for and worked. template_problem: what
    keeps a text from being a template, None for a sound one.
    """

    contents: Mapping[str, bytes]
    names: frozenset[str]
    shards: Sequence[Shard]
    template_problem: Callable[[str], str | None]
    derived: bytes | None = None

    def document(self, name: str) -> dict[str, object]:
        """A JSON object, {} for anything else."""
        try:
            value = json.loads(self.contents.get(name, b"{}"))
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    def after(self, change: FileChange) -> Patient:
        """The workspace once this change is made."""
        contents = {name: content for name, content in self.contents.items() if name != change.path}
        names = self.names - {change.path}
        if change.after is not None:
            contents[change.path] = change.after
            names |= {change.path}
        return replace(self, contents=contents, names=names)

    def changed(self, name: str, **values: object) -> FileChange:
        """That file with other values at the top level; made when it is not there."""
        return self.replaced(name, json.dumps({**self.document(name), **values}, indent=2, ensure_ascii=False) + "\n")

    def replaced(self, name: str, text: str | None) -> FileChange:
        return FileChange(name, self.contents.get(name), None if text is None else text.encode())

    def token_ids(self) -> dict[str, int]:
        """Added tokens of tokenizer.json, by their text."""
        tokens = self.document(TOKENIZER).get("added_tokens")
        return {
            each["content"]: each["id"]
            for each in (tokens if isinstance(tokens, list) else ())
            if isinstance(each, dict) and isinstance(each.get("content"), str) and isinstance(each.get("id"), int)
        }

    def template(self) -> tuple[str, str] | None:
        """The file that holds the chat template and its text; the first of the places where libraries look."""
        if TEMPLATE_FILE in self.contents:
            return TEMPLATE_FILE, self.contents[TEMPLATE_FILE].decode("utf-8", "replace")
        for name in (TOKENIZER_CONFIG, TEMPLATE_JSON):
            text = self.document(name).get("chat_template")
            if isinstance(text, list):
                texts = [each.get("template") for each in text if isinstance(each, dict)]
                text = next((each for each in texts if isinstance(each, str)), None)
            if isinstance(text, str) and text.strip():
                return name, text
        return None


@dataclass(frozen=True, slots=True)
class Finding:
    """code: stable, for programs. changes: what mends it; () when nothing here can."""

    code: str
    message: str
    changes: tuple[FileChange, ...] = field(default=())

    @property
    def fixable(self) -> bool:
        return bool(self.changes)


def diagnose(patient: Patient) -> tuple[Finding, ...]:
    """Every known fault, in a fixed order; each rule sees what the rules before it would have mended."""
    findings: list[Finding] = []
    for rule in RULES:
        found = rule(patient)
        findings += found
        for change in (change for finding in found for change in finding.changes):
            patient = patient.after(change)
    return tuple(findings)


def stale_index(patient: Patient) -> list[Finding]:
    there = INDEX in patient.contents
    if not patient.shards or (there and index_is_right(patient.document(INDEX), patient.shards)):
        return []
    try:
        index = build_index(patient.shards)
    except ModelUnhealthy as fault:
        return [Finding("shards_overlap", fault.message)]
    if index is None and not there:
        return []
    what = "does not say where the tensors lie" if there else "is missing"
    text = None if index is None else json.dumps(index, indent=2) + "\n"
    return [Finding("stale_index", f"{INDEX} {what}", (patient.replaced(INDEX, text),))]


def tokenizer_file(patient: Patient) -> list[Finding]:
    if TOKENIZER in patient.names:
        return []
    sources = next((each for each in TOKENIZER_SOURCES if patient.names.issuperset(each)), None)
    if sources is None:
        return []
    message = f"{TOKENIZER} is missing; it can be made from {' and '.join(sources)}"
    changes = () if patient.derived is None else (FileChange(TOKENIZER, None, patient.derived),)
    return [Finding("tokenizer_missing", message, changes)]


def end_tokens(patient: Patient) -> list[Finding]:
    """A model that is not told its end of turn talks on for ever."""
    ids = patient.token_ids()
    template = patient.template()
    known = _ids(patient.document(GENERATION).get("eos_token_id")) or _ids(
        patient.document(CONFIG).get("eos_token_id")
        or section(patient.document(CONFIG), "text_config").get("eos_token_id")
    )
    wanted = [ids[token] for token in TURN_ENDS if template and token in template[1] and token in ids]
    eos = patient.document(TOKENIZER_CONFIG).get("eos_token")
    text = eos.get("content") if isinstance(eos, dict) else eos
    if not known and isinstance(text, str) and text in ids:
        wanted.insert(0, ids[text])
    missing = [each for each in dict.fromkeys(wanted) if each not in known]
    if not missing or CONFIG not in patient.contents or not patient.document(CONFIG):
        return []
    complete = [*known, *missing]
    value: object = complete[0] if len(complete) == 1 else complete
    changes = [patient.changed(CONFIG, eos_token_id=value)]
    if GENERATION in patient.contents and patient.document(GENERATION):
        changes.append(patient.changed(GENERATION, eos_token_id=value))
    names = ", ".join(token for token, number in ids.items() if number in missing)
    return [Finding("eos_missing", f"the end of a turn ({names}) is not among eos_token_id", tuple(changes))]


def chat_template(patient: Patient) -> list[Finding]:
    found = patient.template()
    if found is not None:
        problem = patient.template_problem(found[1])
        if problem is None and found[0] == TEMPLATE_JSON:
            moved = patient.replaced(TEMPLATE_FILE, found[1])
            return [Finding("template_misplaced", f"the chat template is only in {TEMPLATE_JSON}", (moved,))]
        if problem is None:
            return []
    standard = next((text for token, text in TEMPLATES if token in patient.token_ids()), None)
    if found is None and standard is None:
        return []
    changes = () if standard is None else (patient.replaced(TEMPLATE_FILE, standard),)
    if found is None:
        return [Finding("template_missing", "there is no chat template, though the tokenizer has its tokens", changes)]
    return [Finding("template_broken", f"the chat template in {found[0]} is broken: {problem}", changes)]


def processor_fields(patient: Patient) -> list[Finding]:
    config = patient.document(CONFIG)
    kind = config.get("model_type")
    vision = section(config, "vision_config")
    if not isinstance(kind, str) or kind not in IMAGE_PROCESSORS or not vision:
        return []
    findings = []
    settings = patient.document(PREPROCESSOR)
    if settings and not settings.get("image_processor_type"):
        change = patient.changed(PREPROCESSOR, image_processor_type=IMAGE_PROCESSORS[kind])
        findings.append(Finding("processor_type_missing", f"{PREPROCESSOR} does not name its processor", (change,)))
    if not settings and not patient.document(PROCESSOR):
        findings.append(Finding("processor_missing", f"{PREPROCESSOR} is missing or broken; take it from the original"))
    if kind in ("llava", "llava_next"):
        findings += _llava_fields(patient, config, vision)
    return findings


def _llava_fields(patient: Patient, config: Mapping[str, object], vision: Mapping[str, object]) -> list[Finding]:
    wanted = {
        "patch_size": vision.get("patch_size"),
        "vision_feature_select_strategy": config.get("vision_feature_select_strategy", "default"),
    }
    have = patient.document(PROCESSOR)
    missing = {key: value for key, value in wanted.items() if value is not None and have.get(key) is None}
    if not missing or (not have and not patient.document(PREPROCESSOR)):
        return []
    words = f"{PROCESSOR} lacks {' and '.join(missing)}"
    return [Finding("processor_fields_missing", words, (patient.changed(PROCESSOR, **missing),))]


RULES = (stale_index, tokenizer_file, chat_template, end_tokens, processor_fields)


def _ids(value: object) -> list[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    return [each for each in value if isinstance(each, int)] if isinstance(value, list) else []
