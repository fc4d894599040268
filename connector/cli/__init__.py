"""The `connector` command."""

from connector.cli.main import main

__all__ = ["main"]
