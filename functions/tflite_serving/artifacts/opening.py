"""Opens a registry for reading, by its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from tflite_serving.artifacts.bucket import open_bucket
from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.artifacts.folder import FolderStore
from tflite_serving.artifacts.store import Store
from tflite_serving.contract.address import RegistryUri
from tflite_serving.contract.codec import ContractError
from tflite_serving.errors import StoreError


def open_store(
    uri: str,
    patience_seconds: float = 20.0,
    environ: Mapping[str, str] = MappingProxyType({}),
    warn: Callable[[str], None] = lambda _: None,
) -> Store:
    """Opens a registry for reading. A bucket is not accessed until something is read.

    Args:
        uri: Address of the registry; see `RegistryUri.parse`.
        patience_seconds: Time for which requests to an unreachable registry are retried.
        environ: Environment variables with a bucket's server and credentials; see `open_bucket`.
        warn: Log function for a read that failed and will be retried.

    Raises:
        StoreError: The address is invalid.
    """
    address = parse_address(uri)
    return _SCHEMES[address.scheme](address, patience_seconds, environ, warn)


def parse_address(uri: str) -> RegistryUri:
    """Parses the address of a registry.

    Raises:
        StoreError: The address is invalid.
    """
    try:
        return RegistryUri.parse(uri)
    except ContractError as error:
        raise StoreError(str(error)) from None


def _open_folder(address: RegistryUri, *_: object) -> Store:
    return FolderStore(address.folder)


def _open_gs(
    address: RegistryUri,
    patience_seconds: float,
    environ: Mapping[str, str],
    warn: Callable[[str], None],
) -> Store:
    folder = BucketFolder(address.bucket, address.prefix, patience_seconds)
    return open_bucket(folder, environ, warn)


_SCHEMES: Mapping[str, Callable[..., Store]] = {"file": _open_folder, "gs": _open_gs}
