"""What a venue's client tells, as our errors: refused for good, or nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ccxt

from trifecta.errors import TransientError, VenueRefusedError


def named(error: ccxt.BaseError) -> bool:
    """Whether ccxt has a name for what the venue refused. Nobody knows what any other "no" means."""
    return type(error) is not ccxt.ExchangeError


@contextmanager
def told(refuses: Callable[[ccxt.BaseError], bool] | None = None) -> Iterator[None]:
    """ccxt's errors as ours.

    Args:
        refuses: whether an answer is a final "no"; without it none is.
    """
    try:
        yield
    except (ccxt.NetworkError, ccxt.OperationFailed) as error:
        raise TransientError(short(error)) from error
    except ccxt.BaseError as error:
        final = refuses is not None and refuses(error)
        raise (VenueRefusedError if final else TransientError)(short(error)) from error


def short(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:200]}"
