-- One row if quarantine_by_reason does not account for every input in quarantine.
select counted, held
from (select coalesce(sum(inputs), 0) as counted from quarantine_by_reason),
    (select count(*) as held from quarantine)
where counted <> held
