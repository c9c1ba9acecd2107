"""The loop: think, act, look at what came back, think again, until it is done and shown to be."""

from m2agent.loop.ask import Answer, Ask, Did, Edit, No, Yes
from m2agent.loop.limits import Limits
from m2agent.loop.run import begin, carry_on
from m2agent.loop.steering import Steering

__all__ = ["Answer", "Ask", "Did", "Edit", "Limits", "No", "Steering", "Yes", "begin", "carry_on"]
