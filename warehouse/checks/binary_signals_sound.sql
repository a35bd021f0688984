-- One row a binary signal that is there twice or cannot be one.
select *, count(*) over (partition by venue, signal_id) as copies
from binary_signals
qualify copies > 1 or not (
    probability between 0 and 1 and expiry_s > 0 and payout > 0 and direction is not null
)
