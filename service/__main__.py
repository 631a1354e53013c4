"""`python -m service` is the command `mda5-cds`."""

import sys

from service.cli import main

sys.exit(main())
