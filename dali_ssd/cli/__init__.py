"""The `dali-ssd` command: `main.py` finds the subcommand, one file each parses its options, calls and prints."""
