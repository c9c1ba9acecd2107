"""What happens in a run, on its way to the screen: collected at once, drawn a little later."""

from m2agent.events import Asked, Ended, Event, Record
from m2agent.model import Progress, Token
from m2agent_tui.status import StatusLine
from m2agent_tui.transcript import Transcript

_FRAME = 1 / 25
"""Seconds between two drawings, however fast the model writes."""


class Feed:
    """Fills a transcript and a status line. Every record counts once, however often it comes."""

    def __init__(self, transcript: Transcript, status: StatusLine, run_id: str) -> None:
        self.transcript = transcript
        self.meter = status.meter
        self.run_id = run_id
        self.ended: Ended | None = None
        """How the run ended, unless it has gone on since."""
        self.asked = 0
        """How many of the person's words are in the run."""
        self._status = status
        self._pieces: list[Event | Token | Progress] = []
        self._seen = 0

    def take(self, piece: Record | Token | Progress) -> None:
        """Collect what happened; it is drawn with what else happens in this moment."""
        if isinstance(piece, Record):
            if "-" in piece.run or piece.seq <= self._seen:  # a sub-agent's, or known
                return
            self._seen, self.run_id = piece.seq, piece.run
            self.ended = piece.event if isinstance(piece.event, Ended) else None
            self.asked += isinstance(piece.event, Asked)
        if not self._pieces:
            self.transcript.set_timer(_FRAME, self.draw)
        self._pieces.append(piece.event if isinstance(piece, Record) else piece)

    def draw(self) -> None:
        """Show everything that was collected."""
        pieces, self._pieces = self._pieces, []
        happened: list[Event] = []
        for piece in pieces:
            self.meter.take(piece)
            match piece:
                case Token():
                    self.transcript.take(happened)
                    happened = []
                    self.transcript.write(piece)
                case Progress():
                    self.transcript.stop_writing()  # a turn that is read again writes anew
                case _:
                    happened.append(piece)
        self.transcript.take(happened)
        self.transcript.draw()
        self._status.draw()

    def title(self, id: str) -> str:
        """A call in the person's words; it may have happened just now."""
        self.draw()
        return self.transcript.title_of(id)

    def start(self) -> None:
        """The run is worked on from now."""
        self.meter.start()
        self._status.draw()

    def stop(self) -> None:
        """Nobody works on the run any more; a turn that was being written is not finished."""
        self.draw()
        self.transcript.stop_writing()
        self.meter.stop()
        self._status.draw()
