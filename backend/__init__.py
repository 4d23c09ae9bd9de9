"""The domain and the REST API of Puras Studio.

An installed release imports `puras` from its own copy of the kit, since another project with a package `puras` may have
overwritten the installed one (docs/decisions/0018). Every process imports this package before the kit.
"""

import sys
from pathlib import Path

_KIT = Path(__file__).resolve().parent / "release_files" / "kit"
if _KIT.is_dir() and str(_KIT) not in sys.path:
    sys.path.insert(0, str(_KIT))
