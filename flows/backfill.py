from prefect import flow


@flow
async def backfill() -> None: ...
