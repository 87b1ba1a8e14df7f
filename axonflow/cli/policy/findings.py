"""What an analysis of policies found, for people: a line for each finding, and one for the request that shows it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import click

from axonflow.cli.tables import printable, table

if TYPE_CHECKING:
    from axonflow.policy import Principal, Request
    from axonflow.policy.analysis.costing import IndexReport
    from axonflow.policy.analysis.findings import Analysis, Finding, Undecided

__all__ = ["findings_shown", "index_shown", "request_line", "undecided_shown"]

_MAX_SHOWN: Final = 50
"""Of one kind. All are in the output of `--json`."""
_MAX_UNDECIDED: Final = 10
_MAX_DEAREST: Final = 5
_MAX_TOGETHER: Final = 5
"""Of several rules that do something together."""
_MAX_TEXT_CHARS: Final = 60
_MAX_LINE_CHARS: Final = 300
_HEADS: Final = {
    "unreachable": "never match",
    "shadowed": "make no difference",
    "duplicate": "are there twice",
    "conflict": "contradict each other",
    "redundant": "have parts that make no difference",
    "held": "others hold in part for approval",
}
_SHOWS: Final = {
    "unreachable": "comes near",
    "shadowed": "both match",
    "duplicate": "both match",
    "conflict": "both match",
    "redundant": "matches",
    "held": "both match",
}


def findings_shown(analysis: Analysis, where: str = "") -> Iterator[str]:
    """A section for each kind of finding there is; `where` says which rules were analysed, if not all in force."""
    for kind, head in _HEADS.items():
        found = [one for one in analysis.findings if one.kind == kind]
        if found:
            title = f"{len(found)} {kind}{where}: rules that {head}"
            if found[0].level == "warning":
                title = click.style(title, fg="yellow")
            lines = [line for one in found[:_MAX_SHOWN] for line in _finding(one)]
            yield "\n".join([title, *lines, *_more(len(found), _MAX_SHOWN)])


def _finding(one: Finding) -> Iterator[str]:
    place = f"{one.rules[0].at}: " if one.rules[0].at else ""
    others = ", ".join(other.at for other in one.rules[1 : 1 + _MAX_TOGETHER] if other.at)
    beside = f" (at {others})" if others else ""
    most = _MAX_LINE_CHARS + len(place) + len(beside)
    yield f"  {printable(f'{place}{one.message}{beside}', most)}"
    if not one.witnesses:
        yield f"    {_SHOWS[one.kind]}: {printable(request_line(one.witness), _MAX_LINE_CHARS)}"
    shown = zip(one.rules[1:], one.witnesses[:_MAX_TOGETHER], strict=False)
    for other, request in shown:
        yield f"    matches with {printable(other.rule)}: {printable(request_line(request), _MAX_LINE_CHARS)}"
    yield from (f"  {line}" for line in _more(len(one.witnesses), _MAX_TOGETHER))


def undecided_shown(analysis: Analysis, where: str = "") -> Iterator[str]:
    """What the analysis could not tell, in a section of its own."""
    if analysis.undecided:
        count = len(analysis.undecided)
        title = f"{count} undecided{where}: more than the analysis understands, so nothing is said of it"
        lines = [f"  {printable(_undecided(one), _MAX_LINE_CHARS)}" for one in analysis.undecided[:_MAX_UNDECIDED]]
        yield "\n".join([title, *lines, *_more(count, _MAX_UNDECIDED)])
    if analysis.left_out:
        yield f"{analysis.left_out} pairs of rules were not compared; --compare N compares each rule with more others"


_QUESTIONS: Final = {
    "unreachable": "can {0} match",
    "shadowed": "does {0} make a difference beside {1}",
    "duplicate": "is {0} the same as {1}",
    "conflict": "does {0} contradict {1}",
    "redundant": "does a part of {0} make a difference",
    "held": "is {1} meant to hold a part of {0} for approval",
}


def _undecided(one: Undecided) -> str:
    first, *others = [place.rule for place in one.rules]
    question = _QUESTIONS[one.kind].format(first, _together(others))
    part = f": {printable(one.parts[0], _MAX_TEXT_CHARS)}" if one.kind == "redundant" and one.parts else ""
    return f"{question}?{part} ({one.why})"


def _together(names: Sequence[str]) -> str:
    if len(names) < 2:
        return "".join(names)
    more = [f"{len(names) - _MAX_TOGETHER} others"] if len(names) > _MAX_TOGETHER else []
    listed = [*names[:_MAX_TOGETHER], *more]
    return f"{', '.join(listed[:-1])} and {listed[-1]} together"


def _more(count: int, shown: int) -> list[str]:
    return [f"  and {count - shown} more, all of them in the output of --json"] if count > shown else []


def index_shown(index: IndexReport) -> Iterator[str]:
    """How rules are found, and which cost most."""
    if not index.rules:
        return
    rows: list[Sequence[object]] = [(one.how, one.path, one.rules) for one in index.lookups]
    text = table(rows, ("looked up by", "path", "rules"), right=frozenset({2}))
    if index.tried:
        lists = ", ".join(f"{one.action} {one.rules}" for one in index.tried[:_MAX_DEAREST])
        text += f"\n  tried for every request of an action: {lists}"
    dearest = [one for one in index.rules if one.worst_steps][:_MAX_DEAREST]
    if dearest:
        costs = [(one.rule, _steps(one.worst_steps)) for one in dearest]
        text += f"\n\n{table(costs, ('dearest rules', 'steps at worst'), right=frozenset({1}))}"
    yield text


def _steps(count: int) -> str:
    return f"{count:,}" if count < 1_000_000 else f"{count:.1e}"


def request_line(request: Request) -> str:
    """A request on one line: who, what, on what, and what else it says."""
    parts = [_principal(request.principal), request.action, f"{request.resource.type}:{request.resource.id}"]
    parts += [_braced("resource", request.resource.attributes), _braced("context", request.context)]
    if request.content is not None:
        parts.append(f"content={_value(request.content)}")
    if request.time is not None:
        parts.append(f"time={_moment(request.time)}")
    return " ".join(part for part in parts if part)


def _principal(principal: Principal) -> str:
    text = f"{principal.type}:{principal.id}"
    extra: dict[str, Any] = {**principal.attributes}
    if principal.tenant != "default":
        extra["tenant"] = principal.tenant
    for name in ("roles", "groups"):
        if getattr(principal, name):
            extra[name] = list(getattr(principal, name))
    acting = f" for {_principal(principal.on_behalf_of)}" if principal.on_behalf_of is not None else ""
    return f"{text}{_braced('', extra)}{acting}"


def _braced(name: str, values: dict[str, Any]) -> str:
    return f"{name}{{{', '.join(f'{key}: {_value(value)}' for key, value in values.items())}}}" if values else ""


def _value(value: Any) -> str:
    import msgspec

    return printable(msgspec.json.encode(value).decode(), _MAX_TEXT_CHARS)


def _moment(time_us: int) -> str:
    from datetime import UTC, datetime, timedelta

    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)
    return moment.isoformat().replace("+00:00", "Z")
