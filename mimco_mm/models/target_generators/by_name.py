"""Teachers by name: all that ``FrozenTeacher`` and the student need to know, worked out.

``timm='NAME'`` and ``timm='NAME=FILE'`` name a model of timm, ``hf='OWNER/MODEL'`` and
``hf='FOLDER'`` one of transformers. What a config says beside the name stays as it says.
"""

import copy
from itertools import islice
from typing import Iterator, NamedTuple, Optional, Sequence, Tuple

from mmpretrain.registry import MODELS

from ...errors import ConfigError, told_at
from ...teacher_parts import teacher_parts
from .names import SIDE, Named, named_teacher
from .sizes import map_shape, shape_of, sized

STEP = 16  # px between the sides that are tried where a teacher's stride gives none
MOST_TRIED = 12  # sides


class Student(NamedTuple):
    """What of a student decides how a teacher is fitted to it."""

    side: int
    width: int
    grid: Tuple[int, ...]
    units: int = 1  # of a mask, along a side

    def fits(self, grid: Sequence[int]) -> bool:
        """Whether ``common_grid`` takes both maps, and ``expand_mask`` what comes of them."""
        pairs = list(zip(grid, self.grid))
        return ((all(a % b == 0 for a, b in pairs) or all(b % a == 0 for a, b in pairs))
                and all(min(pair) % self.units == 0 for pair in pairs))


class Fitted(NamedTuple):
    """A teacher's network for images of a side that fits the student."""

    backbone: dict
    side: int
    width: int


def fit_named_teacher(model: dict, data_preprocessor: Optional[dict] = None,
                      units: int = 1) -> None:
    """Replace each teacher's name in a model's config by all that it stands for.

    That is the teacher's network, file, image size and normalisation, and, for its width, the
    adapter behind the student, ``in_channels`` of necks and of regression heads.

    Args:
        model: config of a ``MimCo`` or of a ``MultiTeacherMimCo``, changed in place.
        data_preprocessor: of the run, which tells how the student's images are normalised.
        units: of a mask, along a side.

    Raises:
        UserError: there is no such teacher, or none whose patches fit the student's.
    """
    for key, part in teacher_parts(model).items():
        with told_at(key):
            named = named_teacher(part['target_generator'])
            if named is not None:
                fit_part(part, named, student_of(model)._replace(units=units),
                         model.get('data_preprocessor') or data_preprocessor or {})


def fit_part(part: dict, named: Named, student: Student, data_preprocessor: dict) -> None:
    """The same of the part of a config that has one teacher."""
    teacher = part['target_generator']
    if isinstance(teacher.get('backbone'), dict):
        named = named._replace(backbone={**named.backbone, **teacher['backbone']})
    fitted = fit_side(named, student, teacher.get('input_size'))
    for key in ('timm', 'hf'):
        teacher.pop(key, None)
    teacher['backbone'] = fitted.backbone
    teacher.setdefault('checkpoint', named.checkpoint)
    if fitted.side != student.side:
        teacher['input_size'] = fitted.side
    norm = dict(mean=list(named.mean), std=list(named.std))
    if not same_norm(norm, data_preprocessor):
        teacher.setdefault('input_norm', norm)
    fit_width(part, student.width, fitted.width)


def student_of(model: dict) -> Student:
    """The map of a student, of which nothing is computed."""
    config = copy.deepcopy(model['backbone'])
    side = config.get('img_size') if isinstance(config.get('img_size'), int) else SIDE
    _, width, *grid = map_shape(MODELS.build(config), side)
    return Student(side, width, tuple(grid))


def fit_side(named: Named, student: Student, wanted: Optional[int] = None) -> Fitted:
    """Find the side of a teacher's images.

    Of the sides whose map is a multiple of the student's, or divides it, that is the one nearest
    to the student's: there a teacher costs what one of the student's size does.

    Raises:
        ConfigError: there is none, or ``wanted`` is none.
    """
    tried = []
    for side in islice([wanted] if wanted else candidates(named, student), MOST_TRIED):
        for backbone in sized(named, side):
            try:
                _, width, *grid = shape_of(backbone, side)
            except ConfigError:
                raise
            except Exception as error:  # the library's, of a side that its network does not take
                told = f'{side} px: {next(iter(str(error).splitlines()), type(error).__name__)}'
                continue
            if student.fits(grid):
                return Fitted(backbone, side, width)
            told = f'{side} px: {" x ".join(map(str, grid))} patches'
        tried.append(told)
    raise ConfigError(
        f'{named.checkpoint} gives no map that fits the {student.grid[0]} x {student.grid[1]} '
        f"patches of the student's {student.side} px: of the two grids one must be a multiple of "
        f'the other, and both of the masks. Tried: {"; ".join(tried)}. Take another teacher.')


def candidates(named: Named, student: Student) -> Iterator[int]:
    """Sides in px, the likeliest first: the student's own, then what a stride makes fit."""
    yield student.side
    try:
        stride = named.side // shape_of(named.backbone, named.side)[-1]
    except ConfigError:
        raise
    except Exception:  # nothing will do, then; its own side tells why
        yield named.side
        return
    least, most = round(student.side / 1.5), 2 * student.side
    steps = {side for step in (stride, STEP) for side in range(step, most + 1, step)
             if side >= least and side != student.side}

    def unlikely(side: int) -> Tuple[bool, int, int]:
        count = side // stride
        return (side % stride > 0 or not count or not student.fits((count, count)),
                abs(side - student.side), -side)

    yield from sorted(steps, key=unlikely)


def same_norm(norm: dict, preprocessor: dict) -> bool:
    """Whether images come to the student as the teacher wants them."""
    return all(len(preprocessor.get(key) or ()) == 3 and all(
        abs(a - b) < 1e-3 for a, b in zip(norm[key], preprocessor[key]))
               for key in ('mean', 'std'))


def fit_width(part: dict, student: int, teacher: int) -> None:
    """Set the adapter between two widths, and the inputs of all that comes after it."""
    if student == teacher:
        part.pop('adapter', None)
    else:
        part['adapter'] = dict(
            type='ChannelAdapter', in_channels=student, out_channels=teacher)
    for name in ('patch_neck', 'image_neck', 'patch_head', 'image_head'):
        level = part.get(name)
        if isinstance(level, dict) and 'in_channels' in level:
            level['in_channels'] = teacher
