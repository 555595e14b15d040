"""Horovod's own launcher, `python -m dali_ssd.launch.horovodrun`, for any NumPy.

To see what Horovod was built with, horovodrun imports MXNet, which fails under a NumPy from 1.24 on if `dali_ssd` was
not imported before. It then says that Horovod was built with nothing.
"""

from __future__ import annotations

from dali_ssd.util.optional import require

__all__ = ["main"]


def main() -> None:
    """Run horovodrun with the arguments of this process."""
    require("horovod.runner.launch").run_commandline()


if __name__ == "__main__":
    main()
