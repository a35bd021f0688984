-- One row a minute of feed_lag_1m whose quantiles are not in order.
select *
from feed_lag_1m
where p50_ms is null or p50_ms > p99_ms or trades <= 0
