"""``python -m lab.cli``: the command ``yidi`` without an installed script."""

from lab.cli.app import main

main()
