"""What a sweep says of itself while it runs."""

from __future__ import annotations

from typing import Any

from lrfind.result.settings import StopReason, SweepSettings
from lrfind.sweep.recorder import Recorder


class RunningSweep:
    """Where a sweep is, judging by the steps recorded so far."""

    name = "range test"
    """Label of the progress bar."""
    settings: SweepSettings
    _recorder: Recorder

    @property
    def num_iter(self) -> int:
        """The number of steps planned."""
        return self.settings.num_iter

    @property
    def probe_is_due(self) -> bool:
        """Whether a probe loss belongs to the next step, by `probe_every`."""
        return self._recorder.probe_is_due

    @property
    def steps(self) -> int:
        """The number of steps recorded so far."""
        return self._recorder.steps

    @property
    def stop_reason(self) -> StopReason:
        """Why the sweep ended, judging by the losses read back so far."""
        return self._recorder.stop_reason

    @property
    def lr(self) -> float:
        """The learning rate of the next step, or of the last one when the sweep is over."""
        return self._recorder.lr

    def state(self) -> dict[str, Any]:
        """What was recorded so far, as plain data, for `resume` in another process."""
        return self._recorder.state()
