-- One row a venue, symbol and closed minute with a closed second; the features are null where its last second is missing.
with seconds as (
    -- ts_event is where a second ends, so the one that ends with the minute belongs to it, and its 60 s are the minute.
    select *, raw.bucket(raw.later(ts_event, -1), 60) as ts_open
    from orderflow_1s
),

seen as (select venue, symbol, max(ts_event) as until from orderflow_1s group by venue, symbol),

minutes as (
    select
        venue,
        symbol,
        ts_open,
        raw.later(ts_open, 60) as ts_close,
        count(*) as seconds,
        count(*) filter (where ready) as seconds_ready,
        count(*) filter (where book_valid) as seconds_book_valid,
        max(high) filter (where not isnan(high)) as high,
        min(low) filter (where not isnan(low)) as low,
        max_by(struct_pack(
            buy_volume,
            sell_volume,
            volume_imbalance,
            large_trades_ratio,
            aggressive_buy_ratio,
            aggressive_sell_ratio,
            bid_ask_spread,
            order_book_imbalance,
            volume_weighted_price,
            trade_intensity,
            trades,
            last_price,
            bid,
            ask
        ), ts_event) filter (where ts_event = raw.later(ts_open, 60)) as last_second,
        -- The last second's window is the minute; the windows of the others reach back into the minute before.
        count(*) = 60 and bool_or(complete and ts_event = raw.later(ts_open, 60)) as complete
    from seconds
    group by venue, symbol, ts_open
)

select minutes.* exclude (last_second, complete), unnest(last_second), complete
from minutes
inner join seen using (venue, symbol)
where seen.until >= ts_close
