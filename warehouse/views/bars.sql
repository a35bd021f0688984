-- One row a venue, symbol, interval and closed bar, as the venue published it.
select
    venue,
    symbol,
    date,
    interval,
    make_timestamp_ns(ts_open) as ts_open,
    make_timestamp_ns(ts_close) as ts_close,
    make_timestamp_ns(ts_recv) as ts_recv,
    open / raw.tens(price_scale) as open,
    high / raw.tens(price_scale) as high,
    low / raw.tens(price_scale) as low,
    close / raw.tens(price_scale) as close,
    volume / raw.tens(qty_scale) as volume,
    quote_volume,
    trades,
    taker_buy_volume / raw.tens(qty_scale) as taker_buy_volume
from raw.bars
