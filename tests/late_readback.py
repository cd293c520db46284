"""A readback whose losses arrive late, without a device."""


class LateReadback:
    """Losses that arrive some steps after they were put, as from a busy device."""

    def __init__(self, delays):
        self._values = []
        self._delays, self._due, self._now = iter(delays), [], 0

    def put(self, loss):
        self._values.append(float(loss))
        # Copies finish in the order in which they were queued.
        last = self._due[-1] if self._due else 0
        self._due.append(max(last, self._now + next(self._delays, 0)))

    def arrived(self):
        self._now += 1
        ready = sum(due < self._now for due in self._due)
        values, self._values = self._values[:ready], self._values[ready:]
        self._due = self._due[ready:]
        return values

    def rest(self):
        values, self._values, self._due = self._values, [], []
        return values
