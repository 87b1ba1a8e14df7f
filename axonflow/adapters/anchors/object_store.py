"""An anchor in an object store that speaks the protocol of Amazon S3. With object lock, it is written once for good."""

from __future__ import annotations

import asyncio
from typing import Any, Final

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError
except ModuleNotFoundError as error:
    from axonflow.errors import ConfigurationError

    raise ConfigurationError(
        "an anchor in an object store needs boto3", found=f"no {error.name}", hint="pip install 'axonflow[s3]'"
    ) from None

from axonflow.errors import AuditError

__all__ = ["ObjectStoreAnchor"]

# A command waits for the thread that asks: for both attempts, and a second between them, of a store that never answers.
_CONNECT_S: Final = 3
_READ_S: Final = 5
_ATTEMPTS: Final = 2
_MAX_BYTES: Final = 64 << 20
_THERE_ALREADY: Final = 412
_NOT_FOUND: Final = 404


class ObjectStoreAnchor:
    """Objects of one bucket, below `prefix`. Rights that it needs: s3:PutObject and s3:GetObject; and s3:ListBucket,
    without which the store answers for what is not there as for what may not be read."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @classmethod
    def open(cls, bucket: str, prefix: str, region: str | None, endpoint: str | None) -> ObjectStoreAnchor:
        """With the credentials that boto3 finds. Raises ConfigurationError."""
        from axonflow.errors import ConfigurationError

        config = Config(
            connect_timeout=_CONNECT_S, read_timeout=_READ_S,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            s3={"addressing_style": "path" if endpoint else "auto"},
        )  # fmt: skip
        try:
            client = boto3.client("s3", region_name=region, endpoint_url=endpoint, config=config)
        except (BotoCoreError, ValueError) as error:
            raise ConfigurationError("not an object store", found=str(error)[:200]) from None
        return cls(client, bucket, prefix)

    async def put(self, name: str, data: bytes) -> bool:
        return await asyncio.to_thread(self._put, name, data)

    async def get(self, name: str) -> bytes | None:
        return await asyncio.to_thread(self._get, name)

    async def close(self) -> None:
        await asyncio.to_thread(self._client.close)

    def _put(self, name: str, data: bytes) -> bool:
        try:
            self._client.put_object(
                Bucket=self._bucket, Key=self._prefix + name, Body=data, IfNoneMatch="*",
                ContentType="application/json",
            )  # fmt: skip
        except ClientError as error:
            if _status(error) == _THERE_ALREADY:
                return False
            raise self._failed(name, error) from None
        except BotoCoreError as error:
            raise self._failed(name, error) from None
        return True

    def _get(self, name: str) -> bytes | None:
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"]
            data: bytes = body.read(_MAX_BYTES)
        except ClientError as error:
            if _status(error) == _NOT_FOUND and error.response["Error"].get("Code") != "NoSuchBucket":
                return None
            raise self._failed(name, error) from None
        except BotoCoreError as error:
            raise self._failed(name, error) from None
        return data

    def _failed(self, name: str, error: Exception) -> AuditError:
        return AuditError(
            "the anchor does not answer as it should", found=str(error)[:200],
            at=f"s3://{self._bucket}/{self._prefix}{name}",
        )  # fmt: skip


def _status(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
