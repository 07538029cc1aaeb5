"""Rollkeeper keeps an association's e-mail audiences true to its membership records."""

import os

# Arrow's own allocator keeps what it once had; the system's gives it back, and a sync needs a quarter less memory.
# It is chosen when Arrow is first imported, so here. Who has set another one meant it.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
