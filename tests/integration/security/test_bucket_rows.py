"""The limits of callers on real tables."""

import asyncio
import secrets

from shared.config import Connection
from shared.security.bucket_rows import LIMITS_TABLE, TableBucketRows
from shared.security.rate_limit import RateLimitCache
from shared.security.token_bucket import Bucket
from shared.storage.azure import table_service
from tests.support.azurite import Azurite


async def test_rows_are_written_by_whoever_read_them_last(shared_azurite: Azurite) -> None:
    async with table_service(Connection(shared_azurite.connection_string)) as service:
        await service.delete_table(LIMITS_TABLE)
        rows, key = TableBucketRows(service), secrets.token_hex(8)
        assert await rows.read(key) is None
        assert await rows.write(key, Bucket(5.5, 1e9), None) is None, "the table is made"
        etag = await rows.write(key, Bucket(5.5, 1e9), None)
        kept = await rows.read(key)
        assert kept is not None
        assert (kept.bucket, kept.etag) == (Bucket(5.5, 1e9), etag)
        assert await rows.write(key, Bucket(4.0, 1e9), None) is None, "it is there"
        second = await rows.write(key, Bucket(4.0, 1e9), etag)
        assert second not in (None, etag)
        assert await rows.write(key, Bucket(3.0, 1e9), etag) is None, "somebody was first"
        await service.get_table_client(LIMITS_TABLE).delete_entity(key, "rate")
        assert await rows.write(key, Bucket(3.0, 1e9), second) is None, "it is gone"


async def test_two_processes_keep_to_one_limit(shared_azurite: Azurite) -> None:
    connection, caller = Connection(shared_azurite.connection_string), secrets.token_hex(8)
    async with table_service(connection) as one, table_service(connection) as other:
        caches = [RateLimitCache(TableBucketRows(service)) for service in (one, other)]
        answers = await asyncio.gather(*(caches[n % 2].check_rate_limit(caller, 100, 3600) for n in range(160)))
    granted = sum(answer.allowed for answer in answers)
    assert 90 <= granted <= 101  # an hour's rate gives one more in 36 s
