-- One row a served range that is not positive, lies outside its own interval (NaN: none yet) or is there twice.
select *, count(*) over (partition by venue, symbol, horizon_s, ts_event) as copies
from predictions
qualify copies > 1 or not (
    price > 0
    and log_range >= 0
    and (
        isnan(log_range_low) and isnan(log_range_high)
        or log_range_low <= log_range and log_range <= log_range_high and isfinite(log_range_high)
    )
    and coverage between 0 and 1
)
