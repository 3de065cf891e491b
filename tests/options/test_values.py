"""Texts of options as values: paths arrive as typed, numbers as numbers."""

import pytest

from mimco_mm.errors import ConfigError
from mimco_mm.options.values import check_kind, read_value, split_assignment


@pytest.mark.parametrize('text', ['/data/my photos', '/data/da,ta', '2017', '1e5', 'a=b', '[x', '',
                                  ' leading', 'C:\\photos', 'tar://x', 'True', '(half'])
def test_read_value__where_a_string_is_wanted_it_is_the_text(text):
    assert read_value(text, str) == text


@pytest.mark.parametrize('text, kind, value', [
    ('"[a, b]"', object, '[a, b]'),
    ("'2017'", int, '2017'),
    ('None', str, None),
    ("['a','b']", str, ['a', 'b']),
    ('3', object, 3),
    ('-1e-4', float, -1e-4),
    ('true', bool, True),
    ('False', bool, False),
    ('no', bool, 'no'),
    ('[1,2.5]', list, [1, 2.5]),
    ('(0.9, 0.95)', list, (0.9, 0.95)),
    ('1,2', list, [1, 2]),
    ('[a,b]', list, ['a', 'b']),
    ('a,b', list, ['a', 'b']),
    ('a,b', object, 'a,b'),
    ("dict(type='LN', eps=1e-6)", object, dict(type='LN', eps=1e-6)),
    ("{'a': [1, None]}", dict, {'a': [1, None]}),
    ('__import__("os")', object, '__import__("os")'),
    ('bfloat16', object, 'bfloat16'),
])
def test_read_value__elsewhere_it_is_a_literal(text, kind, value):
    assert read_value(text, kind) == value


@pytest.mark.parametrize('text', ['a', 'a =4', '=4', ' a=4'])
def test_split_assignment__other_forms_are_refused(text):
    with pytest.raises(ConfigError, match='expects KEY=VALUE, without blanks'):
        split_assignment(text)


@pytest.mark.parametrize('value, kind, wanted', [
    ('no', bool, 'True or False'), (1, bool, 'True or False'), (2.5, int, 'a whole number'),
    (True, int, 'a whole number'), ('x', float, 'a number'), (True, float, 'a number')])
def test_check_kind__refuses(value, kind, wanted):
    with pytest.raises(ConfigError, match=f'`a.b` expects {wanted}, got {value!r}'):
        check_kind('a.b', value, kind)


def test_check_kind__none_only_where_it_will_do():
    check_kind('a', None, int)
    with pytest.raises(ConfigError, match='expects a whole number, got None'):
        check_kind('a', None, int, optional=False)
    with pytest.raises(ConfigError, match='expects a text, got None'):
        check_kind('a', None, str, optional=False)
