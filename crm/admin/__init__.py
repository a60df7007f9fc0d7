"""The admin site's pages of the ground floor: users, teams, roles, tokens, and what happened."""

from crm.admin import log, tokens, users

__all__ = ["log", "tokens", "users"]
