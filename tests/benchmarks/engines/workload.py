"""Rules and requests that every engine gets, in families: by what the rules tell requests apart.

A rule is plain data here; each engine writes it in its own language. One rule allows all calls of tools; the others
deny, or limit (which grants as well, and counts). One to three rules match a request, and no request comes twice.
"""

from collections import defaultdict
from typing import NamedTuple

from axonflow import Request

ROLES = ("analyst", "intern", "guest")
TEAMS = 50
LIMIT = {"unit": "requests", "maximum": 60, "window_s": 60}


class Rule(NamedTuple):
    """Matches a tool's call that agrees with every field that is not None. `above`: context.risk is greater."""

    id: str
    effect: str
    tool: str | None = None
    tenant: str | None = None
    user: str | None = None
    team: str | None = None
    role: str | None = None
    above: int | None = None
    tool_prefix: str | None = None
    address_prefix: str | None = None


GRANT = Rule("allow-tools", "allow")


def _restriction(number):
    """What a rule does besides the field it is keyed by: effect, role and risk."""
    return {
        "effect": "limit" if number % 4 == 3 else "deny",
        "role": ROLES[number // 8 % 3],
        "above": None if number % 2 else 50,
    }


def _key(number):
    """A rule's key is its own, but the last of eight has that of the one before it: up to three rules match."""
    return number - 1 if number % 8 == 7 else number


def tool_keyed(count):
    return [GRANT, *(Rule(f"r{n}", tool=f"tool-{_key(n)}", **_restriction(n)) for n in range(count - 1))]


def tenant_keyed(count):
    return [GRANT, *(Rule(f"r{n}", tenant=f"tenant-{_key(n)}", **_restriction(n)) for n in range(count - 1))]


def shared_literal(count):
    """Half of the rules, 5,000 at most, are about one tool; they differ in the user or, one in a hundred, the team."""
    sharing = min(5_000, count // 2)
    rules = [GRANT]
    for n in range(sharing):
        who = {"team": f"team-{n // 100 % TEAMS}"} if n % 100 == 99 else {"user": f"user-{_key(n)}"}
        rules.append(Rule(f"r{n}", tool="shell", **who, **_restriction(n)))
    rules.extend(Rule(f"r{n}", tool=f"tool-{_key(n)}", **_restriction(n)) for n in range(sharing, count - 1))
    return rules


def partly_unindexable(count):
    """One rule in a hundred (one at least) names no tool but how its name or the caller's address begins."""
    rules = [GRANT]
    for n in range(count - 1):
        if n % 100 != 5:
            key = {"tool": f"tool-{_key(n)}"}
        elif n % 200 == 5:
            key = {"tool_prefix": f"batch-{n}-"}
        else:
            key = {"address_prefix": f"10.{n // 100 // 250}.{n // 100 % 250}."}
        rules.append(Rule(f"r{n}", **key, **_restriction(n)))
    return rules


FAMILIES = {
    "tool": ("each rule its own tool", tool_keyed),
    "tenant": ("each rule its own tenant", tenant_keyed),
    "shared": ("half of the rules, 5,000 at most, about one tool, told apart by user or team", shared_literal),
    "unindexable": ("one rule in a hundred by how a name or an address begins", partly_unindexable),
}


def draw(rules, how_many, rng):
    """Requests, each aimed at one of `rules`; two thirds carry its role."""
    for number in range(how_many):
        aim = rng.choice(rules)
        role = aim.role if aim.role is not None and rng.random() < 0.67 else rng.choice([*ROLES, "admin"])
        tool = f"{aim.tool_prefix}{number}" if aim.tool_prefix else aim.tool
        address = f"{aim.address_prefix}{number % 250}" if aim.address_prefix else f"192.168.{number % 250}.7"
        yield Request(
            {"id": aim.user or f"caller-{number}", "tenant": aim.tenant or f"other-{number}", "roles": [role]},
            "tool.call",
            {"type": "tool", "id": tool or f"tool-{rng.randrange(len(rules))}"},
            context={
                "risk": rng.randrange(100),
                "team": aim.team or f"others-{number % TEAMS}",
                "address": address,
                "request": f"{rng.getrandbits(64):016x}",
            },
        )


def grouped(rules, field):
    """The `rules` that set `field`, by its value."""
    found = defaultdict(list)
    for rule in rules:
        if getattr(rule, field) is not None:
            found[getattr(rule, field)].append(rule)
    return dict(found)
