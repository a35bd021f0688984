-- One row a minute of orderflow_1m with more seconds than it has, or that is called complete without all of them.
select *
from orderflow_1m
where seconds not between 1 and 60
    or (complete and seconds < 60)
    or low > high
