"""Keys of the emulated accounts, each in the form of its venue; they open nothing else.

`python -m trifecta.emulator.keys okx` prints one as settings.
"""

import base64
import hashlib
import sys
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_NAME, _SECRET = "emulator", "emulator-secret"


@dataclass(frozen=True, slots=True)
class Keys:
    """What a client signs with."""

    api_key: str
    secret: str
    password: str = ""


def of(venue: str) -> Keys:
    """The key of the account at `venue`."""
    if venue == "kraken":
        return Keys(_NAME, base64.b64encode(_SECRET.encode()).decode())
    if venue == "coinbase":
        pem = coinbase_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return Keys("organizations/emulator/apiKeys/emulator", pem.decode())
    return Keys(_NAME, _SECRET, "emulator-passphrase" if venue == "okx" else "")


def coinbase_key() -> ec.EllipticCurvePrivateKey:
    """The same key every time."""
    return ec.derive_private_key(int.from_bytes(hashlib.sha256(_SECRET.encode()).digest()[:31]), ec.SECP256R1())


def main(venue: str) -> None:
    """Prints the key as environment variables, for `.env`."""
    own = of(venue)
    for name, value in (("API_KEY", own.api_key), ("SECRET", own.secret), ("PASSWORD", own.password)):
        if value:
            sys.stdout.write(f"TRIFECTA_TRADE__CREDENTIALS__{venue.upper()}__{name}={value!r}\n")


if __name__ == "__main__":
    main(sys.argv[1])
