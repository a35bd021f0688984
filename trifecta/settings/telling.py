"""What is logged, and who is told when something is wrong."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from trifecta.settings.section import Section

_TIME_OF_DAY = r"^(([01]\d|2[0-3]):[0-5]\d)?$"


class LogSettings(Section):
    """What every process writes to its log."""

    format: Literal["text", "json"] = "text"
    """`json`: one object a line."""
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least that is logged."""


class AlertSettings(Section):
    """Who is told when something is wrong. Without a URL nobody is, and nothing runs for it."""

    urls: list[SecretStr] = []
    """Where messages go, in Apprise's form: tgram://…, discord://…, mailto://…, json://host:port/path."""
    mute: list[str] = []
    """Rules that stay silent; `trifecta alerts rules` lists them."""
    quiet_from: str = Field("", pattern=_TIME_OF_DAY)
    """When quiet hours begin, UTC, `22:00`; until they end only critical messages are sent, the rest comes then."""
    quiet_until: str = Field("", pattern=_TIME_OF_DAY)
    """When they end, UTC."""
    summary_at: str = Field("00:05", pattern=_TIME_OF_DAY)
    """When yesterday is summed up, UTC; empty: never."""
    poll_s: float = Field(2.0, gt=0)
    """How often is looked."""
    feed_silent_s: float = Field(30.0, gt=0)
    """How long a feed may be silent before it is told."""
    gap_open_s: float = Field(900.0, gt=0)
    """How long a gap may stay open before it is told."""
    order_unknown_s: float = Field(60.0, ge=0)
    """How long an order's fate may be unknown before it is told."""
    disk_free_gib: float = Field(2.0, gt=0)
    """How much of the data folder's disk must be free."""

    @model_validator(mode="after")
    def _check_quiet_hours(self) -> Self:
        if bool(self.quiet_from) != bool(self.quiet_until):
            raise ValueError("alerts.quiet_from and alerts.quiet_until go together: set both or neither")
        return self
