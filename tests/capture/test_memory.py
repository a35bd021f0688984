"""What a recorder holds in memory: months of uptime on small machines."""

from __future__ import annotations

import subprocess
import sys

HEAVY = "duckdb sqlalchemy alembic scipy.linalg pandas pyarrow.dataset rich ccxt web3 talib prefect fastapi onnxruntime"


def test_a_recorder_imports_only_what_it_records_with() -> None:
    code = f"import sys, trifecta.ops.record; sys.exit(', '.join(set({HEAVY.split()}) & set(sys.modules)) or 0)"
    subprocess.run([sys.executable, "-c", code], check=True)
