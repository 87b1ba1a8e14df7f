"""Sets of labels as whole numbers, a bit for each label: a union is one operation, however many labels there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from axonflow.errors import PlanError
from axonflow.plan.model.words import check_label, shown

__all__ = ["LabelTable", "labels_in"]

MAX_RUN_LABELS: Final = 1_000
"""Different ones in one run: each request of a step names all that it carries."""
_MAX_TOLD: Final = 1_000
_OF_CONTEXT: Final = "context.labels"


def labels_in(context: Mapping[str, Any]) -> Sequence[str]:
    """The labels that the context of a plan or of a step names. Raises PlanError for what are none."""
    labels = context.get("labels", ())
    if not isinstance(labels, (list, tuple)):
        raise PlanError("not labels", expected="a list of labels", found=shown(labels), at=_OF_CONTEXT)
    for label in labels:
        check_label(label, _OF_CONTEXT)
    return labels


class LabelTable:
    """The labels of one run, numbered as they are met."""

    __slots__ = ("_bits", "_names", "_told")

    def __init__(self) -> None:
        self._bits: dict[str, int] = {}
        self._names: list[str] = []
        self._told: dict[int, list[str]] = {0: []}

    def of(self, labels: Iterable[str]) -> int:
        """The set of `labels`. Raises PlanError when there are too many in this run."""
        found = 0
        for label in labels:
            bit = self._bits.get(label)
            if bit is None:
                if len(self._names) == MAX_RUN_LABELS:
                    raise PlanError("too many labels", expected=f"at most {MAX_RUN_LABELS} in a run", found="more")
                bit = self._bits[label] = 1 << len(self._names)
                self._names.append(label)
            found |= bit
        return found

    def known(self, labels: Iterable[str]) -> int:
        """The set of those of `labels` that were met in this run."""
        return sum({self._bits.get(label, 0) for label in labels})

    def names(self, labels: int) -> list[str]:
        """The labels of the set, sorted; the same list for the same set, so nobody writes to it."""
        told = self._told.get(labels)
        if told is None:
            told = sorted(name for name, bit in self._bits.items() if bit & labels)
            if len(self._told) < _MAX_TOLD:
                self._told[labels] = told
        return told

    def removed_by(self, patterns: Iterable[str], labels: int) -> int:
        """Those of `labels` that `patterns` name: labels, or all of a kind (``pii:*``)."""
        removed = 0
        for pattern in patterns:
            if pattern.endswith(":*"):
                kind = pattern[:-1]
                removed |= self.of([name for name in self.names(labels) if name.startswith(kind)])
            else:
                removed |= self._bits.get(pattern, 0)
        return removed & labels
