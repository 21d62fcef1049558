"""A request changes threads as seldom as it can (decision 0021)."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.test import AsyncClient

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("address", ["/healthz", "/login/"])
async def test_all_middlewares_run_in_one_go(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = []
    real = SyncToAsync.__call__

    async def counted(self: SyncToAsync[Any, Any], *args: Any, **words: Any) -> Any:
        changes.append(self.func)
        return await real(self, *args, **words)

    monkeypatch.setattr(SyncToAsync, "__call__", counted)
    answer = await AsyncClient().get(address)
    assert answer.status_code == 200
    names = [getattr(changed, "__name__", "") for changed in changes]
    assert names.count("inner") == 1, "one change for the whole chain"
    assert not {"process_request", "process_response"} & set(names), "none within it"
