-- One row a bar of bars_1m whose prices or sizes contradict each other.
select *
from bars_1m
where not (
    low > 0
    and low <= open and open <= high
    and low <= close and close <= high
    and low <= vwap * (1 + 1e-12) and vwap <= high * (1 + 1e-12)
    and volume > 0
    and taker_buy_volume between 0 and volume
    and trades > 0
)
