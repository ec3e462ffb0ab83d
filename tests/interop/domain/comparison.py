"""Compares verdicts line by line, and lets no difference pass that no named rule explains."""

import os
import subprocess
import sys
from collections import Counter

SHOWN = 20


def verdicts(mode, lines):
    """What this project says about each line."""
    text = "".join(line + "\n" for line in lines)
    done = subprocess.run(
        [os.environ["VERDICTS"], mode], input=text.encode(), stdout=subprocess.PIPE, check=True
    )
    answers = done.stdout.decode().split("\n")[:-1]
    if len(answers) != len(lines):
        sys.exit(f"{mode}: {len(lines)} lines in, {len(answers)} verdicts out")
    return answers


def compare(title, candidates, ours, theirs, rules):
    """Prints the table of one comparison; true when every difference is explained.

    `rules` maps a name to (what the rule says, a test of candidate, our verdict, their verdict).
    A rule that explains nothing is reported too: the candidates then don't cover it.
    """
    agreed = Counter()
    by_rule = Counter()
    unexplained = []
    for candidate, our, their in zip(candidates, ours, theirs, strict=True):
        if our == their or (our.startswith("invalid") and their == "invalid"):
            agreed["valid" if not our.startswith("invalid") else "invalid"] += 1
            continue
        for name, (_, explains) in rules.items():
            if explains(candidate, our, their):
                by_rule[name] += 1
                break
        else:
            unexplained.append((candidate, our, their))
    print(f"\n{title}")
    print(f"  {len(candidates):>9} candidates")
    print(f"  {agreed.total():>9} agreements ({agreed['valid']} valid, {agreed['invalid']} invalid)")
    for name, (why, _) in rules.items():
        print(f"  {by_rule[name]:>9} by rule '{name}': {why}")
    print(f"  {len(unexplained):>9} unexplained", flush=True)
    for candidate, our, their in unexplained[:SHOWN]:
        print(f"    {candidate!r}: {our!r} here, {their!r} there")
    unused = [name for name in rules if not by_rule[name]]
    if unused:
        print(f"  rules that no candidate met: {', '.join(unused)}")
    if not agreed["valid"]:
        print("  nothing was valid: the comparison shows nothing")
    return not unexplained and not unused and agreed["valid"] > 0
