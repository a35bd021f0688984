"""Binance on loopback: one port, REST and WebSocket, SIMULATED, for clients that are not told.

Spot lives under `/api/v3`, `/ws`, `/stream`; USD-M under `/fapi/v1`, `/fstream/ws`, `/fstream/stream`. The market is
either generated (seeded) or played back from recorded frames; REST, streams, faults and record do not know which.

    config.py       what an emulator is started with: `EmulatorConfig`, `Fault`
    instruments.py  tick, lot and text form of every listed symbol, and how a generated one behaves
    book.py         limit order book of integers
    frames.py       the bytes of every stream frame, spot and USD-M
    klines.py       minutes from trades, longer intervals from minutes
    history.py      the minutes before the first live trade
    record.py       the venue's own record on disk: every trade, every frame; `read_trades`, `read_frames`
    listing.py      a symbol on one market: book, trades, klines, and publishing them
    flow.py         fair price, order-flow pressure and volatility regime over time
    orders.py       orders that move one generated book
    generated.py    source of market (a): order flow → books → frames
    checkpoint.py   what lets a generated market go on after a restart, killed or not
    recording.py    recorded files as lines, with their times and ids moved
    recorded.py     source of market (b): lines → books → frames
    streams.py      subscriptions and their delivery
    socket.py       one client's WebSocket: requests, ping, maximum age
    faults.py       what goes wrong on the way to the client
    limits.py       Binance's request weights, 429 and 418
    exchange_info.py  the venue's description of its symbols
    rest.py         market data endpoints
    metatrader5.py  a stand-in for the package MetaTrader5: mt5_types, mt5_market, mt5_account, mt5_trading
    mt5_remote.py   the same terminal for other processes
    chain.py        an EVM chain with real pair contracts: contracts.py fetches them, chain_node.py serves it
    signals.py      a feed of binary signals on the terminal's market
    exchanges/      Kraken, Coinbase and OKX around the same price, under `/kraken`, `/coinbase`, `/okx`
    control.py      `/control/*`: state, faults, rate, record
    server.py       all of it on one port: `running(config)`

Prices and quantities are integers in units of 1e-8 ("e8") everywhere inside; venue times are UTC milliseconds.
"""
