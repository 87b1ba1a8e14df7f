"""Starts a service: `python -m axonflow_sidecar.hosting`."""

import gc
import sys


def main() -> int:
    """The exit code of `axonflow_sidecar.hosting.process.main`, which turns collecting garbage on again.

    A start makes 84,000 objects that stay. To walk them over and over while it goes on is a tenth of what it takes.
    """
    gc.disable()
    from axonflow_sidecar.hosting.process import main as serve

    return serve()


if __name__ == "__main__":
    sys.exit(main())
