"""`axonflow policy import`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from msgspec import Struct

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.json_output import json_text
from axonflow.cli.reading import INPUT_FILE, STANDARD_INPUT, decoded, read_bytes
from axonflow.cli.tables import fields, printable
from axonflow.errors import ConfigurationError

if TYPE_CHECKING:
    from axonflow.app.importing import Imported
    from axonflow.policy.importing.report import Finding

__all__ = ["command"]

_MAX_BYTES: Final = 16 * 1024 * 1024
_MAX_FILES: Final = 1_000
_SUFFIXES: Final = frozenset({".cedar", ".json", ".yaml", ".yml"})
_MAX_SHOWN: Final = 200


class ReportedSet(Struct, frozen=True, omit_defaults=True):
    """A set that was made: the file it was written to, or else its text."""

    name: str
    source: str
    rules: dict[str, int]
    file: str | None = None
    text: str | None = None


class Report(Struct, frozen=True):
    """What an import came to; `ok` is the exit code's word."""

    ok: bool
    sets: tuple[ReportedSet, ...]
    findings: tuple[Finding, ...]


@click.command("import")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True))
@click.option(
    "--from", "kind", type=click.Choice(["cedar", "wire", "v1"]),
    help="What the sources are: Cedar, static and dynamic policies of the wire contract, or documents of"
    " axonflow.io/v1. Default: what they look like.",
)  # fmt: skip
@click.option(
    "--out", "-o", metavar="DIR", type=click.Path(file_okay=False, path_type=Path),
    help="Write a file for each set into this folder. Default: standard output.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Overwrite files of the same names.")
@click.option(
    "--map", "mapping", metavar="FILE", type=INPUT_FILE,
    help="What types, actions, groups and attributes of Cedar are called here (YAML or JSON).",
)  # fmt: skip
@click.option("--widen", is_flag=True, help="Deny more where a denial cannot be carried over exactly.")
@click.option("--strict", is_flag=True, help="Exit with 1 for whatever is not carried over exactly.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(
    ctx: click.Context, /, *, sources: tuple[str, ...], out: Path | None, as_json: bool, **options: Any
) -> None:
    """Turn policies of others into policy sets, and name what could not be carried over.

    SOURCE is a file, a folder of them, or - for standard input. Nothing is loosened: a permit that cannot be said here
    exactly is left out; so is a forbid, which is an error then, unless --widen lets it forbid more. Each finding has
    its place. What is written has been loaded once, so it loads.

    \b
    Examples:
      axonflow policy import photos.cedar --out policies/
      axonflow policy import photos.cedar --map names.yaml --widen -o policies/
      curl -s .../api/v1/static-policies | axonflow policy import - > api.yaml
      axonflow policy import old/ --from v1 --strict --json

    Exit codes: 0 imported (permits may be left out), 1 a denial is not carried over exactly, or with --strict
    anything, 2 a source cannot be read or is no policy.
    """
    from axonflow.app.importing import import_policies, names_of_text

    mapping = options["mapping"]
    names = names_of_text(*_text(mapping)) if mapping is not None else None
    texts = {name: text for text, name in map(_text, _files(sources))}
    imported = import_policies(texts, kind=options["kind"], names=names, widen=options["widen"])
    ok = not any(options["strict"] or found.loosens for found in imported.findings)
    written = None if out is None else _write(imported, out, force=options["force"])
    _tell(Report(ok, _sets(imported, written), imported.findings), as_json=as_json)
    if not ok:
        ctx.exit(EXIT_NO)


def _text(place: str) -> tuple[str, str]:
    """The text in a file, and what messages call it."""
    name = "<stdin>" if place == STANDARD_INPUT else _shown(place)
    return decoded(read_bytes(place, _MAX_BYTES), name), name


def _shown(place: str | Path) -> str:
    """A path that can be written as UTF-8: on Linux it may be any bytes."""
    return os.fsencode(place).decode("utf-8", "backslashreplace")


def _files(sources: Sequence[str]) -> list[str]:
    files: list[str] = []
    for source in sources:
        path = Path(source)
        if source != STANDARD_INPUT and path.is_dir():
            files.extend(str(one) for one in sorted(path.rglob("*")) if one.suffix in _SUFFIXES and one.is_file())
        else:
            files.append(source)
    if not 1 <= len(files) <= _MAX_FILES:
        raise ConfigurationError(
            "nothing to import" if not files else "too many files", found=str(len(files)),
            expected=f"1 to {_MAX_FILES} files that end in {', '.join(sorted(_SUFFIXES))}",
        )  # fmt: skip
    return list(dict.fromkeys(files))


def _write(imported: Imported, folder: Path, *, force: bool) -> list[Path]:
    paths = [folder / f"{one.name}.yaml" for one in imported.sets]
    in_the_way = [_shown(path) for path in paths if os.path.lexists(path)]  # a link to nothing leads elsewhere
    if in_the_way and not force:
        raise ConfigurationError(
            "nothing was written: files are in the way", expected="none of the names", found=", ".join(in_the_way),
            at=str(folder), hint="Choose another folder, or overwrite them with --force.",
        )  # fmt: skip
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, one in zip(paths, imported.sets, strict=True):
            path.write_text(one.text, "utf-8")
    except OSError as error:
        raise ConfigurationError(
            "the policies cannot be written", found=error.strerror, at=str(error.filename or folder)
        ) from None
    return paths


def _sets(imported: Imported, written: Sequence[Path] | None) -> tuple[ReportedSet, ...]:
    if written is None:
        return tuple(ReportedSet(one.name, one.source, one.rules, text=one.text) for one in imported.sets)
    return tuple(
        ReportedSet(one.name, one.source, one.rules, file=_shown(path))
        for one, path in zip(imported.sets, written, strict=True)
    )


def _tell(report: Report, *, as_json: bool) -> None:
    if as_json:
        click.echo(json_text(report))
        return
    texts = [one.text for one in report.sets if one.text is not None]
    if texts:
        click.echo("---\n".join(texts), nl=False)
        sys.stdout.flush()
    click.echo("\n".join(_lines(report)), err=bool(texts))


def _lines(report: Report) -> Iterator[str]:
    for one in report.sets:
        counts = ", ".join([f"{count} {effect}" for effect, count in sorted(one.rules.items())]) or "no rules"
        yield printable(f"{f'wrote {one.file}' if one.file else one.name}: {counts}, from {one.source}")
    if not report.findings:
        yield "all of it is carried over"
        return
    loosening = sum(found.loosens for found in report.findings)
    yield f"{len(report.findings)} not as it was, {loosening} of which may let something pass"
    for found in report.findings[:_MAX_SHOWN]:
        yield printable(f"  {found.at}: {found.kind}: {found.found}")
        shown = fields([("why", found.why), ("done", found.done), ("rule", found.policy), ("", found.hint or "")])
        yield from (f"    {line}" for line in shown.splitlines())
    if len(report.findings) > _MAX_SHOWN:
        yield f"  and {len(report.findings) - _MAX_SHOWN} more; --json has them all"
