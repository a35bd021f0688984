-- One row a venue, symbol and closed minute of event time with a trade; complete: no trade is known to be missing.
with prints as (
    select
        venue,
        symbol,
        trade_id,
        trade_count,
        raw.bucket(raw.instant(ts_event, time_scale), 60) as ts_open,
        price / raw.tens(price_scale) as price,
        qty / raw.tens(qty_scale) as qty,
        side = 1 as buy,
        price_scale,
        qty_scale
    from raw.trades
),

-- Sums are rounded to the decimals that an exact sum has: whatever the order of summing, the result is the same.
minutes as (
    select
        venue,
        symbol,
        ts_open,
        arg_min(price, trade_id) as open,
        max(price) as high,
        min(price) as low,
        arg_max(price, trade_id) as close,
        round(fsum(qty), max(qty_scale)) as volume,
        round(fsum(price * qty), max(price_scale) + max(qty_scale)) as quote_volume,
        sum(trade_count)::bigint as trades,
        coalesce(round(fsum(qty) filter (where buy), max(qty_scale)), 0) as taker_buy_volume
    from prints
    group by venue, symbol, ts_open
),

seen as (
    select venue, symbol, max(ts_event) as until
    from (
        select venue, symbol, max(ts_event) as ts_event from trades group by venue, symbol
        union all
        select venue, symbol, max(ts_event) as ts_event from orderflow_1s group by venue, symbol
    )
    group by venue, symbol
),

-- Nothing tells what was traded in the first minute before the recording began.
began as (select venue, symbol, min(ts_open) as ts_open from minutes group by venue, symbol),

missing as (select * from gaps where stream in ('trade', 'aggTrade') and status <> 'filled')

select
    minutes.venue,
    minutes.symbol,
    minutes.ts_open,
    raw.later(minutes.ts_open, 60) as ts_close,
    open,
    high,
    low,
    close,
    volume,
    quote_volume,
    trades,
    taker_buy_volume,
    quote_volume / volume as vwap,
    minutes.ts_open > began.ts_open and not exists (
        from missing
        where missing.venue = minutes.venue
            and missing.symbol = minutes.symbol
            and missing.ts_from < raw.later(minutes.ts_open, 60)
            and missing.ts_to >= minutes.ts_open
    ) as complete
from minutes
inner join seen using (venue, symbol)
inner join began using (venue, symbol)
where seen.until >= raw.later(minutes.ts_open, 60)
