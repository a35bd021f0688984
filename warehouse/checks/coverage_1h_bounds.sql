-- One row an hour of coverage_1h with more seconds than it has, or more gaps unfilled than found.
select *
from coverage_1h
where seconds not between 0 and 3600
    or seconds_book_valid > seconds
    or gaps_not_filled > gaps
