-- One row a minute of spread_1m whose spreads are not positive or not in order.
select *
from spread_1m
where not (
    spread_bps_min > 0
    and spread_bps_min <= spread_bps_mean * (1 + 1e-12)
    and spread_bps_mean <= spread_bps_max * (1 + 1e-12)
)
