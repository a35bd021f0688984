"""Messages on their way to people, through Apprise."""

from __future__ import annotations

from collections.abc import Sequence

import apprise
from loguru import logger
from pydantic import SecretStr

from trifecta.errors import SettingsError
from trifecta.ops.alerts.rules import Severity
from trifecta.ops.alerts.watch import Message

_KINDS = {"recovery": apprise.NotifyType.SUCCESS, "summary": apprise.NotifyType.INFO, "test": apprise.NotifyType.INFO}
_SEVERITIES = {
    Severity.CRITICAL.value: apprise.NotifyType.FAILURE,
    Severity.WARNING.value: apprise.NotifyType.WARNING,
}


class Sender:
    """Sends to every address.

    Raises:
        SettingsError: an address is none that Apprise knows; it is named by its place, never shown.
    """

    def __init__(self, urls: Sequence[SecretStr]) -> None:
        self._apprise = apprise.Apprise()
        for place, url in enumerate(urls, start=1):
            if not self._apprise.add(url.get_secret_value()):
                raise SettingsError(
                    f"alerts.urls: address {place} of {len(urls)} is none that Apprise knows: expected a form like "
                    "tgram://token/chat, mailto://user:password@host or json://host/path"
                )

    def send(self, message: Message) -> bool:
        """Whether every address took it; what went wrong is in the log, without the address."""
        kind = _KINDS.get(message.kind) or _SEVERITIES[message.severity]
        delivered = bool(self._apprise.notify(body=message.body, title=message.title, notify_type=kind))
        logger.info("{} {!r}", "sent" if delivered else "could not send", message.title)
        return delivered
