"""`axonflow policy certify`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct

from axonflow.cli.groups import EXIT_NO
from axonflow.cli.json_output import json_text
from axonflow.cli.policies import chosen_place, trust_option, trusted_keys
from axonflow.cli.policy.certificates import shown_certificate

if TYPE_CHECKING:
    from axonflow.app.calibrating import Calibration
    from axonflow.app.certifying import Certificate

__all__ = ["command"]

_MAX_VALUES: Final = 100_000
_MAX_CHARACTERS: Final = 4 * 1024 * 1024
_MAX_MEMBERSHIPS: Final = 1_000
_MAX_KILOBYTES: Final = 16 * 1024


class Time(Struct, frozen=True):
    """What a decision on an action takes at most on this machine, by its certificate."""

    action: str
    microseconds: float


class Report(Struct, frozen=True):
    """What was certified, and where it was asked for, what that takes here. `ok` is the exit code's word."""

    ok: bool
    certificate: Certificate
    calibration: Calibration | None = None
    content_kb: int = 0
    times: tuple[Time, ...] = ()


@click.command("certify")
@click.argument("places", metavar="[PLACE]...", nargs=-1)
@click.option("--values", metavar="N", type=click.IntRange(0, _MAX_VALUES), default=_MAX_VALUES,
              help="The most JSON values in a context, a content or attributes.")  # fmt: skip
@click.option("--characters", metavar="N", type=click.IntRange(0, _MAX_CHARACTERS), default=_MAX_CHARACTERS,
              help="The most characters in one of these.")  # fmt: skip
@click.option("--memberships", metavar="N", type=click.IntRange(0, _MAX_MEMBERSHIPS), default=_MAX_MEMBERSHIPS,
              help="The most roles, or groups, of a principal.")  # fmt: skip
@click.option("--content-kb", metavar="N", type=click.IntRange(0, _MAX_KILOBYTES), default=4, show_default=True,
              help="Content that times are given for, in 1,024 bytes.")  # fmt: skip
@click.option("--calibrate", is_flag=True, help="Measure this machine, and say what decisions take on it.")
@click.option("--enforce-time", metavar="MICROSECONDS", type=click.IntRange(min=1),
              help="Calibrate, and fail where a decision may take longer.")  # fmt: skip
@trust_option
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.pass_context
def command(  # noqa: PLR0913  click gives each option by its name
    ctx: click.Context, /, *, places: tuple[str, ...], values: int, characters: int, memberships: int, content_kb: int,
    calibrate: bool, enforce_time: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Certify what a decision may cost at worst, in units that are the same on every machine.

    PLACE is a folder, a file or @baseline; several are certified together. The default is ./policies. Without options
    the figures are for the largest requests that there may be; give the size of yours for smaller ones.

    Microseconds are an estimate for this machine, from a workload that is measured when they are asked for.

    \b
    Examples:
      axonflow policy certify policies/
      axonflow policy certify policies/ --values 200 --characters 20000 \\
        --memberships 20 --calibrate
      axonflow policy certify policies/ --values 200 --characters 20000 \\
        --memberships 20 --enforce-time 5000 --json

    Exit codes: 0 certified, 1 it may take longer than --enforce-time, 2 policies that do not load.
    """
    from axonflow.app.certifying import Inputs, certificate_for

    certificate = certificate_for(
        places or (chosen_place(None),), trusted_keys=trusted_keys(),
        inputs=Inputs(values, characters, memberships),
    )  # fmt: skip
    report = Report(ok=True, certificate=certificate)
    if calibrate or enforce_time is not None:
        report = _timed(certificate, content_kb, enforce_time)
    click.echo(json_text(report) if as_json else _shown(report, enforce_time))
    if not report.ok:
        ctx.exit(EXIT_NO)


def _timed(certificate: Certificate, content_kb: int, most_us: int | None) -> Report:
    from axonflow.app.calibrating import calibrate, counted_kilobytes, estimate_us
    from axonflow.cli.bars import Bar

    bar = Bar("workloads measured")
    calibration = calibrate(bar)
    bar.clear()
    kilobytes = counted_kilobytes(content_kb * 1_024)
    costs = [*certificate.actions, *([] if certificate.others is None else [certificate.others])]
    times = tuple([Time(one.action, round(estimate_us(one, calibration, kilobytes), 1)) for one in costs])
    ok = most_us is None or all(one.microseconds <= most_us for one in times)
    return Report(ok, certificate, calibration, content_kb, times)


def _shown(report: Report, most_us: int | None) -> str:
    lines = [shown_certificate(report.certificate, {one.action: one.microseconds for one in report.times})]
    if report.calibration is not None:
        unit_ns, scan_unit_ns = report.calibration.unit_ns, report.calibration.scan_unit_ns
        lines.append(
            f"\nMicroseconds are estimated for this machine ({unit_ns:.0f} ns a unit, {scan_unit_ns:.0f} of content)"
            f"\nand {report.content_kb} KB of content. Another machine, or the same under load, takes another time."
        )
    slow = [one.action for one in report.times if most_us is not None and one.microseconds > most_us]
    if slow:
        lines.append(click.style(f"longer than {most_us:,} us: {', '.join(slow[:10])}", fg="red"))
    return "\n".join(lines)
