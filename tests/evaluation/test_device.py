import pytest
import torch

from mepipe.errors import UsageError
from mepipe.evaluation.device import resolve


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve("cpu") == resolve("auto") == "cpu"
    for name in ("cuda", "mps"):
        with pytest.raises(UsageError, match=f"{name} is not there") as error:
            resolve(name)
        assert error.value.remedy == "Available here: cpu."
    with pytest.raises(UsageError, match="no device 'gpu'"):
        resolve("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve("auto") == resolve("cuda") == "cuda"
    with pytest.raises(UsageError, match="mps") as error:
        resolve("mps")
    assert error.value.remedy == "Available here: cuda, cpu."
