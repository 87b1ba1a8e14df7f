"""`axonflow detect`."""

from __future__ import annotations

import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from axonflow.cli.detectors.styles import check_style_is_used, chosen_replacing, style_options
from axonflow.cli.groups import EXIT_NO
from axonflow.cli.policies import detectors_option, open_scanner, selected
from axonflow.cli.progress import Progress
from axonflow.cli.reading import INPUT_FILE, decoded, read_bytes
from axonflow.cli.settings import read_settings
from axonflow.cli.tables import table
from axonflow.errors import RequestError

if TYPE_CHECKING:
    from axonflow.detect import Finding, Inspection, Scanner

__all__ = ["command"]

Form = Literal["text", "json"]
_LONG_CHARS: Final = 200_000
"""From here on the detectors are asked a few at a time, and how many have answered is shown."""
_ASKED: Final = 24
"""Asked one by one, they would each look through the text for the same: four times as long for a megabyte."""


@click.command("detect")
@click.argument("file", metavar="[FILE|-]", default="-", type=INPUT_FILE)
@click.option("--detectors", metavar="NAMES", help="Categories and ids, with commas between: pii,secret.aws_key.")
@detectors_option
@click.option("--input", "form", type=click.Choice(["text", "json"]), help="What FILE is. Default: by its name.")
@click.option("--redact", is_flag=True, help="Print the text with every finding replaced, instead of the findings.")
@style_options
@click.option("--show", is_flag=True, help="Print the matched values as well. They are what should stay secret.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object; with --redact the content is in it.")
@click.option("--check", is_flag=True, help="End with exit code 1 when there is a finding.")
def command(
    *,
    file: str,
    detectors: str | None,
    policies: str | None,
    form: Form | None,
    redact: bool,
    show: bool,
    as_json: bool,
    check: bool,
) -> None:
    """Find personal data, keys and attacks in a text.

    FILE is inspected as text, and as a JSON value when its name ends in .json or with --input json; without it,
    standard input is read. At most 4 Mi characters. "where" is line:column in a text and the path in JSON; start and
    end count characters.

    \b
    Examples:
      axonflow detect mail.txt
      axonflow detect request.json --detectors pii,secret --json
      echo "call +1 212 555 0123" | axonflow detect --redact
      axonflow detect mail.txt --redact --style pseudonym --redaction-key my.key
      axonflow detect prompt.txt --policies policies/ --detectors custom --check

    Exit codes: 0 done, 1 with --check when there is a finding, 2 bad input. `axonflow detectors list` lists the
    detectors.
    """
    check_style_is_used(redact=redact)
    content = _content(file, form or ("json" if file.endswith(".json") else "text"))
    scanner = open_scanner(policies)
    ids = _ids(scanner, detectors)
    inspection = scanner.inspect(content)
    findings = _findings(inspection, ids)
    redacted = inspection.redact(ids, chosen_replacing(scanner, ids)) if redact else None
    if as_json:
        click.echo(_as_json(content, findings, show=show, extra={"redacted": redacted} if redact else {}))
    elif redact:
        click.echo(_text_of(redacted), nl=not (isinstance(redacted, str) and redacted.endswith("\n")))
    elif findings:
        click.echo(_as_table(content, findings, show=show))
    else:
        click.echo("nothing found")
    if check and findings:
        click.get_current_context().exit(EXIT_NO)


def _findings(inspection: Inspection, ids: tuple[str, ...]) -> tuple[Finding, ...]:
    """What is found, with the progress when it takes a while: an inspection asks each detector only once."""
    if _chars_in(inspection.content) >= _LONG_CHARS:
        done = 0
        progress = Progress(
            sys.stderr, read_settings(), whole=len(ids), position=lambda: done, clock_ns=perf_counter_ns,
            unit="detectors",
        )  # fmt: skip
        for first in range(0, len(ids), _ASKED):
            inspection.any(ids[first : first + _ASKED])
            done = min(first + _ASKED, len(ids))
            progress.update(done)
        progress.clear()
    return inspection.findings(ids)


