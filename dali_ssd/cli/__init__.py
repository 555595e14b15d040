"""The `dali-ssd` command: `main.py` finds the subcommand, whose module parses options, calls and prints."""
