"""Names, counts and sizes as a reader can see them; a file's name may have any byte but / and 0."""

from pathlib import Path

# Tools that messages say to run, and what they are as commands of ``mimco``
COMMANDS = dict(pack='tools/convert/pack_images.py', index='tools/convert/index_shards.py')
UNITS = dict(TB=1e12, GB=1e9, MB=1e6, kB=1e3)


def printable(text: object) -> str:
    r"""``str(text)`` on one line, and fit for any log, file or terminal of UTF-8.

    What cannot be shown is written as Python writes it: a line break as ``\n``, the byte FF of a
    name that is no UTF-8, which Python keeps as a surrogate, as ``\xff``.
    """
    shown = (each if each.isprintable() else _escaped(each) for each in str(text))
    return ''.join(shown)


def _escaped(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # os.fsdecode's, of a byte that is no UTF-8
        return f'\\x{code - 0xDC00:02x}'
    return character.encode('unicode_escape').decode()


def counted(number: int, noun: str) -> str:
    """'1 image', '2 images': a number with what it counts."""
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


def sized(size: float) -> str:
    """'1.3 kB', '147 GB': bytes in the largest unit of which there is one."""
    unit = next((unit for unit in UNITS if size >= UNITS[unit]), 'kB')
    return f'{size / UNITS[unit]:.3g} {unit}'


def command(name: str) -> str:
    """A tool as the user types it: in a checkout its file, elsewhere ``mimco NAME``."""
    tool = COMMANDS[name]
    in_checkout = (Path(__file__).resolve().parents[1] / tool).is_file()
    return f'python {tool}' if in_checkout else f'mimco {name}'
