"""Lets these tests share the kit of the folder above, and the running service of the one beside."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "service")]
