-- One row a gap with an unknown status, or that ends before it begins.
select *
from gaps
where status not in ('open', 'filled', 'lost')
    or first_id > last_id
    or ts_from > ts_to
