"""Where the teachers stand in a model's config: one beside the student, several by their names."""

import re
from contextlib import contextmanager
from typing import Any, Dict, Iterator

from .errors import UserError

MODEL, TEACHERS = 'model', 'model.teachers'  # keys of a config
# What a part with one teacher has under its key, and an error may name
KEYS = re.compile(r'\bmodel\.(?=target_generator|adapter|patch_|image_|weight|base_momentum)')


def teacher_parts(model: Any) -> Dict[str, dict]:
    """{key of the config: the part under it that has a ``target_generator``}, in order.

    Args:
        model: config of a model. That of a ``MimCo`` is such a part itself, by the key 'model';
            a ``MultiTeacherMimCo`` has one for each teacher, by 'model.teachers.NAME'.
    """
    if not isinstance(model, dict):
        return {}
    teachers = model.get('teachers')
    parts = ({f'{TEACHERS}.{name}': part for name, part in teachers.items()}
             if isinstance(teachers, dict) else {MODEL: model})
    return {key: part for key, part in parts.items()
            if isinstance(part, dict) and isinstance(part.get('target_generator'), dict)}


@contextmanager
def told_at(key: str) -> Iterator[None]:
    """Let errors of one teacher's part name the keys where it stands in the config."""
    try:
        yield
    except UserError as error:
        if key == MODEL:
            raise
        text = KEYS.sub(f'{key}.', str(error))
        raise type(error)(text if text != str(error) else f'`{key}`: {text}') from error
