"""`python -m orak` is the command `orak`."""

from orak.entrypoints.cli import main

main(prog_name="orak")
