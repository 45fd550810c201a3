"""What keeps the relay or the setup of streams from their work, as sentences that a person can act on."""

from __future__ import annotations

from ledger.domain.errors import PlumblineError


class NatsUnreachable(PlumblineError):
    """No server answers, or none that keeps streams. Passes by itself once it does."""

    code = "NATS_UNREACHABLE"


class StreamMissing(PlumblineError):
    """The ledger's stream isn't there. Nobody but `streams setup` makes one."""

    code = "STREAM_MISSING"


class StreamSettingsFixed(PlumblineError):
    """A stream has settings that it can't be rid of: it would have to be made anew."""

    code = "STREAM_SETTINGS_FIXED"


class StreamRefused(PlumblineError):
    """The server makes no such stream: too few servers for its replicas, another stream with its subjects, no room."""

    code = "STREAM_REFUSED"


class StreamDiffers(PlumblineError):
    """Stream and log disagree. Going on would publish events under positions that others know otherwise."""

    code = "STREAM_DIFFERS"


class MessageTooLarge(PlumblineError):
    """An event is larger than the server lets a message be."""

    code = "MESSAGE_TOO_LARGE"


class EventUnknown(PlumblineError):
    """The log holds an event that this version has no name for."""

    code = "EVENT_UNKNOWN"
