-- One row a closed second: the rebuilt book, up to 20 levels a side, best first; empty where it was not valid.
select
    venue,
    symbol,
    date,
    make_timestamp_ns(ts_event) as ts_event,
    make_timestamp_ns(ts_recv) as ts_recv,
    update_id,
    valid,
    list_transform(bid_price, lambda ticks: ticks / raw.tens(price_scale)) as bid_price,
    list_transform(bid_qty, lambda lots: lots / raw.tens(qty_scale)) as bid_qty,
    list_transform(ask_price, lambda ticks: ticks / raw.tens(price_scale)) as ask_price,
    list_transform(ask_qty, lambda lots: lots / raw.tens(qty_scale)) as ask_qty
from raw.book_top
