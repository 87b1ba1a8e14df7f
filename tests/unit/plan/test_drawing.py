"""Pictures: everything is in them, nothing in them breaks out of them, and boxes do not lie on each other."""

import random
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from axonflow.plan import Plan, Step, StepRecord, StepState, ref
from axonflow.plan.drawing import critical_path, dot, gantt, mermaid, outline, svg
from axonflow.plan.drawing.layers import MAX_HELD, layered, placed

NASTY = 'a"]; <script>alert(1)</script> %%{init}%% \\'
SVG = "{http://www.w3.org/2000/svg}"


def run(**_arguments: object) -> None:
    """Any callable will do; nothing here calls it."""


def every_kind() -> Plan:
    body = Plan("body").step("inner", run).step("end", run, needs=["inner"])
    plan = Plan(NASTY).tool("end", NASTY, run).agent("writer", "w", run, inputs={"x": ref("end.0")}).plan("sub", body)
    plan.map("each", "end", Plan("one").step("s", run)).step("late", run, after=["sub"])
    plan.add(Step(name="dear", kind="condition", when="end.price > 5", needs=["end"], branches={
        "true": ["ask"], "false": ["book"], "1": ["book"],
    }))  # fmt: skip
    plan.add(Step(name="ask", kind="approval", target="lead")).step("book", run)
    return plan.add(Step(name="both", kind="join", wait_for="any", needs=["ask", "book"]))


def random_plan(steps: int, most_needs: int, seed: int) -> Plan:
    drawn = random.Random(seed)
    plan = Plan("random")
    for number in range(steps):
        before = [f"s{other}" for other in range(max(0, number - 15), number)]
        plan.step(f"s{number}", run, needs=drawn.sample(before, min(len(before), drawn.randint(0, most_needs))))
    return plan


def record(name: str, start: int | None, end: int | None, state: StepState = StepState.SUCCEEDED) -> StepRecord:
    return StepRecord(name=name, state=state, started_us=start, finished_us=end)


# -- mermaid and dot ---


def test_mermaid_of_every_kind_of_step_is_this() -> None:
    plan = Plan("p").tool("a", "search", run).agent("end", "w", run, needs=["a"]).step("c", run, after=["a"])
    assert mermaid(plan.check(), {"a": "failed"}) == (
        "flowchart LR\n"
        '    s0["a<br/>tool search<br/>failed"]\n'
        '    s1(["end<br/>agent w"])\n'
        '    s2["c<br/>function"]\n'
        "    s0 --> s1\n"
        "    s0 -.-> s2\n"
        "    classDef failed stroke:#D55E00,stroke-width:3px\n"
        "    class s0 failed\n"
    )
    text = mermaid(every_kind().check())
    assert 's5{"dear<br/>if end.price #62; 5"}' in text
    assert 's5 ==>|"true"| s6' in text
    assert 's5 ==>|"false or 1"| s7' in text
    assert 's2[["sub<br/>plan: 2 steps"]]' in text
    assert 's3[["each<br/>map over end: 1 step"]]' in text
    assert 's8(("both<br/>join: any"))' in text


def test_mermaid_of_nasty_texts_holds_them_as_entities() -> None:
    text = mermaid(every_kind().check())
    assert "<script" not in text
    assert "%%{" not in text
    assert text.count('"') == 2 * (9 + 2)  # of nine boxes and two labels: no text has one of its own


def test_dot_of_every_kind_of_step_names_shapes_and_edges() -> None:
    text = dot(every_kind().check(), {"end": "succeeded", "late": "skipped"})
    assert text.startswith('digraph "a\\"]; <script>alert(1)</script> %%{init}%% \\\\" {')
    assert '"dear" [label="dear\\nif end.price > 5", shape=diamond, style=filled]' in text
    assert '"end" -> "writer" [style=solid]' in text
    assert '"sub" -> "late" [style=dashed]' in text
    assert '"dear" -> "book" [style=bold, label="false or 1"]' in text
    assert 'succeeded", color="#009E73", penwidth=3]' in text
    assert 'function\\nskipped"]' in text


def test_outline_lists_steps_after_what_they_wait_for() -> None:
    plan = random_plan(9, 0, 1).step("last", run, needs=[f"s{number}" for number in range(9)])
    assert outline(plan.check())[-1] == ("last", "function", "s0, s1, s2, s3, s4, s5 and 3 more")
    lines = outline(every_kind().check())
    at = [line[0] for line in lines].index("sub")
    assert lines[at + 1 : at + 3] == [("  inner", "function", ""), ("  end", "function", "inner")]


# -- layout ---


@pytest.mark.parametrize("seed", range(5))
def test_layout_of_any_plan_goes_forward_and_overlaps_nowhere(seed: int) -> None:
    graph = random_plan(60, 3, seed).check()
    layers = layered(graph.needs, list(graph.steps))
    down = placed(layers, 50, 14)
    column = {node: number for number, row in enumerate(layers.rows) for node in row}
    names = list(graph.steps)
    for (source, target), way in layers.ways.items():
        assert names[source] in graph.needs[names[target]]
        assert [column[node] for node in way] == list(range(column[source], column[target] + 1))
    for row in layers.rows:
        boxes = sorted(down[node] for node in row if node < layers.count)
        assert all(below - above >= 50 - 1e-6 for above, below in pairwise(boxes))
        assert [down[node] for node in row] == sorted(down[node] for node in row)
    assert min(down) == 0


def test_layout_orders_a_ladder_without_a_crossing() -> None:
    plan = Plan("p")
    for number in range(4):
        plan.step(f"a{number}", run)
    for number in (2, 0, 3, 1):
        plan.step(f"b{number}", run, needs=[f"a{number}"])
    layers = layered(plan.check().needs, list(plan.check().steps))
    places = {node: place for row in layers.rows for place, node in enumerate(row)}
    assert all(places[source] == places[target] for source, target in layers.ways)


