"""Opens a registry for writing, by its address."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from model_export.registry.folder import WritableFolder
from model_export.registry.store import WritableStore
from tflite_serving.artifacts.bucket_folder import BucketFolder
from tflite_serving.artifacts.opening import parse_address
from tflite_serving.contract.address import RegistryUri


def open_writable(uri: str, patience_seconds: float = 60.0) -> WritableStore:
    """Opens a registry for writing. Nothing is asked of a bucket until something is read.

    Args:
        uri: see `RegistryUri.parse`.
        patience_seconds: how long to retry a registry that does not answer.

    Raises:
        StoreError: it is no address.
    """
    address = parse_address(uri)
    return _SCHEMES[address.scheme](address, patience_seconds)


def _open_folder(address: RegistryUri, _: float) -> WritableStore:
    return WritableFolder(address.folder)


def _open_gs(address: RegistryUri, patience_seconds: float) -> WritableStore:
    # Google's client takes a third of a second to import: only those who use a bucket pay.
    from model_export.registry.gcs import WritableBucket

    return WritableBucket(BucketFolder(address.bucket, address.prefix, patience_seconds))


_SCHEMES: Mapping[str, Callable[[RegistryUri, float], WritableStore]] = {
    "file": _open_folder,
    "gs": _open_gs,
}
