from .ground_truth import GroundTruth, GroundTruthError, load_ground_truth
from .labelled_images import LabelError, LabelledImages
from .resilient_dataset import ResilientDataset
from .revisited import RevisitedImages, load_revisited
from .transforms import *  # noqa: F403

__all__ = ['GroundTruth', 'GroundTruthError', 'LabelError', 'LabelledImages', 'ResilientDataset',
           'RevisitedImages', 'load_ground_truth', 'load_revisited']