def test_layout_of_a_plan_with_many_long_arrows_holds_no_places() -> None:
    steps = 150
    plan = Plan("p").step("s0", run)
    for number in range(1, steps):
        plan.step(f"s{number}", run, needs=[f"s{other}" for other in range(number)])
    layers = layered(plan.check().needs, list(plan.check().steps))
    assert (len(layers.rows), len(layers.before)) == (steps, steps)
    assert steps**3 / 6 > MAX_HELD


# -- svg ---


def test_svg_of_every_kind_of_step_is_xml_that_tells_all() -> None:
    states = {"end": "failed", "writer": "skipped"}
    text = svg(every_kind().check(), states)
    root = ET.fromstring(text)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        "svg", "title", "style", "defs", "marker", "path", "g", "rect", "text",
    }  # fmt: skip
    titles = [element.text or "" for element in root.iter(f"{SVG}title")]
    assert titles[0] == f"Plan {NASTY}"
    assert f"end: tool {NASTY} · failed" in titles
    assert len(list(root.iter(f"{SVG}rect"))) == 9
    assert [group.get("class") for group in root.iter(f"{SVG}g")][:3] == ["ran failed", "ran skipped", None]
    drawn = [path.get("class", "") for path in root.iter(f"{SVG}path")]
    assert {kind: drawn.count(kind) for kind in drawn} == {
        "tip": 1,
        "arrow data": 5,
        "arrow order": 1,
        "arrow chosen": 2,
    }


def test_svg_boxes_of_a_random_plan_do_not_overlap() -> None:
    root = ET.fromstring(svg(random_plan(50, 3, 7).check()))
    boxes = [
        (float(box.get("x", "")), float(box.get("y", "")), float(box.get("width", "")), float(box.get("height", "")))
        for box in root.iter(f"{SVG}rect")
    ]
    assert len(boxes) == 50
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    for number, (x, y, wide, high) in enumerate(boxes):
        assert 0 <= x <= x + wide <= width
        assert 0 <= y <= y + high <= height
        for x2, y2, wide2, high2 in boxes[number + 1 :]:
            assert x + wide <= x2 or x2 + wide2 <= x or y + high <= y2 or y2 + high2 <= y


def test_svg_has_no_script_and_asks_for_nothing() -> None:
    text = svg(every_kind().check()) + gantt("p", {"a": record("a", 0, 1)}, {})
    assert not re.search(r"<script|href|url\(http|@import|on\w+=", text.replace("&lt;script", ""))


def test_svg_of_a_wide_plan_is_drawn() -> None:
    plan = Plan("wide", steps=[Step(name=f"s{number}", run=run) for number in range(1_999)])
    plan.step("last", run, needs=[f"s{number}" for number in range(1_999)])
    assert svg(plan.check()).count("<rect") == 2_000


# -- runs ---


def test_critical_path_follows_what_ended_last() -> None:
    needs = {"a": (), "b": (), "c": ("a", "b"), "d": ("a",), "e": ("c", "d")}
    steps = {
        "a": record("a", 0, 10), "b": record("b", 0, 30), "c": record("c", 30, 40), "d": record("d", 10, 35),
        "e": record("e", 40, 50),
    }  # fmt: skip
    assert critical_path(steps, needs) == ["b", "c", "e"]


def test_critical_path_of_a_run_that_did_nothing_is_empty() -> None:
    assert critical_path({"a": record("a", None, None, StepState.SKIPPED)}, {"a": ()}) == []
    assert critical_path({}, {}) == []


def test_critical_path_of_a_made_up_cycle_ends() -> None:
    steps = {"a": record("a", None, 1), "b": record("b", 1, 2)}
    assert critical_path(steps, {"a": ("b",), "b": ("a", "gone")}) == ["a", "b"]


def test_critical_path_leaves_out_what_a_join_did_not_wait_for() -> None:
    steps = {"quick": record("quick", 0, 10), "slow": record("slow", 0, 30), "join": record("join", 10, 40)}
    assert critical_path(steps, {"join": ("quick", "slow")}) == ["quick", "join"]


def test_gantt_shows_bars_in_order_and_the_critical_path() -> None:
    steps = {
        "late": record("late", None, None, StepState.SKIPPED), "b": record("b", 2_000, 9_500),
        "a": record("a", 0, 2_000, StepState.FAILED), "open": record("open", 9_000, None, StepState.RUNNING),
        "c": record("c", 500, 700),
    }  # fmt: skip
    text = gantt("trip <1>", steps, {"b": ("a",)})
    root = ET.fromstring(text)
    groups = [group.get("class") for group in root.iter(f"{SVG}g")]
    assert groups == ["failed critical", "succeeded", "succeeded critical", "running", "skipped"]
    words = [element.text for element in root.iter(f"{SVG}text")]
    assert words[:6] == ["0 ms", "2 ms", "4 ms", "6 ms", "8 ms", "a"]
    assert words[6:] == ["2 ms, failed", "c", "0.2 ms", "b", "7.5 ms", "open", "0 ms, running", "late", "skipped"]
    assert text.count('class="joint"') == 1
    assert "<title>Run of trip &lt;1&gt;</title>" in text


def test_gantt_of_nothing_is_a_picture_all_the_same() -> None:
    assert ET.fromstring(gantt("p", {}, {})).get("height") == "42"


def test_gantt_of_a_name_that_is_no_text_is_xml() -> None:
    assert "a?b" in gantt("p", {"a\x00b": record("a\x00b", 0, 5_000_000)}, {})
