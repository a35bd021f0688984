-- One row a trade id that a venue and symbol hold more than once, alone or inside an aggregate.
select
    venue,
    symbol,
    trade_id,
    lag(trade_id + trade_count) over (partition by venue, symbol order by trade_id, trade_count) as next_expected
from trades
qualify trade_id < next_expected
