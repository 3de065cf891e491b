"""Reading what may be damaged, and the whole state of a run, for which no stand-in will do."""

import argparse

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from mimco_mm.checkpoints import CheckpointError, read_checkpoint

from ..harm import Harm
from .test_reading import Settings, checkpoint


def flipped(path, needle: bytes, offset: int = 0) -> str:
    """The file with one bit flipped in the first occurrence of ``needle``."""
    content = bytearray(path.read_bytes())
    content[content.index(needle) + offset] ^= 1
    path.write_bytes(content)
    return str(path)


def test_read_checkpoint__a_flipped_bit_is_noticed_and_its_tensors_named(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    whole = torch.arange(1000.)
    content = dict(state_dict={'a.weight': torch.ones(20), 'b.weight': whole[:500],
                               'b.tied': whole[500:]}, optimizer=[dict(exp_avg=torch.zeros(9))])
    torch.save(content, path)
    assert read_checkpoint(str(path)).keys() == content.keys()
    flipped(path, torch.tensor([600., 601.]).numpy().tobytes())
    with pytest.raises(CheckpointError, match=(
            rf'{path} is damaged: state_dict\.b\.weight, state_dict\.b\.tied in it has other bytes '
            r'than were written \(CRC-32\)\. Copy or download it again')):
        read_checkpoint(str(path))
    torch.load(path, weights_only=True)  # torch notices nothing


def test_read_checkpoint__a_flipped_bit_in_the_pickle_is_noticed(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save(dict(checkpoint(), meta=dict(epoch=77)), path)
    with pytest.raises(CheckpointError, match='is damaged: its part epoch_1/data.pkl has other'):
        read_checkpoint(flipped(path, b'epochq', 5))


@pytest.mark.skipif(not hasattr(torch.serialization, 'set_crc32_options'),
                    reason='this torch always writes checksums')
def test_read_checkpoint__a_file_without_checksums_is_read(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(checkpoint(), tmp_path / 'a.pth')
    finally:
        torch.serialization.set_crc32_options(True)
    assert torch.equal(read_checkpoint(str(tmp_path / 'a.pth'))['state_dict']['layer.weight'],
                       checkpoint()['state_dict']['layer.weight'])


def run_state() -> dict:
    history = HistoryBuffer([1.5, 2.5], [1, 2], 100)
    return dict(checkpoint(), meta=dict(epoch=1), message_hub=dict(
        log_scalars={'train/loss': history},
        runtime_info=dict(best=np.float64(2.), count=np.int64(3), seen=np.bool_(True),
                          classes=np.array(['a', 'bc']), grid=np.arange(4).reshape(2, 2))))


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('map_location', [None, 'cpu'])
def test_read_checkpoint__without_stand_ins_a_runs_state_is_itself(tmp_path, zipped, map_location):
    path, state = tmp_path / 'epoch_1.pth', run_state()
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    read = read_checkpoint(str(path), stand_ins=False, map_location=map_location)
    history = read['message_hub']['log_scalars']['train/loss']
    assert type(history) is HistoryBuffer and history.max_length == 100
    for got, wanted in zip(history.data, ([1.5, 2.5], [1, 2])):
        assert got.tolist() == wanted
    assert history.mean() == state['message_hub']['log_scalars']['train/loss'].mean()
    history.update(1.0)
    for name, wanted in state['message_hub']['runtime_info'].items():
        got = read['message_hub']['runtime_info'][name]
        assert type(got) is type(wanted) and got.dtype == wanted.dtype
        assert np.array_equal(got, wanted)
    torch.save(read, tmp_path / 'epoch_2.pth')  # as the resumed run does
    again = torch.load(tmp_path / 'epoch_2.pth', weights_only=False)
    assert type(again['message_hub']['log_scalars']['train/loss']) is HistoryBuffer


@pytest.mark.parametrize('place', ['meta', 'optimizer', 'message_hub'])
@pytest.mark.parametrize('foreign, told', [
    (argparse.Namespace(lr=1.), 'holds a argparse.Namespace, which no state of a'),
    (Settings(lr=1.), r'holds a [\w.]+\.Settings, which no state of a'),
    (Harm(open, 'mark', 'w'), r'cannot be read safely: to unpickle it is to call _?io\.open')])
def test_read_checkpoint__without_stand_ins_other_classes_are_refused(
        tmp_path, monkeypatch, place, foreign, told):
    monkeypatch.chdir(tmp_path)
    torch.save({**run_state(), place: dict(foreign=foreign)}, tmp_path / 'epoch_1.pth')
    with pytest.raises(CheckpointError, match=f'epoch_1.pth {told}'):
        read_checkpoint(str(tmp_path / 'epoch_1.pth'), stand_ins=False)
    assert not (tmp_path / 'mark').exists()


def test_read_checkpoint__a_history_brings_no_functions(tmp_path, monkeypatch):
    """mmengine's own takes those that a file names into the class, for the whole process."""
    methods = dict(HistoryBuffer._statistics_methods)
    with monkeypatch.context() as saving:
        saving.setattr(HistoryBuffer, '_statistics_methods', dict(methods, mean='harm', other=1))
        torch.save(dict(history=HistoryBuffer([1.], [1])), tmp_path / 'a.pth')
    read = read_checkpoint(str(tmp_path / 'a.pth'), stand_ins=False)['history']
    assert read._statistics_methods is HistoryBuffer._statistics_methods
    assert HistoryBuffer._statistics_methods == methods and read.statistics('mean') == 1
    torch.load(tmp_path / 'a.pth', weights_only=False)  # or else nothing is tested
    assert HistoryBuffer._statistics_methods.pop('other') == 1
    HistoryBuffer._statistics_methods.update(methods)
