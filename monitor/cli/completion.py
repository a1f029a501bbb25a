"""`probewatch completion`: what a shell has to read so that it completes our commands."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print what a shell has to read to complete commands, options and choices.

    bash: into /etc/bash_completion.d/probewatch, or `source` it. zsh: source it after compinit. fish: into
    ~/.config/fish/completions/probewatch.fish.

    Example: probewatch completion bash > probewatch.bash
    """
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    from monitor.cli.root import root

    made = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}[shell]
    source = made(root, {}, "probewatch", "_PROBEWATCH_COMPLETE")
    click.echo(made.source_template % source.source_vars())
