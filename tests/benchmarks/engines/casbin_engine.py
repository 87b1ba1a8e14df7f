"""Casbin (PyPI: pycasbin): one policy line a rule, in its FastEnforcer, which looks lines up by action and tool.

The rule that allows everything is the policy effect, as a line for it would have to stand under every tool.
"""

import casbin
from casbin.model import FastModel

NAME = "pycasbin"
LARGEST = 100_000
MODEL = """
[request_definition]
r = action, tool, roles, risk
[policy_definition]
p = action, tool, role, above, eft
[policy_effect]
e = !some(where (p.eft == deny))
[matchers]
m = r.action == p.action && r.tool == p.tool && carries(r.roles, p.role) && exceeds(r.risk, p.above)
"""


def build(rules):
    model = FastModel([0, 1])
    model.load_model_from_text(MODEL)
    for rule in rules:
        if rule.tool is not None:
            model.model["p"]["p"].policy.append(_line(rule))
    enforcer = casbin.FastEnforcer(model, cache_key_order=[0, 1])
    enforcer.add_function("carries", lambda roles, role: role in roles)
    enforcer.add_function("exceeds", lambda risk, above: risk > int(above))

    def decide(question):
        return "allow" if enforcer.enforce(*question) else "deny"

    return _question, decide


def _question(request):
    return request.action, request.resource.id, request.principal.roles, request.context["risk"]


def _line(rule):
    above = "-1" if rule.above is None else str(rule.above)
    return ["tool.call", rule.tool, rule.role, above, "deny" if rule.effect == "deny" else "allow"]
