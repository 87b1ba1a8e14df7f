"""What is shown of a plan while it runs, on a terminal and elsewhere."""

import io
import re

from axonflow.cli.plan.live import LiveRun
from axonflow.plan import StepRecord, StepState

SECOND_NS = 1_000_000_000


class Clock:
    now_ns = 0

    def __call__(self):
        return self.now_ns


def live(*, moving, size=(60, 8), names="abcdef"):
    clock, stream = Clock(), io.StringIO()
    return clock, stream, LiveRun(stream, list(names), moving=moving, clock_ns=clock, terminal=lambda: size)


def event(name, state):
    return StepRecord(name=name, state=StepState(state))


def screen(text):
    """What a terminal shows that has got `text`."""
    lines = [""]
    for up, words in re.findall(r"(?:\x1b\[(\d+)A\r\x1b\[J)?([^\x1b]*)", text):
        if up:
            lines = [*lines[: len(lines) - 1 - int(up)], ""]
        first, *rest = words.split("\n")
        lines = [*lines[:-1], lines[-1] + first, *rest]
    return lines[:-1]


def test_live_run_away_from_a_terminal_prints_a_line_each() -> None:
    clock, stream, run = live(moving=False)
    run(event("a", "running"))
    clock.now_ns = 1500_000_000
    run(event("a", "succeeded"))
    run(event("b\x1b[2J", "skipped"))
    run.draw()
    run.clear()
    assert stream.getvalue().splitlines() == [
        "    0.0 s  running  a", "    1.5 s  succeeded  a", r"    1.5 s  skipped  b\x1b[2J",
    ]  # fmt: skip


def test_live_run_on_a_terminal_redraws_what_runs_and_what_ended() -> None:
    clock, stream, run = live(moving=True)
    run(event("a", "running"))
    assert screen(stream.getvalue()) == ["0 of 6 steps ended, 1 running  0.0 s", "  a  running  0.0 s"]
    clock.now_ns = 2 * SECOND_NS
    run(event("a", "failed"))
    run(event("b", "running"))  # within a tenth of a second: seen at the next redraw
    clock.now_ns = 3 * SECOND_NS
    run.draw()
    assert screen(stream.getvalue()) == [
        "1 of 6 steps ended, 1 running, 1 failed  3.0 s", "  b  running  1.0 s", "  a  failed  2.0 s",
    ]  # fmt: skip
    run.clear()
    assert screen(stream.getvalue()) == []


def test_live_run_of_a_step_tried_again_is_running_again() -> None:
    clock, stream, run = live(moving=True)
    for state in ("pending", "waiting", "running", "retrying", "running"):
        run(event("a", state))
    clock.now_ns = SECOND_NS
    run(event("c", "skipped"))
    run(event("elsewhere", "succeeded"))  # a step of a plan within
    clock.now_ns = 2 * SECOND_NS
    run.draw()
    assert screen(stream.getvalue()) == [
        "1 of 6 steps ended, 1 running, 1 skipped  2.0 s", "  a  running  2.0 s", "  c  skipped",
        "  elsewhere  succeeded",
    ]  # fmt: skip


def test_live_run_on_a_small_terminal_stays_within_it() -> None:
    clock, stream, run = live(moving=True, size=(20, 5))
    for name in "abcdef":
        run(event(name, "running"))
    run(event("a", "succeeded"))
    clock.now_ns = SECOND_NS
    run.draw()
    lines = screen(stream.getvalue())
    assert lines == ["1 of 6 steps ended, ", "  b  running  1.0 s", "  c  running  1.0 s"]
    clock, stream, run = live(moving=True, size=(20, 1))
    run(event("a", "running"))
    assert screen(stream.getvalue()) == ["0 of 6 steps ended, "]


def test_live_run_whose_terminal_is_gone_goes_on() -> None:
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    run = LiveRun(Gone(), ["a"], moving=False, clock_ns=Clock(), terminal=lambda: (80, 24))
    run(event("a", "running"))
    run.clear()
