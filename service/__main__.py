"""`mda5-cds`, and `python -m service`, which is the same."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Runs the command line and returns its exit code."""
    # what is imported stays: a collector that looks at it again and again takes a tenth of the start
    gc.disable()
    from service.cli import main as command

    gc.freeze()
    gc.enable()
    return command()


if __name__ == "__main__":
    sys.exit(main())
