-- One row a public trade, or an aggregate of trade_count trades with consecutive ids; price in quote, qty in base units.
select
    venue,
    symbol,
    date,
    trade_id,
    trade_count,
    raw.instant(ts_event, time_scale) as ts_event,
    make_timestamp_ns(ts_recv) as ts_recv,
    price / raw.tens(price_scale) as price,
    qty / raw.tens(qty_scale) as qty,
    case side when 1 then 'buy' when -1 then 'sell' end as side
from raw.trades
