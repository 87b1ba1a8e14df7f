"""Policy documents from files and folders."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Final

from axonflow.adapters.yaml_text import MAX_BYTES, Locator, parse_json, parse_yaml
from axonflow.errors import PolicyError
from axonflow.policy import BundleSource, PolicySource
from axonflow.policy.compiling.bundle import MAX_BUNDLE_BYTES

__all__ = ["BASELINE", "baseline_files", "policy_texts", "read_policies", "sources_of_text"]

BASELINE: Final = "@baseline"
"""The name by which the shipped baseline is asked for; nothing loads it unasked."""

BUNDLE_SUFFIX: Final = ".axb"

MAX_FILES: Final = 10_000
_SUFFIXES: Final = {".yaml", ".yml", ".json", BUNDLE_SUFFIX}


def baseline_files() -> dict[str, str]:
    """The shipped baseline: file name to text."""
    folder = resources.files("axonflow.samples") / "policies"
    return {entry.name: entry.read_text("utf-8") for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)}


def read_policies(
    place: str | os.PathLike[str], pause: Callable[[], None] = lambda: None
) -> list[PolicySource | BundleSource]:
    """All documents and bundles in a file, in a folder and the folders below it, or in the baseline.

    Raises PolicyError for a place that is not there or a text that is not a document; an empty folder is no error,
    it holds no policies.
    """
    if place == BASELINE:
        return [
            source for name, text in baseline_files().items() for source in sources_of_text(text, f"{BASELINE}/{name}")
        ]
    path = Path(place)
    if not path.exists():
        raise PolicyError(
            "there is no such file or folder",
            expected="a folder of *.yaml, *.yml, *.json or *.axb files, or one such file",
            at=str(path),
            hint=f"To start from the baseline: axonflow policy init {path}",
        )
    problems: list[PolicyError] = []
    sources: list[PolicySource | BundleSource] = []
    for file in _files(path):
        try:
            if file.suffix.lower() == BUNDLE_SUFFIX:
                sources.append(BundleSource(str(file), _bytes(file, MAX_BUNDLE_BYTES)))
            else:
                sources.extend(sources_of_text(_text(file), str(file), pause))
        except PolicyError as error:
            problems.extend(error.problems)
    if problems:
        raise PolicyError.joined(problems)
    return sources


def policy_texts(place: str | os.PathLike[str]) -> dict[str, str]:
    """The documents in a place as they were written: a path, relative to it, to a text. Raises as `read_policies`."""
    if place == BASELINE:
        return baseline_files()
    path = Path(place)
    folder = path.parent if path.is_file() else path
    return {
        file.relative_to(folder).as_posix(): _text(file)
        for file in _files(path)
        if file.suffix.lower() != BUNDLE_SUFFIX
    }


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise _no_file(path)
    count = 0
    seen: set[str] = set()  # a link may lead back to where it stands
    for folder, names, files in os.walk(path, onerror=_refuse, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            names.clear()
            continue
        seen.add(real)
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in sorted(files):
            if Path(name).suffix.lower() in _SUFFIXES and not name.startswith("."):
                count += 1
                if count > MAX_FILES:
                    raise PolicyError("too many files", expected=f"at most {MAX_FILES}", found="more", at=str(path))
                yield Path(folder, name)


def _refuse(error: OSError) -> None:
    """A folder that cannot be read may hold denials: without them, what is left may allow what it should not."""
    raise PolicyError("the folder cannot be read", found=error.strerror, at=str(error.filename)) from None


def _no_file(path: Path) -> PolicyError:
    """A pipe or a device: reading one may never end."""
    return PolicyError(
        "neither a file nor a folder", expected="policies on the disk", found="something else", at=str(path),
        hint="Write what comes out of a pipe into a file first.",
    )  # fmt: skip


def _bytes(file: Path, limit: int) -> bytes:
    if file.exists() and not file.is_file():
        raise _no_file(file)
    try:
        with file.open("rb") as stream:
            data = stream.read(limit + 1)
    except OSError as error:
        raise PolicyError("the file cannot be read", found=error.strerror, at=str(file)) from None
    if len(data) > limit:
        raise PolicyError(
            "document too large", expected=f"at most {limit} bytes", found="more", at=str(file),
            hint="Split it into several sets.",
        )  # fmt: skip
    return data


def _text(file: Path) -> str:
    data = _bytes(file, MAX_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise PolicyError(
            "not UTF-8", expected="UTF-8 text", found=f"byte 0x{data[error.start]:02x}", at=f"{file}:{line}:{column}"
        ) from None


def sources_of_text(text: str, name: str, pause: Callable[[], None] = lambda: None) -> list[PolicySource]:
    """The documents in `text`, which is JSON where `name` ends so and YAML otherwise.

    Raises PolicyError, also when there is none: a file that was emptied, or all commented out, may have held denials.
    """
    documents = parse_json(text, name) if name.endswith(".json") else parse_yaml(text, name, pause)
    locator = Locator(text, name)

    def source(number: int, data: Any) -> PolicySource:
        return PolicySource(name, data, lambda path, offset: locator.at(number, path, offset))

    sources = [source(number, data) for number, data in enumerate(documents) if data is not None]
    if not sources:
        raise PolicyError(
            "no document in it",
            expected="a PolicySet",
            found="nothing but comments or null" if text.strip() else "nothing",
            at=name,
            hint="Remove the file, or write a set without rules in it.",
        )
    return sources
