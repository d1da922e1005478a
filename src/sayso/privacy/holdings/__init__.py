"""What the rooms below this one hold about a person; the rooms above declare theirs themselves.

They are declared here because what erases them is here too: the functions in ``privacy/sql``, the only ones that may.
"""

from . import agreed, dealings, people

ALL = (*people.ALL, *agreed.ALL, *dealings.ALL)