def _chars_in(content: Any) -> int:
    from axonflow.detect.content import leaves

    return sum(len(leaf.text) for leaf in leaves(content))


def _content(place: str, form: Form) -> Any:
    import msgspec

    from axonflow.policy.json_value import MAX_TEXT_CHARS, check_json_value

    text = decoded(read_bytes(place, 4 * MAX_TEXT_CHARS), place)
    if form == "text":
        if len(text) > MAX_TEXT_CHARS:
            raise RequestError(
                "too large", expected=f"at most {MAX_TEXT_CHARS} characters", found=str(len(text)), at=place,
                hint="Split it; findings do not cross the parts of a document that belong together.",
            )  # fmt: skip
        return text
    try:
        content = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise RequestError("not JSON", found=str(error), at=place) from None
    except RecursionError:
        raise RequestError("nested too deep", expected="fewer levels", found="too many to decode", at=place) from None
    check_json_value(content, "$")
    return content


def _ids(scanner: Scanner, names: str | None) -> tuple[str, ...]:
    if names is None:
        return selected(scanner, ())
    selectors = [name.strip() for name in names.split(",") if name.strip()]
    if not selectors:
        raise click.BadParameter("expected names of detectors, such as pii,secret", param_hint="--detectors")
    return selected(scanner, selectors)


def _places(content: Any, findings: Iterable[Finding]) -> list[str]:
    """Where each finding is, without giving away a member's name that is itself a finding."""
    findings = tuple(findings)
    if isinstance(content, str):
        lines = [0, *(newline.end() for newline in re.finditer("\n", content))]
        return [_line_and_column(lines, finding.start) for finding in findings]
    secret = frozenset(finding.path for finding in findings if finding.in_key)
    return [_hidden(finding) if _is_within(finding.path, secret) else finding.path for finding in findings]


def _hidden(finding: Finding) -> str:
    return "(a member's name)" if finding.in_key else "(in a member with such a name)"


def _is_within(path: str, parents: frozenset[str]) -> bool:
    """Whether `path` or what leads to it is among `parents`."""
    return bool(parents) and (
        path in parents or any(path[: cut.start()] in parents for cut in re.finditer(r"[.\[]", path))
    )


def _line_and_column(lines: Sequence[int], offset: int) -> str:
    """Of the character at `offset`, where `lines` are the offsets at which lines begin."""
    line = bisect_right(lines, offset)
    return f"{line}:{offset - lines[line - 1] + 1}"


def _as_table(content: Any, findings: tuple[Finding, ...], *, show: bool) -> str:
    values = _values(content, findings) if show else [""] * len(findings)
    rows = [
        (finding.detector, finding.severity, where, f"{finding.start}-{finding.end}", *([value] if show else []))
        for finding, where, value in zip(findings, _places(content, findings), values, strict=True)
    ]
    return table(rows, ("detector", "severity", "where", "start-end", *(["value"] if show else [])))


def _as_json(content: Any, findings: tuple[Finding, ...], *, show: bool, extra: dict[str, Any]) -> bytes:
    import msgspec

    entries = [
        {**msgspec.structs.asdict(finding), "path": where if where.startswith("(") else finding.path}
        for finding, where in zip(findings, _places(content, findings), strict=True)
    ]
    if show:
        for entry, finding, value in zip(entries, findings, _values(content, findings), strict=True):
            entry |= {"path": finding.path, "value": value}
    return msgspec.json.encode({"findings": entries, **extra})


def _values(content: Any, findings: tuple[Finding, ...]) -> list[str]:
    """The matched texts, looked up by walking the content along the leaves that the detectors saw."""
    from axonflow.detect.content import leaves, path_of

    texts = {(path_of(leaf.place), leaf.kind == "key"): leaf.text for leaf in leaves(content)}
    return [texts[finding.path, finding.in_key][finding.start : finding.end] for finding in findings]


def _text_of(content: Any) -> str | bytes:
    import msgspec

    return content if isinstance(content, str) else msgspec.json.format(msgspec.json.encode(content), indent=2)
