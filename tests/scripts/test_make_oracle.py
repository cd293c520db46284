"""The command trains what is missing, once."""

from dataclasses import replace

import make_oracle
import numpy as np
import pytest
from make_oracle import digest, estimate, is_done, main, train_and_save
from oracle_families import ORACLE_TASKS
from oracle_table import file_of

NAME, OTHER = "condition 10, SGD", "few ratings biased factors, NAdam"


@pytest.fixture
def short(monkeypatch):
    """Two tasks with horizons of a few steps, trained in this very process."""
    tasks = {name: replace(ORACLE_TASKS[name], horizons=(2, 4)) for name in (NAME, OTHER)}
    monkeypatch.setattr(make_oracle, "ORACLE_TASKS", tasks)
    monkeypatch.setattr(make_oracle, "settle", lambda: None)


def test_a_task_is_saved_with_every_run(short, tmp_path):
    assert train_and_save(NAME, tmp_path) > 0
    with np.load(file_of(NAME, tmp_path)) as file:
        assert file["constant"].shape == file["one_cycle"].shape == (3, 2, 2, 29)
        assert file["constant"].dtype == np.float32
        assert file["initial"].shape == (3, 2)
        assert file["horizons"].tolist() == [2, 4]


def test_what_was_stopped_goes_on_with_the_next_task(short, tmp_path, monkeypatch, capsys):
    trained = []

    def stopped(name, folder):
        if trained:
            raise KeyboardInterrupt
        trained.append(name)
        return train_and_save(name, folder)

    monkeypatch.setattr(make_oracle, "train_and_save", stopped)
    arguments = ["--jobs", "1", "--folder", str(tmp_path), "--only", f"{NAME};{OTHER}"]
    with pytest.raises(KeyboardInterrupt):
        main(arguments)
    assert len(list(tmp_path.iterdir())) == 1
    (done,) = trained
    time_saved = file_of(done, tmp_path).stat().st_mtime_ns
    monkeypatch.setattr(make_oracle, "train_and_save", train_and_save)
    main(arguments)
    assert "1 done, 1 to train" in capsys.readouterr().out
    assert file_of(done, tmp_path).stat().st_mtime_ns == time_saved
    assert all(is_done(name, tmp_path) for name in (NAME, OTHER))


def test_a_task_that_has_changed_is_not_done(short, tmp_path, monkeypatch):
    train_and_save(NAME, tmp_path)
    assert is_done(NAME, tmp_path)
    changed = {NAME: replace(ORACLE_TASKS[NAME], batch_size=16, horizons=(2, 4))}
    monkeypatch.setattr(make_oracle, "ORACLE_TASKS", changed)
    assert not is_done(NAME, tmp_path)


def test_a_digest_is_the_task_s_own():
    assert digest(ORACLE_TASKS[NAME]) == digest(ORACLE_TASKS[NAME])
    digests = {digest(ORACLE_TASKS[name]) for name in list(ORACLE_TASKS)[:8]}
    assert len(digests) == 8


def test_an_estimate_grows_with_the_horizon(short):
    assert estimate(NAME) > 0


def test_the_estimate_is_printed(short, capsys):
    main(["--estimate", "--only", NAME])
    assert "hours of one core" in capsys.readouterr().out
