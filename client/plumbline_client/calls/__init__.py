"""Everything that can be asked, each as a call. Nothing here talks to anybody."""

from plumbline_client.calls.admin import Admin
from plumbline_client.calls.base import rehearsed
from plumbline_client.calls.customers import CustomerCalls
from plumbline_client.calls.facts import FactCalls, fact
from plumbline_client.calls.finance import FinanceCalls
from plumbline_client.calls.jobs import JobCalls, JobKind
from plumbline_client.calls.log import LogCalls
from plumbline_client.calls.points import PointCalls
from plumbline_client.calls.redemptions import RedemptionCalls
from plumbline_client.calls.relating import AssignmentWrites, FirmWrites, ProfileWrites, WorkWrites
from plumbline_client.calls.relations import RelationsReads
from plumbline_client.calls.reports import ReportCalls
from plumbline_client.calls.rules import RuleCalls
from plumbline_client.calls.senders import SenderCalls

__all__ = ["Admin", "JobKind", "Ledger", "fact", "rehearsed"]


class Ledger(
    FactCalls, CustomerCalls, PointCalls, RedemptionCalls, FinanceCalls, ReportCalls, LogCalls, RuleCalls, JobCalls,
    RelationsReads, FirmWrites, ProfileWrites, AssignmentWrites, WorkWrites, SenderCalls,
):  # fmt: skip
    """One ledger. Every method gives a call for a client to send; writes get a key of their own unless one is given."""
