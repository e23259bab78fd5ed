"""Lets `python -m clients.command_line` do what `verifier` does."""

from clients.command_line import main

main()
