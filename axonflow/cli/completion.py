"""`axonflow completion`: click's own completion, as a script to evaluate."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["command"]


@click.command("completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL.

    With it, the tab key completes commands and options.

    \b
    Put this into your shell's start-up file:
      ~/.bashrc                    eval "$(axonflow completion bash)"
      ~/.zshrc, after compinit     eval "$(axonflow completion zsh)"
      ~/.config/fish/config.fish   axonflow completion fish | source

    Exit codes: 0, or 2 for another shell.
    """
    completion = get_completion_class(shell)
    assert completion is not None  # the three that the argument admits are click's own
    root = ctx.find_root()
    click.echo(completion(root.command, {}, "axonflow", "_AXONFLOW_COMPLETE").source())
