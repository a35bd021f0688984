-- One row a trade without a positive price, a positive size, a side or a time.
select *
from trades
where not coalesce(price > 0 and qty > 0 and trade_count > 0 and side is not null and ts_event is not null, false)
