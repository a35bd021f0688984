"""Whether a port can be listened on."""

from __future__ import annotations

import socket
import sys

from trifecta.errors import SettingsError
from trifecta.settings import Settings, is_loopback


def is_free(host: str, port: int) -> bool:
    """True if a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if sys.platform == "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:  # as servers do: connections that linger after an earlier run do not count
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def wanted(
    settings: Settings, *, emulator: bool = True, prefect: bool = True, dashboard: bool = True
) -> dict[str, tuple[str, int]]:
    """Host and port of everything the system listens on, by the setting that moves it."""
    ports = {"TRIFECTA_API_PORT": (settings.api_host, settings.api_port)}
    if prefect and not settings.prefect_api:
        ports["TRIFECTA_PREFECT_PORT"] = ("127.0.0.1", settings.prefect_port)
    if dashboard:
        ports["TRIFECTA_DASHBOARD_PORT"] = (settings.dashboard_host, settings.dashboard_port)
    if emulator:
        ports["TRIFECTA_EMULATOR_PORT"] = ("127.0.0.1", settings.emulator_port)
    bus = local_bus_port(settings.bus_address)
    if bus is not None:
        ports["TRIFECTA_BUS_ADDRESS"] = ("127.0.0.1", bus)
        ports["TRIFECTA_BUS_ADDRESS (the port above it)"] = ("127.0.0.1", bus + 1)
    return ports


def local_bus_port(address: str) -> int | None:
    """The port of a bus on this machine; None where another machine forwards, which is then its own business."""
    host, _, port = address.removeprefix("tcp://").rpartition(":")
    return int(port) if port.isdigit() and is_loopback(host) else None


def require_free(ports: dict[str, tuple[str, int]]) -> None:
    """
    Raises:
        SettingsError: names every port in use and the setting that moves it.
    """
    taken = [
        f"  port {port} on {host} is in use: end what uses it, or set {setting} to a free one"
        for setting, (host, port) in ports.items()
        if not is_free(host, port)
    ]
    if taken:
        raise SettingsError("\n".join(["cannot start:", *taken]))
