def goal(what, met):
    print(f"{'met:   ' if met else 'MISSED:'} {what}")


def spread(values):
    """The median, and what a tenth is below and above."""
    ordered = sorted(values)
    last = len(ordered) - 1
    return [ordered[round(last * part)] for part in (0.5, 0.1, 0.9)]
