"""Lets these tests share the kits of the folders above and beside."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("", "service", "web")]
