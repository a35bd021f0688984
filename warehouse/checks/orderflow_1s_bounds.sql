-- One row a second of orderflow_1s with a feature outside the range of its formula; NaN stands for no trade or book.
select *
from orderflow_1s
where not (
    buy_volume >= 0 and sell_volume >= 0 and trades >= 0
    and (volume_imbalance between -1 and 1 or isnan(volume_imbalance) and not (book_valid and trades > 0))
    and (large_trades_ratio between 0 and 1 or isnan(large_trades_ratio) and trades = 0)
    and (aggressive_buy_ratio between 0 and 1 or isnan(aggressive_buy_ratio) and trades = 0)
    and (aggressive_sell_ratio between 0 and 1 or isnan(aggressive_sell_ratio) and trades = 0)
    and abs(trade_intensity - trades / 60) < 1e-9
    and (isnan(order_book_imbalance) or order_book_imbalance between -1 and 1)
    and (isnan(bid_ask_spread) or bid_ask_spread > 0)
    and (isnan(volume_weighted_price) or volume_weighted_price > 0)
    and (isnan(last_price) or last_price > 0)
    and (isnan(low) or (low > 0 and low <= high))
    and (not book_valid or bid < ask)
)
