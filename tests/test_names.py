import os

import pytest

from mimco_mm.names import printable


@pytest.mark.parametrize('name, shown', [
    ('images/cat 01.png', 'images/cat 01.png'),
    ('Größe/猫 🐈.png', 'Größe/猫 🐈.png'),
    (os.fsdecode(b'caf\xe9/\xff.png'), r'caf\xe9/\xff.png'),
    ('two\nlines\r\t\x1b[31m.png', r'two\nlines\r\t\x1b[31m.png'),
    ('high \U000e0001 \ud800', r'high \U000e0001 \ud800'),
    (ValueError('a\nb'), r'a\nb'),
])
def test_printable__is_one_line_of_utf_8(name, shown):
    assert printable(name) == shown
    assert printable(name).encode('utf-8') and len(printable(name).splitlines()) == 1
