"""The model's domain is read once, from the archive's JSON.

Rasa reads it twice: there, and from YAML again with a parser in Python that checks it against a schema, as it was checked
when the model was trained. That is half of a start.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelMetadata, ModelStorage
from rasa.graph_components.providers.domain_provider import DomainProvider
from rasa.shared.core.domain import Domain

_of_rasa = LocalModelStorage.from_model_archive.__func__
_load = DomainProvider.load.__func__


def install() -> None:
    LocalModelStorage.from_model_archive = classmethod(_from_archive)
    DomainProvider.load = classmethod(_provider)


def _from_archive(cls: Any, storage_path: Path, model_archive_path: str | Path) -> tuple[ModelStorage, ModelMetadata]:
    storage, metadata = _of_rasa(cls, storage_path, model_archive_path)
    storage.domain = metadata.domain
    return storage, metadata


def _provider(
    cls: Any,
    config: dict[str, Any],
    model_storage: ModelStorage,
    resource: Resource,
    execution_context: Any,
    **kwargs: Any,
) -> DomainProvider:
    domain: Domain | None = getattr(model_storage, "domain", None)
    if domain is None:  # in the middle of a training: there is no archive yet
        return _load(cls, config, model_storage, resource, execution_context, **kwargs)
    return cls(model_storage, resource, domain)  # type: ignore[no-any-return]
