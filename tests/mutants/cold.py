"""A pytest plugin: puts one mutant in place before anything of the project has run, and lets pytest run as ever."""

from __future__ import annotations

import json
import os

from tests.mutants.mutations import Mutant, put_in_place

MUTANT = "MUTANTS_COLD"

if MUTANT in os.environ:
    given = json.loads(os.environ[MUTANT])
    put_in_place(Mutant(**{**given, "lines": tuple(given["lines"])}))
