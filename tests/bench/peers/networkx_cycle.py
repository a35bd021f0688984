"""A cycle that gains, found by networkx from a table of rates: the graph of weights -log(rate), then the search.

Argument: an .npy of rates, float64 (currencies, currencies), 0 where there is no exchange.
"""

from __future__ import annotations

import sys

import networkx as nx
import numpy as np
from turns import take_turns


def main() -> None:
    rates = np.load(sys.argv[1])

    def find() -> list[int]:
        with np.errstate(divide="ignore"):
            weights = np.where(rates > 0, -np.log(rates), 0)
        graph = nx.from_numpy_array(weights, create_using=nx.DiGraph)
        return list(nx.find_negative_cycle(graph, 0))

    take_turns(find, cycle=[int(node) for node in find()])


if __name__ == "__main__":
    main()
