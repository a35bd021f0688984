-- One row a change of the best bid or ask; ts_event is null where the venue sends none.
select
    venue,
    symbol,
    date,
    update_id,
    raw.instant(ts_event, time_scale) as ts_event,
    make_timestamp_ns(ts_recv) as ts_recv,
    bid / raw.tens(price_scale) as bid,
    bid_qty / raw.tens(qty_scale) as bid_qty,
    ask / raw.tens(price_scale) as ask,
    ask_qty / raw.tens(qty_scale) as ask_qty
from raw.quotes
