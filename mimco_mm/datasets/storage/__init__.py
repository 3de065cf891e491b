from .addresses import TRAINING, address_of
from .lmdb_backend import LmdbFolderBackend
from .tar_backend import TarBackend
from .tar_scan import ShardError

__all__ = ['TRAINING', 'LmdbFolderBackend', 'ShardError', 'TarBackend', 'address_of']
