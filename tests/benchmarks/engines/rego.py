"""Rego in Rust (regorus, PyPI: gordon-to-regorus): a program compiled for its virtual machine, rules as data by tool.

That is Rego at its fastest: 1,000 rules written out one by one take 234 us. Of the engines that pip installs on Linux
without a compiler this is the fastest we found. November 2026, microseconds at p50 with 1,000 of these rules: regorus
6, without its virtual machine 11, pycasbin's FastEnforcer 84, oso 129, CEL in Rust 409, regopy (Rego in C++) 487,
yacedar 611, cedarpy 1,204, vakt 1,261, rbacx 3,640.
"""

import json

import regorus

from tests.benchmarks.engines.workload import grouped

NAME = "Rego (regorus)"
LARGEST = 100_000
POLICY = """
package bench
import rego.v1
default verdict := "allow"
verdict := "deny" if {
  some rule in data.denies[input.tool]
  rule.role in input.roles
  input.risk > rule.above
}
"""


def build(rules):
    denies = grouped([rule for rule in rules if rule.effect == "deny"], "tool")
    data = json.dumps({"denies": {tool: [_row(rule) for rule in found] for tool, found in denies.items()}})
    machine = regorus.Rvm()
    machine.load_program(regorus.Program.compile_from_modules(data, [("bench.rego", POLICY)], ["data.bench.verdict"]))
    machine.set_data_json(data)

    def decide(question):
        machine.set_input_json(question)
        return json.loads(machine.execute())

    return _question, decide


def _row(rule):
    return {"role": rule.role, "above": -1 if rule.above is None else rule.above}


def _question(request):
    return json.dumps(
        {
            "tool": request.resource.id,
            "roles": list(request.principal.roles),
            "risk": request.context["risk"],
        }
    )
