"""How differences of policies are shown to people: what requests get another verdict, and which is one of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import click

from axonflow.cli.tables import coloured, printable

if TYPE_CHECKING:
    from axonflow.app.comparing import Comparison
    from axonflow.policy.comparing.comparing import Difference, Outcome

__all__ = ["shown_comparison"]

_TITLES: Final = {
    "newly-allowed": "newly allowed",
    "newly-denied": "newly denied",
    "another-effect": "another effect",
    "obligations": "other obligations",
    "reasons": "the same verdict, by other rules or for other reasons",
}
_COLOURS: Final = {"newly-allowed": "red", "newly-denied": "yellow"}
_MOST: Final = 20
"""Of one kind."""
_VERDICTS: Final = {
    "same": "the same verdicts, for every request",
    "different": "verdicts differ",
    "undecided": "no request with another verdict was found, and not proven that there is none",
}


def shown_comparison(found: Comparison) -> str:
    """All of it, what matters most first."""
    changes = f"{found.changes} change{'' if found.changes == 1 else 's'}"
    return "\n".join([f"{_VERDICTS[found.verdict]} ({changes})", *_sections(found)])


def _sections(found: Comparison) -> Iterator[str]:
    for kind, title in _TITLES.items():
        own = [one for one in found.differences if one.kind == kind]
        if own:
            yield f"\n{click.style(title, fg=_COLOURS.get(kind), bold=True)}"
            for one in own[:_MOST]:
                yield from _difference(one)
            if len(own) > _MOST:
                yield f"  and {len(own) - _MOST} more"
    if found.undecided:
        yield f"\n{click.style('undecided', fg='yellow', bold=True)}"
        yield from _listed(
            f"  {printable(one.cause)} ({printable(one.change, 200)}): whether {_any(one.kinds)}; {one.why}"
            for one in found.undecided
        )
    if found.unfelt:
        yield "\nproven to change no verdict"
        yield from _listed(f"  {printable(one.cause)} ({printable(one.change, 200)})" for one in found.unfelt)


def _listed(lines: Iterable[str]) -> Iterator[str]:
    """The first of `lines`, and how many more there are."""
    lines = list(lines)
    yield from lines[:_MOST]
    if len(lines) > _MOST:
        yield f"  and {len(lines) - _MOST} more"


def _any(kinds: tuple[str, ...]) -> str:
    return f"any request is {', '.join(_TITLES[kind] for kind in kinds)}"


def _difference(one: Difference) -> Iterator[str]:
    yield f"  {printable(one.cause)} ({printable(one.change, 200)})"
    yield f"    {_outcome(one.before)} -> {_outcome(one.after)}"
    yield f"    {printable(one.request.to_json().decode(), 600)}"


def _outcome(one: Outcome) -> str:
    by = ", ".join(map(printable, one.policies[:5])) or "the default"
    more = len(one.policies) - 5
    return f"{coloured(one.effect.value)} by {by}{f' and {more} more' if more > 0 else ''}"
