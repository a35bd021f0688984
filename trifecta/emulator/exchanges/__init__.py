"""Exchanges beside Binance, SIMULATED: each speaks its own REST and WebSocket protocol around one fair price.

market.py        symbols and fees of each, books around the fair price, and what moves them apart
dislocations.py  when an exchange strays from the fair price, and the record of it
protocol.py      what an exchange's file provides, and how its clients are served
kraken.py  coinbase.py  okx.py   REST answers and frames, spelled as the venue spells them
venues.py        all of them on the emulator's port, under `/<name>`
"""
