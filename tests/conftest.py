import pytest
from mmengine.config import Config
from mmengine.logging import MMLogger


@pytest.fixture(autouse=True)
def quick_config_text(monkeypatch):
    """Configs are written without yapf, which takes most of a tiny run's time, eight times a run.

    Runs in processes of their own (tests/tools) write theirs as users do.
    """
    monkeypatch.setattr(Config, 'pretty_text', property(lambda cfg: ''.join(
        f'{key} = {value!r}\n' for key, value in cfg.to_dict().items())))


@pytest.fixture(autouse=True)
def own_loggers():
    """mmengine gives two runs of one name that begin in the same second one logger, one's files."""
    before = set(MMLogger._instance_dict)
    yield
    for name in MMLogger._instance_dict.keys() - before:
        del MMLogger._instance_dict[name]
