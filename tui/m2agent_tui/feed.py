"""What happens in a run, on its way to the screen: collected at once, drawn a little later."""

from m2agent.events import Asked, Called, Ended, Event, Record
from m2agent.model import Progress, Token
from m2agent_tui.describe import title
from m2agent_tui.side import Side
from m2agent_tui.status import StatusLine
from m2agent_tui.transcript import Transcript

_FRAME = 1 / 25
"""Seconds between two drawings, however fast the model writes."""


class Feed:
    """Fills a transcript and a status line. Every record counts once, however often it comes."""

    def __init__(self, transcript: Transcript, status: StatusLine, side: Side, run_id: str) -> None:
        self.transcript = transcript
        self.meter = status.meter
        self.run_id = run_id
        self.ended: Ended | None = None
        """How the run ended, unless it has gone on since."""
        self.asked = 0
        """How many of the person's words are in the run."""
        self.queued: list[str] = []
        """What the person said that no turn has begun with yet."""
        self._status = status
        self._side = side
        self._pieces: list[Record | Token | Progress] = []
        self._seen: dict[str, int] = {}

    def take(self, piece: Record | Token | Progress) -> None:
        """Collect what happened; it is drawn with what else happens in this moment."""
        if isinstance(piece, Record):
            if piece.seq <= self._seen.get(piece.run, 0):
                return
            self.run_id = self.run_id or piece.run
            self._seen[piece.run] = piece.seq
            if piece.run == self.run_id:
                self.ended = piece.event if isinstance(piece.event, Ended) else None
                self.asked += isinstance(piece.event, Asked)
        if not self._pieces:
            self.transcript.set_timer(_FRAME, self.draw)
        self._pieces.append(piece)

    def draw(self) -> None:
        """Show everything that was collected."""
        pieces, self._pieces = self._pieces, []
        happened: list[Event] = []
        for piece in pieces:
            match piece:
                case Token():
                    self.meter.take(piece)
                    self.transcript.take(happened)
                    happened = []
                    self.transcript.write(piece)
                case Progress():
                    self.meter.take(piece)
                    self.transcript.take(happened)
                    happened = []
                    self.transcript.stop_writing()  # a turn that is read again writes anew
                case Record(run=run, event=event) if run == self.run_id:
                    self.meter.take(event)
                    happened.append(event)
                case Record(run=run, event=event):
                    self.transcript.take(happened)
                    happened = []
                    self.transcript.take_of_helper(run, event)
        self.transcript.take(happened)
        self.transcript.draw()
        self.draw_status()

    def draw_status(self) -> None:
        """Draw what is beside the transcript."""
        self._status.draw()
        self._side.draw(self.transcript.story, self.meter, self.queued)

    def title(self, called: Called) -> str:
        """A call in the person's words; it may have happened just now."""
        self.draw()
        return title(called.tool, called.arguments, self.transcript.story.names)

    def start(self) -> None:
        """The run is worked on from now."""
        self.meter.start()
        self.draw_status()

    def stop(self) -> None:
        """Nobody works on the run any more; a turn that was being written is not finished."""
        self.draw()
        self.transcript.stop_writing()
        self.meter.stop()
        self.draw_status()
