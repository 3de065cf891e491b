import pytest
from mmengine.config import Config


@pytest.fixture
def quick_config_text(monkeypatch):
    """Configs are written without yapf, which takes most of a tiny run's time, eight times."""
    monkeypatch.setattr(Config, 'pretty_text', property(lambda cfg: f'{cfg._cfg_dict!r}\n'))
