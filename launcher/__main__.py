"""`python -m launcher up|down|status|profile|stack`."""

import sys

from launcher.cli import main

if __name__ == "__main__":
    sys.exit(main())
