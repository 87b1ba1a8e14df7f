"""The published client of the wire contract against our agent: ``nox -s sdk``.

    python tests/sdk/run_all.py FOLDER

FOLDER has that client, installed by itself: its distribution has the name of ours on the public index, so it may never
share an environment with it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.running import data_folder, up

EXPECTED = {
    "healthy": True,
    "pre_check": [True, True],
    "llm_call": True,
    "decide": ["allow", "deny"],
    "plan_steps": 10,
    "executed": "completed",
    "plan_status": "completed",
    "plans": {
        "held": "awaiting_approval",
        "waiting": [1, ["approve_plan"]],
        "resumed": ["completed", True],
        "updated": 2,
        "stale": [1, 2],
        "rolled_back": [3, 2],
        "plan_versions": ["rolled_back", "updated", "created"],
        "cancelled": "cancelled",
        "requested": [True, True, "pending", "HTTP 409", True, True, "cancelled", "HTTP 409"],
        "executions": [True, 2],
        "execution": [11, 11],
        "execution_steps": 11,
        "timeline": [11, False],
        "exported": False,
        "streamed": ["cancelled"],
        "unified": ["completed", 100.0, 11],
        "unified_listed": [4, True],
        "unified_cancelled": "cancelled",
    },
    "static": ["tenant", 1, "deny"],
    "static_changed": [1, 2, "needs_approval"],
    "overridden": [True, 1, "allow"],
    "toggled": [1, False, "allow"],
    "versions": ["disabled", "updated", "created"],
    "tried": [True, True, False],
    "deleted": "AxonFlowError",
    "dynamic": ["deny", "allow"],
    "simulated": [False, True, 1],
    "impact": [1, 1],
    "conflicts": 1,
    "dynamic_listed": 2,
    "dynamic_effective": 2,
    "dynamic_toggled": False,
    "typed_edition": "agent",
    "typed_nothing_active": True,
    "typed_valid": True,
    "typed": [1, True, "deny"],
    "typed_active": True,
    "typed_system": True,
    "typed_refused": ["TypedPolicyRefusal", True],
    "gated": ["allow", True, "completed", {"rows": 3}],
    "gate_key": "IdempotencyKeyMismatchError",
    "gate_held": ["require_approval", 1, True, "AxonFlowError"],
    "gate_approved": ["approved", "allow"],
    "gate_rejected": ["rejected", "block"],
    "checkpoints": [3, "require_approval", 0, "allow"],
    "workflow_moved": ["failed", "in_progress", "completed"],
    "workflow_steps": [["look up", "allow", None], ["pay", "allow", "service:lead"], ["pay more", "block", None]],
    "workflows_listed": [1, "aborted", 1],
    "decisions": [["deny", "shell", {"env": "prod"}]],
    "explained": ["deny", True, True],
    "listing": [5, True, 5],
    "searched": [
        "agent.message",
        "key.create",
        "key.use",
        "llm.request",
        "llm.response",
        "plan.approve",
        "plan.cancel",
        "plan.create",
        "plan.delete",
        "plan.rollback",
        "plan.start",
        "plan.step",
        "plan.update",
        "tool.call",
    ],
    "policies_searched": True,
    "wrong_key": "AuthenticationError",
}


def main(folder):
    with data_folder() as data, up(data, "--plans", "axonflow.samples.ten_agents:plans") as running:
        environment = dict(os.environ, PYTHONPATH=str(Path(folder).resolve()), AXONFLOW_TELEMETRY="off")
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("client.py")), running.endpoints["agent"], "operator",
             running.key],
            env=environment, cwd=tempfile.gettempdir(), capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip
    if done.returncode:
        sys.exit(f"the client failed:\n{done.stderr[-3000:]}")
    said = json.loads(done.stdout.strip().splitlines()[-1])
    wrong = [
        f"{name}: expected {value}, found {said.get(name)}"
        for name, value in EXPECTED.items()
        if said.get(name) != value
    ]
    if wrong:
        sys.exit("the client was answered otherwise:\n" + "\n".join(wrong))
    print(f"{len(EXPECTED)} kinds of calls by the published client are answered as it expects.")


if __name__ == "__main__":
    main(*sys.argv[1:])
