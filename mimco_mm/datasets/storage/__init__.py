from .addresses import SCHEMES, TRAINING, address_of
from .lmdb_backend import LmdbFolderBackend
from .tar_backend import TarBackend
from .tar_scan import ShardError

__all__ = ['SCHEMES', 'TRAINING', 'LmdbFolderBackend', 'ShardError', 'TarBackend', 'address_of']
