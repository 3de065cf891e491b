from .lmdb_backend import LmdbFolderBackend
from .tar_backend import TarBackend
from .tar_scan import ShardError

__all__ = ['LmdbFolderBackend', 'ShardError', 'TarBackend']
