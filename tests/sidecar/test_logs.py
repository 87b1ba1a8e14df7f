"""Logs: one JSON object a line, with an error's type and never its text."""

import io
import json
import logging

import pytest

from axonflow_sidecar.hosting.logs import log_to


@pytest.fixture
def logged():
    root, ours = logging.getLogger(), logging.getLogger("axonflow")
    before = (root.handlers[:], root.level, ours.level)
    stream = io.StringIO()
    log_to("axonflow-test", stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], root.level, ours.level = before


def test_log_line_is_json_with_time_level_service_and_facts(logged):
    logging.getLogger("axonflow.x").warning("line\nbreak", extra={"facts": {"route": "/health", "what": object()}})
    (entry,) = logged()
    assert (entry["level"], entry["service"], entry["logger"]) == ("warning", "axonflow-test", "axonflow.x")
    assert (entry["message"], entry["route"]) == ("line\nbreak", "/health")
    assert entry["time"].endswith("Z")


def test_log_of_an_exception_has_its_type_and_not_what_it_quotes(logged):
    try:
        raise ValueError("hunter2")
    except ValueError:
        logging.getLogger("axonflow.x").exception("it failed")
    (entry,) = logged()
    assert (entry["error"], entry["message"]) == ("ValueError", "it failed")
    assert "hunter2" not in json.dumps(entry)


def test_log_of_other_libraries_is_kept_to_warnings(logged):
    logging.getLogger("httpx").info("GET https://...")
    logging.getLogger("asyncpg").warning("slow")
    assert [entry["logger"] for entry in logged()] == ["asyncpg"]
