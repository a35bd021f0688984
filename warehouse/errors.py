"""Errors of the warehouse. Each message says what was found and what to do next."""

from __future__ import annotations


class WarehouseError(Exception):
    """Root of every error the warehouse raises on purpose."""


class BusyError(WarehouseError):
    """Someone else holds what is needed; the same call may succeed later."""


class RefusedError(WarehouseError):
    """Input or a query that is not taken; nothing changes until the caller changes it."""


class QueryTimeoutError(WarehouseError):
    """A query ran longer than it was allowed to and was stopped."""
