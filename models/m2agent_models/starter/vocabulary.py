"""M2's markers in SmolLM2's vocabulary: its reserved tokens get their names.

The ones that M2 writes as plain text (`<invoke name="`) are tokens here as well: a call costs a
third less. What another person's text says never becomes one, as with M2's own.
"""

from m2agent_models.m2.markers import CALLS, END, END_CALLS, END_THINK, ROLE, START, THINK

CONTROL, USER_DEFINED = 3, 4

MARKERS: dict[int, tuple[str, int]] = {
    1: (ROLE, CONTROL),
    2: (END, CONTROL),
    3: (START, CONTROL),
    4: (THINK, USER_DEFINED),
    5: (END_THINK, USER_DEFINED),
    6: (CALLS, USER_DEFINED),
    7: (END_CALLS, USER_DEFINED),
    8: ('<invoke name="', USER_DEFINED),
    9: ("</invoke>", USER_DEFINED),
    10: ('<parameter name="', USER_DEFINED),
    11: ("</parameter>", USER_DEFINED),
    12: ("<response>", USER_DEFINED),
    13: ("</response>", USER_DEFINED),
}
"""The new text and type of each token, by its id."""

ROWS = 14
"""How many of the first rows of the embedding are trained."""

END_ID = 2
START_ID = 3
