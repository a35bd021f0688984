-- One row a venue, symbol and closed minute of receive time with a quote; the mean is over the time quoted in it.
with timed as (
    select
        venue,
        symbol,
        ts_recv,
        update_id,
        bid,
        ask,
        (ask - bid) / bid * 1e4 as spread_bps,
        raw.bucket(ts_recv, 60) as ts_open
    from quotes
),

lasting as (
    select
        *,
        epoch_ns(coalesce(
            lead(ts_recv) over (partition by venue, symbol, ts_open order by ts_recv, update_id),
            raw.later(ts_open, 60)
        )) - epoch_ns(ts_recv) as lasted_ns
    from timed
),

minutes as (
    select
        venue,
        symbol,
        ts_open,
        raw.later(ts_open, 60) as ts_close,
        count(*) as quotes,
        min(spread_bps) as spread_bps_min,
        fsum(spread_bps * lasted_ns) / sum(lasted_ns) as spread_bps_mean,
        max(spread_bps) as spread_bps_max,
        max_by({bid: bid, ask: ask}, (ts_recv, update_id)) as last
    from lasting
    group by venue, symbol, ts_open
),

seen as (select venue, max(ts_recv) as until from quotes group by venue)

select minutes.* exclude (last), last.bid as bid, last.ask as ask
from minutes
inner join seen on seen.venue = minutes.venue and seen.until >= minutes.ts_close
