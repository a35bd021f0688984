"""What every table of the ledger shares: its metadata and column types. Times are INT nanoseconds UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Integer, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Serial = BigInteger().with_variant(Integer, "sqlite")
"""Key that counts up: only INTEGER does so on SQLite, where it holds 64 bits all the same."""


def one_of(column: str, *allowed: str) -> CheckConstraint:
    """`column` holds one of these words."""
    listed = ", ".join(f"'{word}'" for word in allowed)
    return CheckConstraint(f"{column} in ({listed})", name=column)
