"""`make bench`: fill both databases with 10,000 and 100,000 persons, measure, write the tables into docs/performance.md.

python -m bench [--sizes 10000,100000] [--databases sqlite,postgresql] [--only WORD,WORD] [--rounds 15] [--work WORD | --no-work]
    [--no-write]
"""

import argparse
import datetime
import itertools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- bench -->", "<!-- /bench -->"
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
EVERYDAY = {"Lists", "Cards", "Criteria", "Boards", "Dashboards", "Search", "API", "Changes"}
TURN = 5  # rounds a size has before it is the other's turn


class Worker:
    """One database of one size: its own process, and for PostgreSQL its own server, which end with it."""

    def __init__(self, database, size):
        self.size, self.folder = size, tempfile.mkdtemp(prefix="lotse-bench-")
        environment = {**os.environ, "LOTSE_PROFILE": "test", "LOTSE_VAR": self.folder}
        environment.pop("DATABASE_URL", None)
        command = [sys.executable, "-m", "bench.cases", str(size)]
        if database == "postgresql":
            command = [sys.executable, "scripts/pgtmp.py", *command]
        self.process = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.offered = self._read()

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return self._read()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The measuring process of {self.size:,} persons has ended.")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--sizes", default="10000,100000")
    options.add_argument("--databases", default="sqlite,postgresql")
    options.add_argument("--only", default="", help="cases whose section or name has one of these words")
    options.add_argument("--rounds", type=int, default=15)
    options.add_argument("--work", default="", help="long work whose name has this word, and no cases unless --only names some")
    options.add_argument("--no-work", action="store_true", help="leave out import, export and changes of all")
    options.add_argument("--no-write", action="store_true", help="do not write docs/performance.md")
    given = options.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    parts = [f"Measured on {datetime.date.today():%Y-%m-%d}, {os.cpu_count()} cores, {given.rounds} rounds."]  # noqa: DTZ011
    for database in given.databases.split(","):
        parts += measure(database, sizes, given)
    if not given.no_write:
        text = DOCUMENT.read_text()
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        DOCUMENT.write_text(f"{before}{BEGIN}\n" + "\n".join(parts) + f"\n{END}{after}")


def measure(database, sizes, given):
    """Return the tables of one database, as they are printed."""
    parts, workers, words = [f"\n### {TITLES[database]}"], [], given.only.split(",")
    print(parts[0], flush=True)
    try:
        workers += [Worker(database, size) for size in sizes]
        for section, listed in itertools.groupby(enumerate(workers[0].offered["cases"]), key=lambda one: one[1][0]):
            # What there is one of for each field has less to say than the pages everybody opens.
            rounds = given.rounds if section in EVERYDAY else max(3, given.rounds // 3)
            wanted = {name: number for number, (_section, name) in listed if any(word in f"{section} {name}" for word in words)}
            if given.work and not given.only:
                break
            if wanted:
                cases = {name: one_case(workers, number, rounds) for name, number in wanted.items()}
                parts.append(table(section, cases, sizes))
                print(parts[-1], flush=True)
        if given.work or not (given.no_work or given.only):
            done = {}
            for name in workers[-1].offered["work"]:
                if given.work in name:
                    done |= workers[-1].ask(work=name)
            parts.append(work_table(done, sizes[-1]))
            print(parts[-1], flush=True)
    finally:
        for worker in workers:
            worker.close()
    return parts


def one_case(workers, number, rounds):
    """Measure a case in all sizes by turns, so that a busy machine slows them alike; return one result a size."""
    keys = ("whole", "busy", "bare", "rendering")
    results = [{key: [] for key in keys} for _worker in workers]
    for worker in workers:
        worker.ask(case=number, rounds=1)  # what is read or compiled the first time
    for start in range(0, rounds, TURN):
        for worker, result in zip(workers, results, strict=True):
            found = worker.ask(case=number, rounds=min(TURN, rounds - start))
            for key in keys:
                result[key] += found.pop(key)
            result.update(found)
    return results


def table(section, cases, sizes):
    """Return the results of one section as a Markdown table; what stands there once is of the largest size."""
    head = [section, "statements", *(f"{size:,}" for size in sizes), "growth", "bare SQL", "rendering", "ratio", "median", "p95", "kB",
            "packed"]  # fmt: skip
    lines = ["", "| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for name, results in cases.items():
        medians = [statistics.median(result["busy"]) for result in results]
        last = results[-1]
        clock = sorted(last["whole"])
        bare = statistics.median(last["bare"]) if last["bare"] else 0
        rendering = statistics.median(last["rendering"])
        cells = [
            str(last["queries"]), *(f"{median:.1f}" for median in medians), f"{medians[-1] / medians[0]:.2f}",
            f"{bare:.1f}" if bare else "–", f"{rendering:.1f}", f"{(medians[-1] - rendering) / bare:.1f}" if bare else "–",
            f"{statistics.median(clock):.0f}", f"{clock[round(0.95 * (len(clock) - 1))]:.0f}", f"{last['size'] / 1000:.0f}",
            f"{last['packed'] / 1000:.0f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join([name, *cells]) + " |")
    return "\n".join(lines)


def work_table(done, size):
    """Return what long work costs, beside so many persons, as a Markdown table."""
    head = [f"Beside {size:,} persons", "rows", "seconds", "rows a second", "busy", "rows a busy second", "memory, MB"]
    lines = ["", "| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    for name, one in done.items():
        speeds = [f"{one[key]:.1f} | {one['rows'] / one[key]:,.0f}" for key in ("seconds", "busy")]
        lines.append("| " + " | ".join([name, f"{one['rows']:,}", *speeds, f"{one['memory']:.0f}"]) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
