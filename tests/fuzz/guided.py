"""The same trial, led by which branches an input reaches: ``nox -s fuzz -- --guided`` (atheris, so Linux on x86-64).

python -m tests.fuzz.guided SECONDS SEED

Starts from the policies and expressions that mutations start from. Ends at the first fault, whose input it prints; a
case of CASE_S seconds, or a process of MEMORY_MB, is one too.
"""

import json
import sys
import tempfile
from pathlib import Path

import atheris

CASE_S = 60
MEMORY_MB = 2_048

with atheris.instrument_imports(include=["axonflow.policy", "axonflow.adapters.yaml_text"]):
    from tests.fuzz import corpus, hostile_documents, hostile_expressions
    from tests.fuzz.trial import Trial


def main(seconds, seed):
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        judges = judges_of(Trial(folder))
        starts = write_starts(folder / "starts")
        words = folder / "words"
        tokens = {*hostile_expressions.TOKENS, *hostile_documents.PIECES}
        words.write_text("".join(f"{quoted(token)}\n" for token in sorted(tokens)), "ascii")

        def judge(data):
            if data:
                judges[data[0] % len(judges)](data[1:].decode("utf-8", "replace"))

        limits = [
            f"-timeout={CASE_S}",
            f"-rss_limit_mb={MEMORY_MB}",
            f"-max_total_time={seconds}",
            "-max_len=20000",
        ]
        atheris.Setup(
            [sys.argv[0], *limits, f"-seed={seed}", f"-dict={words}", f"-artifact_prefix={place}/", str(starts)], judge
        )
        atheris.Fuzz()


def judges_of(trial):
    """By the first byte of the input: an expression more often than the rest."""
    return [
        trial.expression,
        trial.expression,
        trial.expression,
        trial.file("yaml"),
        trial.file("json"),
        trial.request_text,
    ]


def write_starts(folder):
    folder.mkdir()
    starts = [("0", text) for text in corpus.expressions()] + [("3", text) for text in corpus.policy_texts()]
    starts += [("5", json.dumps(request)) for request in corpus.REQUESTS]
    for number, (kind, text) in enumerate(starts):
        (folder / str(number)).write_bytes(bytes([int(kind)]) + text.encode())
    return folder


def quoted(token):
    """As libFuzzer's dictionaries have it: bytes, escaped."""
    escaped = "".join(f"\\x{byte:02x}" for byte in token.encode("utf-8", "surrogatepass"))
    return f'"{escaped}"'


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
