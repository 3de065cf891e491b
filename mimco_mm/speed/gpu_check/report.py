"""The check's findings in words."""

from typing import Any, Dict

from .rows import OUTCOMES


def markdown(found: Dict[str, Any]) -> str:
    """A table of all rows, under a line of the machine that they are of."""
    machine = found['machine']
    device = machine['gpus'][0] if machine['device'] == 'cuda' else 'cpu: a rehearsal, small sizes'
    lines = [f'{device}; torch {machine["torch"]}; {machine["batch_size"]} images; '
             f'{machine["day"]}', '', '| part | what | outcome | finding |', '|---|---|---|---|']
    for part in found['parts']:
        for row in part['rows']:
            cells = (f'{part["number"]}. {part["title"]}', row['what'], row['outcome'], row['told'])
            lines.append(f'| {" | ".join(cell.replace("|", "/") for cell in cells)} |')
    counts = {outcome: sum(row['outcome'] == outcome for part in found['parts']
                           for row in part['rows']) for outcome in OUTCOMES}
    spent = sum(part['seconds'] for part in found['parts'])
    lines += ['', ', '.join(f'{count} {outcome}' for outcome, count in counts.items())
              + f'; {spent:.0f} s']
    return '\n'.join(lines)


def worst(found: Dict[str, Any]) -> str:
    """The gravest outcome."""
    return max((row['outcome'] for part in found['parts'] for row in part['rows']),
               key=OUTCOMES.index)
