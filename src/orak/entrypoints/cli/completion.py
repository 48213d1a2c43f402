import rich_click as click

_INSTALLATION = {
    "bash": 'eval "$(orak completion bash)"   # in ~/.bashrc',
    "zsh": 'eval "$(orak completion zsh)"   # in ~/.zshrc, after compinit',
    "fish": "orak completion fish > ~/.config/fish/completions/orak.fish",
}


@click.command(epilog="\n\n".join(_INSTALLATION.values()))
@click.argument("shell", type=click.Choice(list(_INSTALLATION)))
@click.pass_context
def completion(ctx: click.RichContext, shell: str) -> None:
    """Print a script that completes the commands of orak in a shell."""
    from click.shell_completion import get_completion_class

    completion_class = get_completion_class(shell)
    if completion_class is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(completion_class(ctx.find_root().command, {}, "orak", "_ORAK_COMPLETE").source())
