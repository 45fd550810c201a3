"""Who serves which customer, and the work with them: the second half of the books, decided without input or output.

`records.py` says what there is, `state.py` holds it and folds events, `drafts.py` is where commands are decided. Each
concern is a module with the same three parts: what it *admits* (a command, or in a replay an input of history), how an
event *evolves* the state, and how the ledger *reacts* to an input with decisions of its own:

- `staff.py`: staff, teams, leave;
- `profile.py`: what is known of a customer, people there, soft knowledge; `projects.py`: projects and their key nodes;
  `merging.py`: customers that are one, and two after all; `dossier.py` reads them as one;
- `names.py`, `matching.py`: which customers a lead may be;
- `arrivals.py`: leads that arrive; `collisions.py`: where two want one customer;
- `ownership.py`: claims, releases, reassignments; `care.py`: collaborators, nurture; `handover.py`: all that somebody
  has; `holdings.py` folds what `assigning.py` decides about owners;
- `work.py`: follow-ups, opportunities; `tasks.py`: tasks;
- `days.py`: what the end of a day makes due;
- `ledger/domain/settlement/` beside it: payments set off against redemptions, on the same state and drafts.

The live ledger and a replay under other rules run the same three parts; only the rules (`policy.py`) differ.
"""

from ledger.domain.relations import (
    arrivals,
    care,
    collisions,
    days,
    handover,
    holdings,
    merging,
    ownership,
    profile,
    projects,
    staff,
    tasks,
    work,
)
from ledger.domain.settlement import deciding, folding

__all__ = [
    "arrivals",
    "care",
    "collisions",
    "days",
    "deciding",
    "folding",
    "handover",
    "holdings",
    "merging",
    "ownership",
    "profile",
    "projects",
    "staff",
    "tasks",
    "work",
]
