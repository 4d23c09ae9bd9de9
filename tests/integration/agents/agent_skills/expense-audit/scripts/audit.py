"""Print each expense of a CSV file (`kind,what,amount`) that exceeds the limits in `references/rules.md`."""

import csv
import re
import sys
from pathlib import Path

RULES = Path(__file__).parent.parent / "references" / "rules.md"


def main(path: str) -> None:
    text = RULES.read_text(encoding="utf-8")
    limits = {kind: float(limit) for kind, limit in re.findall(r"^- (\w+): ([\d.]+)$", text, re.MULTILINE)}
    with Path(path).open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            excess = float(row["amount"]) - limits[row["kind"]]
            if excess > 0:
                print(f"{row['what']}: {excess:g} more than {row['kind']} may cost")


main(sys.argv[1])
