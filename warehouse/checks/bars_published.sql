-- One row a published bar that is there twice or whose prices, sizes or times contradict each other.
select *, count(*) over (partition by venue, symbol, interval, ts_open) as copies
from bars
qualify copies > 1 or not (
    low > 0
    and low <= open and open <= high
    and low <= close and close <= high
    and volume >= 0
    and taker_buy_volume between 0 and volume
    and trades >= 0
    and ts_open < ts_close
)
