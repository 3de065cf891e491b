import logging

from mmpretrain.registry import RUNNERS

from tests import tiny


def test_epoch_end__names_counts_and_lists_what_was_replaced(tmp_path, caplog):
    data = tiny.write_images(tmp_path / 'images', 12)
    cut = data / 'train' / '05.png'
    cut.write_bytes(cut.read_bytes()[:60])
    (data / 'train' / '08.png').write_bytes(b'')
    cfg = tiny.config('mimco_swin-t', tmp_path / 'run', data, epochs=2,
                      **{'model.target_generator.checkpoint':
                         str(tiny.write_teacher(tmp_path / 'teacher.pth')),
                         'train_dataloader.num_workers': 1})
    runner = RUNNERS.build(cfg)
    with caplog.at_level(logging.WARNING, runner.logger.name):
        runner.logger.addHandler(caplog.handler)
        runner.train()
    messages = [r.getMessage() for r in caplog.records if 'could not be read' in r.getMessage()]
    assert len(messages) == 2 and runner.iter == 2 * 3  # once an epoch, and no batch was lost
    for message, epoch in zip(messages, (1, 2)):
        assert message.startswith(f'2 of 12 images could not be read in epoch {epoch};')
        assert str(cut) in message and '08.png' in message
    listed = (tmp_path / 'run' / 'broken_images.txt').read_text().splitlines()
    assert [line.split(': ')[:2] for line in listed] == [
        [f'epoch {epoch}', str(path)] for epoch in (1, 2) for path in (cut, data / 'train/08.png')]


def test_epoch_end__says_nothing_without_broken_images(tmp_path, caplog):
    data = tiny.write_images(tmp_path / 'images', 4)
    cfg = tiny.config('teachers/moby_swin-t', tmp_path / 'run', data, epochs=2)
    with caplog.at_level(logging.WARNING):
        tiny.train(cfg)
    assert not (tmp_path / 'run' / 'broken_images.txt').exists()
