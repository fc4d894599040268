"""CallerDesk CRM connector: one click, one call, one activity."""

__version__ = "0.1.0"
