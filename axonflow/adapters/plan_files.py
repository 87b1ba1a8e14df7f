"""Plans from YAML and JSON files, and back to text."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, Final

import yaml

from axonflow.adapters.yaml_text import Locator, parse_json, parse_yaml
from axonflow.errors import PlanError, PolicyError
from axonflow.plan import Plan
from axonflow.plan.model.document import FaultsOf, json_path, no_faults, plan_of_document, plan_to_document

__all__ = ["MAX_PLAN_BYTES", "plan_of_text", "read_plan", "written_plan"]

MAX_PLAN_BYTES: Final = 16 * 1024 * 1024


def read_plan(place: str | os.PathLike[str], faults_of: FaultsOf = no_faults) -> Plan:
    """The plan in the file `place`, bound to nothing; `faults_of` as in `plan_of_document`.

    Raises PlanError, with line and column of every fault.
    """
    path = Path(place)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_PLAN_BYTES + 1)
    except OSError as error:
        raise PlanError("the file cannot be read", found=error.strerror, at=str(place)) from None
    if len(data) > MAX_PLAN_BYTES:
        raise PlanError("too large", expected=f"at most {MAX_PLAN_BYTES} bytes", found="more", at=str(place))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise PlanError(
            "not UTF-8", expected="UTF-8 text", found=f"byte 0x{data[error.start]:02x}", at=str(place)
        ) from None
    return plan_of_text(text, str(place), faults_of)


def plan_of_text(text: str, name: str, faults_of: FaultsOf = no_faults) -> Plan:
    """The plan in `text`, which messages call `name`: JSON when the name ends so, else YAML. Raises PlanError."""
    is_json = name.lower().endswith(".json")
    try:
        documents = parse_json(text, name) if is_json else parse_yaml(text, name)
    except PolicyError as error:  # of the reader of texts, which is not about policies alone
        raise PlanError(
            error.message, expected=error.expected, found=error.found, at=error.at, hint=error.hint
        ) from None
    if len(documents) != 1:
        raise PlanError("not one plan", expected="one document", found=str(len(documents)), at=name)
    locator = Locator(text, name)
    return plan_of_document(documents[0], lambda path: f"{locator.at(0, path)} ({json_path(path)})", faults_of)


def written_plan(plan: Plan, style: str = "yaml") -> str:
    """`plan` as the text of a document, in ``yaml`` or ``json``. Raises PlanError for a plan that does not check."""
    document = plan_to_document(plan)
    if style == "json":
        return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    text: str = yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=110)
    return text


_FASTEST: Final[type[yaml.SafeDumper]] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(_FASTEST):  # type: ignore[misc, valid-type]  # whichever there is
    """Writes YAML that reads the same by YAML 1.1 and 1.2: a text that is no plain word is quoted."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002  a value that occurs twice is written twice
        return True


_WORD: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$/-]*( [A-Za-z][A-Za-z0-9_.,/-]*)*", re.ASCII)
_NO_WORDS: Final = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _WORD.fullmatch(text) and text.lower() not in _NO_WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)
