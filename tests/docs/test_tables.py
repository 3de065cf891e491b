"""docs/tables.md has every row of the paper, its figure and its config, as the other places do."""

import re

from mimco_mm.tables import TABLE_6_PAIRS

from .support import ARCHITECTURES, ROOT, index, index_rows, is_ours, keys_of, paper_rows

TEXT = (ROOT / 'docs' / 'tables.md').read_text()
SECTIONS = {title: text for title, _, text in (
    part.partition('\n') for part in TEXT.split('\n## ')[1:])}


def cells(section: str) -> list:
    """The rows of a section's table, without its head."""
    return [[cell.strip() for cell in line.strip('|').split('|')]
            for line in SECTIONS[section].splitlines() if line.startswith('| ')][1:]


def rows() -> list:
    """(table's number, cells) of all tables of the paper."""
    return [(int(title.split()[1].rstrip(':')), row) for title in SECTIONS
            if title.startswith('Table ') for row in cells(title)]


def test_tables__have_the_papers_rows_in_its_order():
    assert [(table, row[0]) for table, row in rows()] == [
        (key.table, key.label) for key in paper_rows()]


def test_tables__have_the_papers_figures():
    for (key, expected), (_, row) in zip(paper_rows().items(), rows()):
        figures = re.fullmatch(r'([\d. /]+) \(paper\)', row[-2])
        assert figures, f'{key}: {row[-2]}'
        assert [float(value) for value in figures[1].split(' / ')] == list(
            expected.values.values()), key
        if len(row) == 5:
            assert row[2] == str(expected.effective_epochs or ''), key


def test_tables__have_the_configs_of_the_index():
    configs = {key: model['Config'].removeprefix('configs/pretrain/')
               for model in index()['Models'] for result in model['Results']
               for key in keys_of(model, result)}
    for (key, expected), (_, row) in zip(paper_rows().items(), rows()):
        if is_ours(expected):
            assert row[1] == f'`{configs[key]}`', key
        else:
            assert key not in configs and '.py' not in row[1] and row[1], key


def test_tables__measured_says_so_where_the_index_does():
    measured = index_rows('reproduced')
    for (key, expected), (_, row) in zip(paper_rows().items(), rows()):
        if not is_ours(expected):
            assert row[-1] == '', key
        elif key in measured:
            figures, rest = re.fullmatch(r'([\d. /]+) (\(seed \d+, .+\))', row[-1]).groups()
            assert [float(value) for value in figures.split(' / ')] == list(
                measured[key].values()), key
        else:
            assert row[-1] == 'not yet', key


def test_configs__have_a_row_or_a_reason():
    folder = ROOT / 'configs' / 'pretrain'
    there = {path.relative_to(folder).as_posix() for path in folder.rglob('*.py')}
    with_row = {model['Config'].removeprefix('configs/pretrain/') for model in index()['Models']}
    named = re.findall(r'`([^`]+)`', ' '.join(
        row[0] for row in cells('Configs without a row')))
    without_row = {path for path in there for name in named
                   if path == name or (name.endswith('/') and path.startswith(name))}
    assert with_row <= there and {name for name in named if name.endswith('.py')} <= there
    assert not with_row & without_row
    assert with_row | without_row == there


def test_configs__comments_have_the_papers_figure():
    figures = {}
    for model in index()['Models']:
        for result in model['Results']:
            figures.setdefault(model['Config'], set()).update(result['Metrics'].values())
    stated = [(config, float(value)) for config in figures for value in re.findall(
        r'^# .*: ([\d.]+) % (?:on ImageNet|\(paper)', (ROOT / config).read_text(), re.MULTILINE)]
    assert len(stated) == 18
    assert [(config, value) for config, value in stated if value not in figures[config]] == []


def test_table_6__of_the_sweep_is_the_papers():
    ours = {f'{ARCHITECTURES[network]}, MimCo, drop path {drop_path}, layer decay {decay}': value
            for network, pairs in TABLE_6_PAIRS.items()
            for (drop_path, decay), value in pairs.items()}
    assert ours == {key.label.rsplit(', ', 1)[0]: row.values['top1']
                    for key, row in paper_rows().items() if key.table == 6}
