"""Which names of devices are taken."""

from __future__ import annotations

import pytest

from model_runtime.api import RuntimeFailure
from model_runtime.devices import choose_device


@pytest.mark.parametrize("name", ["gpu", "cuda:second", ""])
def test_what_is_no_device_is_said_without_a_list_of_all_that_torch_knows(name: str) -> None:
    with pytest.raises(RuntimeFailure) as caught:
        choose_device(name)
    assert caught.value.message == f"{name!r} is no device."
    assert "--device auto" in caught.value.hint


def test_a_device_that_this_machine_lacks_is_no_other_one() -> None:
    with pytest.raises(RuntimeFailure, match="'meta' cannot be used"):
        choose_device("meta")
    assert choose_device("cpu").type == "cpu"
