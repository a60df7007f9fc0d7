"""`make bench`: fill both databases with 10,000 and 100,000 persons, measure, write the tables into docs/performance.md.

python -m bench [--sizes 10000,100000] [--databases sqlite,postgresql] [--no-write]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", default="10000,100000")
    options.add_argument("--databases", default="sqlite,postgresql")
    options.add_argument("--no-write", action="store_true")
    given = options.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    parts = []
    for database in given.databases.split(","):
        measured = {size: run(database, size) for size in sizes}
        parts.append(table(database, measured))
        print(parts[-1], flush=True)
    if not given.no_write:
        text = DOCUMENT.read_text()
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        DOCUMENT.write_text(f"{before}{BEGIN}\n" + "\n".join(parts) + f"\n{END}{after}")


def run(database, size):
    """Measure in a process and a database of its own; return {case: its numbers}."""
    folder = tempfile.mkdtemp(prefix="lotse-bench-")
    environment = {**os.environ, "LOTSE_PROFILE": "test", "LOTSE_VAR": folder}
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "bench.cases", str(size)]
    if database == "postgresql":
        command = [sys.executable, "scripts/pgtmp.py", *command]
    try:
        done = subprocess.run(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def table(database, measured):
    """Return the results of one database as a Markdown table."""
    sizes = list(measured)
    head = ["what", *(f"{size:,}: statements, median / p95 ms, bare SQL ms, ratio, kB" for size in sizes), "growth"]
    lines = [f"\n**{ {'sqlite': 'SQLite', 'postgresql': 'PostgreSQL'}[database] }**\n", "| " + " | ".join(head) + " |"]
    lines.append("|" + "---|" * len(head))
    for case in measured[sizes[0]]:
        cells = []
        for size in sizes:
            result = measured[size][case]
            if "rows_per_second" in result:
                cells.append(f"{result['rows_per_second']:,.0f} rows/s, {result['memory']:.0f} MB")
                continue
            bare = f"{result['sql']:.1f}, {result['ratio']:.1f}×" if result["sql"] else "–"
            cells.append(
                f"{result['queries']}, {result['median']:.1f} / {result['p95']:.1f}, {bare}, {result['size'] / 1000:.0f}"
            )
        first, last = measured[sizes[0]][case], measured[sizes[-1]][case]
        growth = f"{last['median'] / first['median']:.2f}×" if "median" in first and len(sizes) > 1 else ""
        lines.append("| " + " | ".join([case, *cells, growth]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
