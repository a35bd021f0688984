-- One row a bin of binary_reliability whose figures contradict each other.
select *
from binary_reliability
where not (
    won between 0 and signals
    and hit_rate_low between -1e-12 and hit_rate + 1e-12
    and hit_rate_high between hit_rate - 1e-12 and 1 + 1e-12
    and claimed >= claimed_from - 1e-12
)
