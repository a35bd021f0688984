-- One row a binary signal that is decided: the pair's mid when it came and when it expired, by the terminals' quotes.
with signals as (
    select *, raw.later(ts_recv, expiry_s) as ts_expiry, starts_with(venue, 'sim_') as simulated from binary_signals
),

mids as (
    select symbol, ts_recv, (bid + ask) / 2 as mid, starts_with(venue, 'sim_') as simulated
    from quotes
    where venue similar to '(sim_)?mt5_.*' and symbol in (select symbol from signals)
),

seen as (select symbol, simulated, max(ts_recv) as until from mids group by symbol, simulated),

entered as (
    select signals.*, mids.mid as entry, mids.ts_recv as ts_entry
    from signals
    asof join mids
        on signals.symbol = mids.symbol and signals.simulated = mids.simulated and signals.ts_recv >= mids.ts_recv
),

decided as (
    select entered.*, mids.mid as exit, mids.ts_recv as ts_exit
    from entered
    asof join mids
        on entered.symbol = mids.symbol and entered.simulated = mids.simulated and entered.ts_expiry >= mids.ts_recv
)

-- A pair that was not quoted for 10 s around either end tells nothing.
select
    decided.* exclude (ts_entry, ts_exit, simulated),
    decided.exit <> decided.entry and (decided.exit > decided.entry) = (direction = 'call') as won
from decided
inner join seen using (symbol, simulated)
where seen.until >= ts_expiry
    and epoch_ns(ts_recv) - epoch_ns(ts_entry) <= 10000000000
    and epoch_ns(ts_expiry) - epoch_ns(ts_exit) <= 10000000000
