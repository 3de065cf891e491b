"""The tools of this folder are in tools/figures/ now; their old names work for one version."""

import runpy
import sys
from pathlib import Path


def forward() -> None:
    """Run the tool of the same name, and say where it is."""
    old = Path(sys.argv[0])
    new = Path(__file__).parents[1] / 'figures' / old.name
    print(f'{old} has moved: python {new}', file=sys.stderr)
    sys.argv[0] = str(new)
    runpy.run_path(str(new), run_name='__main__')
