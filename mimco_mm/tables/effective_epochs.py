import re
from typing import Mapping, Optional, Sequence, Union

from ..teacher_parts import teacher_parts

# Images that a method trains on for each one of the data set: iBOT's scaling factor r (its
# appendix B), which Table 1 and Figure 2 use. MoBY and MoCo v3 see two views; Table 10's
# multi-task run those and a masked image.
SCALING = {'MimCo': 1, 'MultiTeacherMimCo': 1, 'SimMIM': 1, 'MoBY': 2, 'MoCoV3': 2,
           'SimMIMMoBY': 3}
# A teacher's epochs stand in its file's name: moby_swin_t_300ep_..., vit-s-300ep, epoch_300.
EPOCHS_IN_NAME = re.compile(r'(\d+)ep(?:ochs?)?(?![a-z])|epoch_(\d+)')


def effective_epochs(algorithm: str, epochs: int,
                     teacher: Union[None, str, Sequence[str]] = None) -> Optional[int]:
    """Epochs of pre-training x r, plus those of a contrastive teacher (iBOT; Table 1).

    Args:
        algorithm: type of the model, e.g. 'MimCo'.
        epochs: that it was trained for.
        teacher: path or URL of the frozen teacher's checkpoint, or several. Each is taken as
            trained on two views, as MoBY and MoCo v3 are.

    Returns:
        None where the algorithm is not known, or a teacher's epochs are not in its name.
    """
    if algorithm not in SCALING:
        return None
    teachers = [teacher] if isinstance(teacher, str) else teacher or ()
    found = [EPOCHS_IN_NAME.search(one.rsplit('/', 1)[-1]) for one in teachers]
    if None in found:
        return None
    return epochs * SCALING[algorithm] + sum(2 * int(one[1] or one[2]) for one in found)


def effective_epochs_of_config(config: Mapping) -> Optional[int]:
    """The same of a pre-training config."""
    teachers = [part['target_generator']['checkpoint']
                for part in teacher_parts(config['model']).values()]
    return effective_epochs(config['model']['type'], config['train_cfg']['max_epochs'], teachers)
