"""The registry's subjects: versions as requests name them."""

import pytest

from kappaflow.server.registry.subjects import RegistryError, Subjects, number_of


def _subjects() -> Subjects:
    subjects = Subjects()
    subjects.apply(
        {"keytype": "SCHEMA", "subject": "orders-value", "version": 1},
        {"subject": "orders-value", "version": 1, "id": 1, "schema": '"int"', "deleted": False},
    )
    return subjects


@pytest.mark.parametrize("wanted", ["1", "latest", "-1"])
def test_a_version_is_found_by_its_number_or_as_the_latest(wanted: str) -> None:
    assert _subjects().version("orders-value", wanted).entry.version == 1


@pytest.mark.parametrize("wanted", ["0", "x", "", "\N{SUPERSCRIPT TWO}", "2147483648", "9" * 5000], ids=range(6))
def test_what_is_no_number_of_a_version_is_refused(wanted: str) -> None:
    with pytest.raises(RegistryError, match="is not a valid version id") as caught:
        _subjects().version("orders-value", wanted)
    assert caught.value.code == 42202
    assert number_of(wanted) < 1
