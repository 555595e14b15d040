"""`python -m dali_ssd` is the `dali-ssd` command."""

from __future__ import annotations

import sys

from dali_ssd.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
