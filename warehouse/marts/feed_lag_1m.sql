-- One row a venue, symbol and closed minute of receive time: how late its trades arrived, in ms by the venue's clock.
with lags as (
    select
        venue,
        symbol,
        raw.bucket(ts_recv, 60) as ts_open,
        (epoch_ns(ts_recv) - epoch_ns(ts_event)) / 1e6 as lag_ms
    from trades
),

minutes as (
    select
        venue,
        symbol,
        ts_open,
        raw.later(ts_open, 60) as ts_close,
        count(*) as trades,
        quantile_cont(lag_ms, [0.5, 0.99]) as lag_ms
    from lags
    group by venue, symbol, ts_open
),

seen as (select venue, max(ts_recv) as until from trades group by venue)

-- A constant moves each quantile by itself, so one offset a minute corrects all of its trades.
select
    minutes.venue,
    minutes.symbol,
    minutes.ts_open,
    minutes.ts_close,
    minutes.trades,
    minutes.lag_ms[1] + coalesce(offset_ns, 0) / 1e6 as p50_ms,
    minutes.lag_ms[2] + coalesce(offset_ns, 0) / 1e6 as p99_ms,
    offset_ns / 1e6 as clock_offset_ms,
    offset_ns is not null as corrected
from minutes
inner join seen on seen.venue = minutes.venue and seen.until >= minutes.ts_close
asof left join clock_offsets
    on clock_offsets.venue = minutes.venue and clock_offsets.ts_recv <= minutes.ts_close
