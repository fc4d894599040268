"""The web side: clicks and CallerDesk's webhooks in, call pages and facts about the service out."""

from connector.web.app import create_app

__all__ = ["create_app"]
