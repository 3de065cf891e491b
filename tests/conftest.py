import pytest
from mmengine.config import Config


@pytest.fixture(autouse=True)
def quick_config_text(monkeypatch):
    """Configs are written without yapf, which takes most of a tiny run's time, eight times a run.

    Runs in processes of their own (tests/tools) write theirs as users do.
    """
    monkeypatch.setattr(Config, 'pretty_text', property(lambda cfg: ''.join(
        f'{key} = {value!r}\n' for key, value in cfg.to_dict().items())))
