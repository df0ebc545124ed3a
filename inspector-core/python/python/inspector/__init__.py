"""Did server-to-server OAuth work, and was Basic authentication never sent?

Reads recorded HTTP traffic (captures of packets with their key logs, HAR files and their kin), finds every token, and
judges with evidence::

    import inspector

    report = inspector.check("capture.pcapng", keys=["capture.keys"])
    print(report.outcome, "-", report.reason)

Nothing is uploaded, no clock is read, and no file but those that are named. Passwords, signatures of tokens and cookies
are masked in everything that comes back.
"""

from ._beside import keys_beside
from ._native import Exchanges, Report, Table, Tokens, __version__, check, check_many, exchanges, merge, tokens

__all__ = [
    "Exchanges",
    "Report",
    "Table",
    "Tokens",
    "__version__",
    "check",
    "check_many",
    "exchanges",
    "keys_beside",
    "merge",
    "tokens",
]
