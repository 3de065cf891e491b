"""Where the teachers stand in a model's config: one beside the student, several by their names."""

from typing import Any, Dict

MODEL, TEACHERS = 'model', 'model.teachers'  # keys of a config


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
