"""``python -m axonflow.cli``: the command line where the script is not on the path."""

from axonflow.cli import main

main()
