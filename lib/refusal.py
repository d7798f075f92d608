"""A reader's mistake, answered in one sentence."""


class Refusal:
    """Base of errors whose message says what is wrong and what to do: a notebook shows the message and no traceback."""

    def _render_traceback_(self):
        """What IPython shows in place of a traceback."""
        return [f"{type(self).__name__}: {self}"]
