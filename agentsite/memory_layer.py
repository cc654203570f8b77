"""The channel layer of a site that is one process: nobody else hears it, and so nothing need be sent to others."""

from channels.layers import InMemoryChannelLayer


class MemoryLayer(InMemoryChannelLayer):
    """What is sent stays in this process."""

    reaches_others = False
