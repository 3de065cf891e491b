"""Features out: what a frozen network makes of each image, in a file that others can read."""

from .embedder import Embedder, features_of, load_embedder
from .embedding import embed_images
from .formats import FORMATS, Features, read_features
from .images import Images, list_source, path_of
from .request import EmbedRequest, check_request

__all__ = ['FORMATS', 'EmbedRequest', 'Embedder', 'Features', 'Images', 'check_request',
           'embed_images', 'features_of', 'list_source', 'load_embedder', 'path_of',
           'read_features']
