"""Runs the sidecar."""

from __future__ import annotations

import socket

import uvicorn

from trifecta.errors import SettingsError
from trifecta.serve.app import create
from trifecta.settings import Settings

BACKLOG = 1024
KEEP_ALIVE_S = 30
SHUTDOWN_S = 5


def run(settings: Settings) -> None:
    """Serves until SIGINT or SIGTERM.

    Raises:
        SettingsError: the address is in use or not this machine's.
    """
    with listen(settings.api_host, settings.api_port) as listening:
        uvicorn.Server(config(settings)).run(sockets=[listening])


def config(settings: Settings) -> uvicorn.Config:
    """How uvicorn runs the application; TLS once certificate and key are set."""
    return uvicorn.Config(
        create(settings),
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # on this machine it only costs time, once for each client
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
        ssl_certfile=settings.api_tls_cert,
        ssl_keyfile=settings.api_tls_key,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        SettingsError: names the settings to change.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise SettingsError(
            f"api_host {host!r}, api_port {port} cannot be listened on ({error.strerror}): set TRIFECTA_API_PORT to a "
            "free port, or TRIFECTA_API_HOST to an address of this machine"
        ) from error
