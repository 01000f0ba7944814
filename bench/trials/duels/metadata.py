"""What is stored with a duel before its first block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.host.metadata import collect_metadata

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bench.data.datasets import Dataset
    from bench.host.devices import Device


def duel_metadata(
    device: Device, started_at: datetime, dataset: Dataset, *, command: str, duel: Mapping[str, Any], **facts: Any
) -> dict[str, Any]:
    """The object `densebench` of a duel's run file, but for what its rows tell.

    Args:
        device: what is measured on.
        started_at: in UTC.
        dataset: what is trained on and inferred from.
        command: what a reader types to do the same.
        duel: `base` and `head` as the user named them, `plant`, `seed`.
        facts: whatever else it wants to be known by.
    """
    return collect_metadata(
        device,
        started_at,
        command=command,
        packages_by_side={},
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        dataset_source=dataset.source,
        trainer="all",
        quick=False,
        duel=dict(duel),
        **facts,
    )
