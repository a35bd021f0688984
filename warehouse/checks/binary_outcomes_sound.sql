-- One row a decided signal that binary_outcomes shows twice, or decides against the prices it tells.
select *, count(*) over (partition by venue, signal_id) as copies
from binary_outcomes
qualify copies > 1 or not (entry > 0 and exit > 0 and (not won or exit <> entry))
