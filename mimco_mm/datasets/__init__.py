from .batched_views import Streams, image_seeds, split_views
from .class_names import LabelError, check_same_classes
from .collation import collate_coded, collate_decoded
from .ground_truth import GroundTruth, GroundTruthError, load_ground_truth
from .image_files import SUFFIXES, ImageFiles, centre_crop, image_loader, is_hidden
from .image_folder import ImageFolder, find_classes
from .imagenet_validation import DEVKIT, SOLUTION, validation_classes
from .images_in_memory import ImagesInMemory
from .labelled_images import LabelledImages
from .listing import count_images, find_images, list_images
from .resilient_dataset import ResilientDataset
from .revisited import RevisitedImages, load_revisited
from .storage import TRAINING, LmdbFolderBackend, TarBackend, address_of
from .transforms import *  # noqa: F403

__all__ = ['DEVKIT', 'SOLUTION', 'SUFFIXES', 'TRAINING', 'GroundTruth', 'GroundTruthError',
           'ImageFiles', 'ImageFolder', 'ImagesInMemory', 'LabelError', 'LabelledImages',
           'LmdbFolderBackend', 'ResilientDataset', 'RevisitedImages', 'Streams', 'TarBackend',
           'address_of', 'centre_crop', 'check_same_classes', 'collate_coded', 'collate_decoded',
           'count_images', 'find_classes', 'find_images', 'image_loader', 'image_seeds',
           'is_hidden', 'list_images', 'load_ground_truth', 'load_revisited',
           'split_views', 'validation_classes']
