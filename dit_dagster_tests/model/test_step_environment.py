"""What a step's process is given of the environment of whoever starts it."""

from __future__ import annotations

from pathlib import Path

from dit_dagster.model.step_environment import PASSED_ON, google_access, passed_on


def test_nothing_is_passed_on_that_the_list_does_not_name() -> None:
    """The list is closed: a variable that nobody thought of reaches no step."""
    everything = dict.fromkeys((*PASSED_ON, "TZ", "HOME", "PYTHONPATH", "LD_PRELOAD", "DIT_HOME", "PATH"), "x")

    assert set(passed_on(everything)) == set(PASSED_ON)


def test_a_login_of_gcloud_is_handed_over_as_a_file(tmp_path: Path) -> None:
    """A step has a HOME of its own, in which a client would not find it."""
    login = tmp_path / ".config" / "gcloud" / "application_default_credentials.json"
    login.parent.mkdir(parents=True)
    login.touch()

    assert google_access({"HOME": str(tmp_path)}) == {"GOOGLE_APPLICATION_CREDENTIALS": str(login)}


def test_a_folder_that_gcloud_was_told_of_comes_before_home(tmp_path: Path) -> None:
    login = tmp_path / "application_default_credentials.json"
    login.touch()

    found = google_access({"HOME": "/nowhere", "CLOUDSDK_CONFIG": str(tmp_path)})

    assert found == {"GOOGLE_APPLICATION_CREDENTIALS": str(login)}


def test_named_credentials_come_before_a_login(tmp_path: Path) -> None:
    login = tmp_path / "application_default_credentials.json"
    login.touch()
    named = {"GOOGLE_APPLICATION_CREDENTIALS": "/key.json", "GOOGLE_CLOUD_PROJECT": "p"}

    assert google_access({**named, "CLOUDSDK_CONFIG": str(tmp_path)}) == named


def test_without_a_file_nothing_is_handed_over(tmp_path: Path) -> None:
    """On Google's machines a client asks the metadata server."""
    assert google_access({"HOME": str(tmp_path)}) == {}
