import rich_click as click

_HOW = {
    "bash": 'eval "$(orak completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(orak completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "orak completion fish > ~/.config/fish/completions/orak.fish",
}


@click.command(epilog="\n\n".join(_HOW.values()))
@click.argument("shell", type=click.Choice(list(_HOW)))
@click.pass_context
def completion(ctx: click.RichContext, shell: str) -> None:
    """Print the shell's completion of these commands."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(kind(ctx.find_root().command, {}, "orak", "_ORAK_COMPLETE").source())
