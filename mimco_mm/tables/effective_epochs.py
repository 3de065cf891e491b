import re
from typing import Mapping, Optional

# Images that a method trains on for each one of the data set: iBOT's scaling factor r (its
# appendix B), which Table 1 and Figure 2 use. MoBY and MoCo v3 see two views; Table 10's
# multi-task run those and a masked image.
SCALING = {'MimCo': 1, 'SimMIM': 1, 'MoBY': 2, 'MoCoV3': 2, 'SimMIMMoBY': 3}
# A teacher's epochs stand in its file's name: moby_swin_t_300ep_..., vit-s-300ep, epoch_300.
EPOCHS_IN_NAME = re.compile(r'(\d+)ep(?:ochs?)?(?![a-z])|epoch_(\d+)')


def effective_epochs(algorithm: str, epochs: int, teacher: Optional[str] = None) -> Optional[int]:
    """Epochs of pre-training x r, plus those of a contrastive teacher (iBOT; Table 1).

    Args:
        algorithm: type of the model, e.g. 'MimCo'.
        epochs: that it was trained for.
        teacher: path or URL of the frozen teacher's checkpoint. It is taken as trained on two
            views, as MoBY and MoCo v3 are.

    Returns:
        None where the algorithm is not known, or the teacher's epochs are not in its name.
    """
    if algorithm not in SCALING:
        return None
    own = epochs * SCALING[algorithm]
    if teacher is None:
        return own
    found = EPOCHS_IN_NAME.search(teacher.rsplit('/', 1)[-1])
    return own + 2 * int(found[1] or found[2]) if found else None


def effective_epochs_of_config(config: Mapping) -> Optional[int]:
    """The same of a pre-training config."""
    teacher = config['model'].get('target_generator')
    return effective_epochs(config['model']['type'], config['train_cfg']['max_epochs'],
                            teacher['checkpoint'] if teacher else None)
