"""How long plans take on a number of workers in virtual time, beside what no schedule can beat.

Shapes as of scientific workflows: Montage, Epigenomics, CyberShake and LIGO (Bharathi et al., "Characterization of
Scientific Workflows", WORKS 2008) are fans, pipelines side by side, and joins; durations differ by kind and by an
order of magnitude.
"""

import random
from heapq import heappop, heappush

from axonflow.plan import Plan, RunRules, Step, StepState
from axonflow.plan.running.events import Begin, Begun, Ended, Start
from axonflow.plan.running.machine import Machine
from axonflow.plan.running.wiring import path_lengths


def nothing(**_arguments):
    """Nobody calls it."""


class Workflow:
    """Steps with durations, made by a generator: names to needs, and microseconds."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.needs = []
        self.durations_us = []

    def add(self, needs, usual_us):
        self.needs.append(sorted(set(needs)))
        self.durations_us.append(max(1, int(usual_us * self.rng.lognormvariate(0, 0.5))))
        return len(self.needs) - 1

    def graph(self):
        steps = [
            Step(name=f"s{number}", run=nothing, after=[f"s{need}" for need in needs])
            for number, needs in enumerate(self.needs)
        ]
        return Plan("workflow", steps=steps).check()


def montage(seed, width):
    flow = Workflow(seed)
    images = [flow.add([], 1_000) for _ in range(width)]
    pairs = [flow.add(flow.rng.sample(images, 2), 300) for _ in range(3 * width)]
    fit = flow.add(pairs, 2_000)
    model = flow.add([fit], 5_000)
    back = [flow.add([model, image], 1_000) for image in images]
    flow.add([flow.add(back, 3_000)], 10_000)
    return flow


def epigenomics(seed, width):
    flow = Workflow(seed)
    ends = []
    for _ in range(max(2, width // 10)):
        split = flow.add([], 500)
        lanes = []
        for _ in range(flow.rng.randint(2, 20)):
            step = split
            for usual_us in (300, 200, 100, 20_000):
                step = flow.add([step], usual_us)
            lanes.append(step)
        ends.append(flow.add(lanes, 1_000))
    flow.add([flow.add(ends, 2_000)], 1_000)
    return flow


def cybershake(seed, width):
    flow = Workflow(seed)
    for _ in range(max(2, width // 20)):
        sources = [flow.add([], 20_000) for _ in range(2)]
        peaks = []
        for _ in range(flow.rng.randint(5, 40)):
            seismogram = flow.add([flow.rng.choice(sources)], 5_000)
            peaks.append(flow.add([seismogram], 100))
        flow.add(peaks, 500)
    return flow


def ligo(seed, width):
    flow = Workflow(seed)
    for _ in range(max(2, width // 8)):
        banks = [flow.add([], 1_800) for _ in range(flow.rng.randint(3, 12))]
        inspirals = [flow.add([bank], 46_000) for bank in banks]
        thinca = flow.add(inspirals, 500)
        second = [flow.add([flow.add([thinca], 500)], 46_000) for _ in banks]
        flow.add(second, 500)
    return flow


SHAPES = (montage, epigenomics, cybershake, ligo)


def makespan_us(flow, workers, *, fifo=False, known=1.0):
    """How long `flow` takes. `known` blurs the durations that the priorities go by: 1 is exact."""
    guesses = [max(1, int(took_us * flow.rng.uniform(1 / known, known))) for took_us in flow.durations_us]
    machine = Machine(
        flow.graph(), RunRules(max_parallel=None if fifo else workers), durations_us=lambda _wiring: guesses
    )
    now_us, free, waiting, running = 0, workers, [], []
    commands = machine.take(Begin(0))
    while not machine.finished:
        waiting += [command for command in commands if isinstance(command, Start)]
        while free and waiting:
            start = waiting.pop(0)
            free -= 1
            machine.take(Begun(start.step, start.attempt, now_us))
            heappush(running, (now_us + flow.durations_us[start.step], start.step))
        now_us, step = heappop(running)
        free += 1
        commands = machine.take(Ended(step, 1, StepState.SUCCEEDED, now_us))
    return now_us


def lower_bound_us(flow, workers):
    """No schedule is shorter: the work spread evenly, and the longest path."""
    longest = max(path_lengths(Machine(flow.graph()).wiring, flow.durations_us))
    return max(longest, -(-sum(flow.durations_us) // workers))


def graham_bound_us(flow, workers):
    """No list schedule is longer (R. L. Graham, "Bounds on Multiprocessing Timing Anomalies", SIAM 1969)."""
    longest = max(path_lengths(Machine(flow.graph()).wiring, flow.durations_us))
    return sum(flow.durations_us) / workers + longest * (1 - 1 / workers)
